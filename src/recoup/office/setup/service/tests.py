"""Use cases of tests: note that one was asked for, note what came of it, send a mail to see one arrive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.core.db import lock
from recoup.core.errors import Conflict
from recoup.core.ids import new_id
from recoup.office.journal import service as journal
from recoup.office.messages import outgoing
from recoup.office.messages import service as messages
from recoup.office.setup import queries
from recoup.office.setup.rules import tests
from recoup.office.setup.rules.tests import LastTest
from recoup.settings import Settings


def last(db: Session, names: Sequence[str], *, now: datetime) -> dict[str, LastTest]:
    """Return how each test stands that was ever asked for."""
    events = queries.latest_events(db, [tests.subject(name) for name in names])
    return {
        name: tests.judged(event.kind, event.detail, at=event.at, actor=event.actor, now=now)
        for name in names
        if (event := events.get(tests.subject(name))) is not None
    }


def begin(db: Session, names: Sequence[str], *, actor: str, now: datetime) -> None:
    """Note that tests begin; raise Conflict where one of them runs already."""
    lock(db, "recoup.setup.tests")
    running = [name for name, one in last(db, names, now=now).items() if one.standing == "running"]
    if running:
        raise Conflict(f"{running[0]} is being tested already.", fix="Wait a moment.")
    for name in names:
        journal.record(db, tests.STARTED, tests.subject(name), actor=actor, now=now)


def end(db: Session, name: str, *, status: str, detail: str, fix: str, actor: str, now: datetime) -> None:
    """Note what came of a test."""
    subject = tests.subject(name)
    journal.record(db, tests.ENDED, subject, actor=actor, now=now, status=status, detail=detail, fix=fix)


def send_mail(db: Session, settings: Settings, *, to: str, by: str, now: datetime) -> UUID:
    """Plan a mail that shows that mails arrive; return the delivery's id. Raise Invalid where ``to`` is no address."""
    mail = outgoing.holding(db, settings)
    return messages.send(
        db,
        key=f"setup.test:{new_id()}",
        to=to.strip(),
        template="mail_test",
        context={
            "by": by,
            "at": now,
            "server": f"{mail.host}:{mail.port}" if mail.host else "a folder of this server",
        },
        sender=settings.mail.sender,
        now=now,
    )

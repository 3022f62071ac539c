"""Every SELECT of setup: what the journal tells of files that were brought in, and of tests."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ARRAY, Text, cast, func, select, true
from sqlalchemy.orm import Session, aliased

from recoup.office.journal.models import Event


def latest_events(db: Session, subjects: Collection[str]) -> dict[str, Event]:
    """Return the newest event of each subject that has one; each is one step into an index."""
    wanted = select(func.unnest(cast(list(subjects), ARRAY(Text))).label("subject")).subquery()
    newest = (
        select(Event).where(Event.subject == wanted.c.subject).order_by(Event.id.desc()).limit(1).lateral()
    )
    event = aliased(Event, newest)
    found = db.scalars(select(event).select_from(wanted).join(newest, true()))
    return {one.subject: one for one in found}

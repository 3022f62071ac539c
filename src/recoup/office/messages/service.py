"""Use cases of messages: send one from a template, alert the administrators once a day."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.core.db import lock
from recoup.core.errors import Conflict, Invalid
from recoup.core.parts import DeliveryKind, Go, Planned, Result
from recoup.core.sealing import Sealer
from recoup.office.journal import service as journal
from recoup.office.messages import outgoing, rendering, rules, wording
from recoup.office.messages.models import Message
from recoup.office.outbox import queries as outbox_queries
from recoup.office.outbox import rules as outbox_rules
from recoup.office.outbox import service as outbox
from recoup.office.outbox.models import Delivery, State

CHANNEL = "mail"
DOTS = "••••••"
"""What stands for a secret, wherever a message is shown."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a template names and nobody but the recipient may read: it leaves in the message, sealed until then."""

    context: Mapping[str, str] = field(repr=False)
    sealer: Sealer = field(repr=False)


def send(
    db: Session,
    *,
    key: str,
    to: str,
    template: str,
    context: Mapping[str, object],
    sender: str,
    now: datetime,
    hidden: Hidden | None = None,
    kind: str | None = None,
    attachments: Sequence[rules.Attachment] = (),
) -> UUID:
    """Render ``template`` and plan the message in the caller's transaction; return the delivery's id.

    One message leaves per ``key``: the first that was planned stands, whatever a later one would say; for another
    recipient the key is a Conflict. Raise Invalid when an address cannot be written to, the subject is no line,
    the context lacks what the template names, or the files are too large. ``hidden`` is what the outbox keeps sealed
    and shows as dots; ``kind`` is another kind of delivery, for a part that takes a last look of its own.
    """
    if hidden and attachments:
        raise ValueError("a message with a secret carries no files: nothing could be shown of them")
    recipient, author = rules.address(to), rules.mailbox(outgoing.author(db, sender))
    planned = _planned(db, key)
    if planned is not None:
        if planned.headers["to"] != recipient.addr_spec:
            raise Conflict(f"Message {key} was planned before, to {planned.headers['to']}.")
        return planned.id
    compose = functools.partial(
        rules.compose, key=key, sender=author, to=recipient, now=now, attachments=attachments
    )
    shown = {**context, **dict.fromkeys(hidden.context, DOTS)} if hidden else context
    secret = {**context, **hidden.context} if hidden else None
    version, rendered, sealed_too = wording.rendered(db, template, shown, secret=secret, now=now)
    payload = compose(rendered)
    sealed = None
    if hidden and sealed_too:
        sealed = hidden.sealer.seal(compose(sealed_too), about=outbox_rules.sealed_for(key))
    delivery_id = outbox.plan(
        db,
        outbox.Plan(
            key=key,
            kind=kind or KIND.name,
            channel=CHANNEL,
            subject=f"messages/{template}/{key}",
            payload=payload,
            headers={"from": author.addr_spec, "to": recipient.addr_spec},
            sealed=sealed,
        ),
        now=now,
    )
    db.add(
        Message(
            delivery_id=delivery_id,
            template=template,
            version=version,
            recipient=recipient.addr_spec.lower(),
            subject=rendered.subject,
            is_test=False,
            context=rendering.kept(shown),
        )
    )
    journal.record(
        db,
        "messages.planned",
        f"messages/message/{delivery_id}",
        actor="messages",
        now=now,
        key=key,
        template=template,
        to=recipient.addr_spec,
        **({"files": [rules.file_name(one.name) for one in attachments]} if attachments else {}),
    )
    return delivery_id


def alert(
    db: Session,
    *,
    key: str,
    title: str,
    text: str,
    recipients: Iterable[str],
    sender: str,
    now: datetime,
    todo: str = "",
) -> list[UUID]:
    """Tell each recipient that something needs a person, at most once per ``key`` and UTC day.

    ``todo`` says what to do. The first alert of the day stands, whatever a later one would say. What was to be
    reported must not be undone by its report: title and text are made to fit, and a recipient who cannot be
    written to is noted in the journal and left out.
    """
    context = {"title": rules.one_line(title), "text": rules.shortened(text), "todo": todo, "at": now}
    deliveries = []
    for to in dict.fromkeys(recipients):
        try:
            recipient = rules.address(to)
        except Invalid as error:
            journal.record(
                db,
                "messages.unaddressable",
                f"messages/alert/{key}",
                actor="messages",
                now=now,
                reason=error.detail,
            )
            continue
        delivery_key = rules.alert_key(key, to=recipient, now=now)
        deliveries.append(
            send(db, key=delivery_key, to=to, template="alert", context=context, sender=sender, now=now)
        )
    return deliveries


def _planned(db: Session, key: str) -> Delivery | None:
    """Keep others from planning under ``key`` until this transaction ends, and return what stands there."""
    lock(db, f"recoup.message:{key}")
    known = outbox_queries.digests(db, [key])
    return outbox_queries.by_id(db, known[key][0]) if key in known else None


def _before(db: Session, planned: Planned, now: datetime) -> Go:  # noqa: ARG001 - the outbox's shape
    return Go()


def _after(db: Session, planned: Planned, result: Result, now: datetime) -> None:
    if result.state == State.REFUSED:
        journal.record(
            db,
            "messages.refused",
            f"messages/message/{planned.id}",
            actor="messages",
            now=now,
            key=planned.key,
            reason=result.reason,
        )


KIND = DeliveryKind("message", before=_before, after=_after)
"""What the outbox asks before and after it hands over a message."""

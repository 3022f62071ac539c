"""Use cases of invitations: the mail as it will leave, before it does; and the link itself where no mail leaves."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from recoup.core.errors import NotFound
from recoup.core.sealing import Sealer
from recoup.office.outbox import queries as outbox
from recoup.office.people.models import Person
from recoup.office.people.permissions import Role
from recoup.office.people.service import links, people
from recoup.office.people.service.links import Printed


@dataclass(frozen=True, slots=True)
class MailPreview:
    """A mail as its recipient will read it, with dots in place of the link."""

    to: str
    sender: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Invited:
    """Somebody who was invited; ``printed`` is their link where no mail leaves, to be handed over by other means."""

    person: Person
    printed: Printed | None


def preview(
    db: Session,
    *,
    address: str,
    role: Role,
    name: str,
    portal: str,
    sealer: Sealer,
    sender: str,
    actor: str,
    now: datetime,
) -> MailPreview:
    """Return the mail of an invitation: made in full, read, and taken back. Raise what inviting would raise."""
    made = db.begin_nested()
    try:
        person = people.add(db, address=address, role=role, name=name, actor=actor, now=now)
        delivery_id = links.mail_link(
            db, person, portal=portal, sealer=sealer, sender=sender, actor=actor, now=now
        )
        delivery = outbox.by_id(db, delivery_id)
        if delivery is None:  # pragma: no cover - planned a moment ago
            raise NotFound("The mail was not planned.")
        payload = delivery.payload
    finally:
        made.rollback()
    message = email.message_from_bytes(payload, policy=email.policy.default)
    body = message.get_body(("plain",)) if isinstance(message, email.message.EmailMessage) else None
    text = body.get_content() if body is not None else ""
    return MailPreview(message["To"], message["From"], message["Subject"], text.strip())


def invite(
    db: Session,
    *,
    address: str,
    role: Role,
    name: str,
    mails_leave: bool,
    portal: str,
    sealer: Sealer,
    sender: str,
    actor: str,
    now: datetime,
) -> Invited:
    """Add somebody and mail them a link, or return it where mails do not leave this installation."""
    person = people.add(db, address=address, role=role, name=name, actor=actor, now=now)
    return welcome(
        db,
        person,
        mails_leave=mails_leave,
        portal=portal,
        sealer=sealer,
        sender=sender,
        actor=actor,
        now=now,
    )


def welcome(
    db: Session,
    person: Person,
    *,
    mails_leave: bool,
    portal: str,
    sealer: Sealer,
    sender: str,
    actor: str,
    now: datetime,
) -> Invited:
    """Mail somebody another link, or return it where mails do not leave; earlier ones no longer work."""
    if mails_leave:
        links.mail_link(db, person, portal=portal, sealer=sealer, sender=sender, actor=actor, now=now)
        return Invited(person, None)
    printed = links.print_link(db, person, counts_as_factor=False, actor=actor, now=now)
    return Invited(person, printed)

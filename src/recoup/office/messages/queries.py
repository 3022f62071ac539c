"""Every SELECT of messages and their templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from recoup.core.keyset import Slice
from recoup.office.journal.models import Event
from recoup.office.messages.models import Draft, Message, TemplateVersion
from recoup.office.outbox.models import Delivery
from recoup.web.lists import Wanted

MOST_EVENTS = 50
MOST_VERSIONS = 200


@dataclass(frozen=True, slots=True)
class Mail:
    """A message and how its delivery stands."""

    id: UUID
    recipient: str
    subject: str
    template: str
    version: int
    is_test: bool
    state: str
    reason: str | None
    created_at: datetime
    updated_at: datetime


def mails_page(db: Session, wanted: Wanted) -> Slice[Mail]:
    """Return a page of the list of mails; ``to`` finds recipients by how they begin."""
    statement = select(Message, *_STANDING).join(Delivery, Delivery.id == Message.delivery_id)
    statement = statement.options(defer(Message.context))
    filters = wanted.filters
    if "to" in filters:
        statement = statement.where(Message.recipient.startswith(filters["to"].lower(), autoescape=True))
    if "template" in filters:
        statement = statement.where(Message.template == filters["template"])
    if "state" in filters:
        statement = statement.where(Delivery.state == filters["state"])
    page = wanted.page_of(db, statement, key=[Message.delivery_id])
    return Slice([_mail(*row) for row in page.rows], page.next)


_STANDING = (Delivery.state, Delivery.reason, Delivery.created_at, Delivery.updated_at)


def _mail(
    message: Message, state: str, reason: str | None, created_at: datetime, updated_at: datetime
) -> Mail:
    return Mail(
        id=message.delivery_id,
        recipient=message.recipient,
        subject=message.subject,
        template=message.template,
        version=message.version,
        is_test=message.is_test,
        state=state,
        reason=reason,
        created_at=created_at,
        updated_at=updated_at,
    )


def by_delivery(db: Session, delivery_id: UUID) -> Message | None:
    """Return what a delivery says as a message."""
    return db.get(Message, delivery_id)


def to_recipient(db: Session, beginning: str, *, limit: int) -> Sequence[Message]:
    """Return the latest messages to addresses that begin so."""
    found = select(Message).where(Message.recipient.startswith(beginning.lower(), autoescape=True))
    return db.scalars(found.order_by(Message.delivery_id.desc()).limit(limit)).all()


def latest_messages(db: Session, template: str, *, limit: int) -> Sequence[Message]:
    """Return the latest messages of a template that were no tests."""
    real = select(Message).where(Message.template == template, Message.is_test.is_(False))
    return db.scalars(real.order_by(Message.delivery_id.desc()).limit(limit)).all()


def latest(db: Session, name: str) -> TemplateVersion | None:
    """Return the latest version of a template, or None where nobody ever changed it."""
    versions = select(TemplateVersion).where(TemplateVersion.name == name)
    return db.scalars(versions.order_by(TemplateVersion.version.desc()).limit(1)).first()


def version(db: Session, name: str, number: int) -> TemplateVersion | None:
    """Return one version of a template."""
    return db.get(TemplateVersion, (name, number))


def history(db: Session, name: str) -> Sequence[TemplateVersion]:
    """Return the latest versions of a template, newest first."""
    versions = select(TemplateVersion).where(TemplateVersion.name == name)
    return db.scalars(versions.order_by(TemplateVersion.version.desc()).limit(MOST_VERSIONS)).all()


def draft(db: Session, name: str, actor: str) -> Draft | None:
    """Return what somebody typed and did not save."""
    return db.get(Draft, (name, actor), populate_existing=True)


def fell_back(db: Session, *, since: datetime) -> Sequence[Event]:
    """Return the events that tell of templates which could not be used."""
    found = select(Event).where(Event.kind == "messages.fell_back", Event.at > since)
    return db.scalars(found.order_by(Event.id.desc()).limit(MOST_EVENTS)).all()


def fell_back_lately(db: Session) -> Sequence[Event]:
    """Return the latest events that tell of a template which could not be used, where its version still holds."""
    found = (
        select(Event).where(Event.kind == "messages.fell_back").order_by(Event.id.desc()).limit(MOST_EVENTS)
    )
    held: dict[str, Event] = {}
    for event in db.scalars(found).all():
        row = latest(db, event.detail["template"])
        if row is not None and row.version == event.detail["version"]:
            held.setdefault(row.name, event)
    return list(held.values())

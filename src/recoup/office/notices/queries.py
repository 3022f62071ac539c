"""Every SELECT on notices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from recoup.office.notices.models import NumberCode, Phone, PushKeys, Subscription
from recoup.office.outbox.models import Delivery
from recoup.office.people.models import Person

ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Way:
    """A way that somebody switched on: a number, or a browser by what is sealed of it."""

    channel: str
    number: str | None
    subscription: UUID | None
    label: str | None
    sealed: bytes | None = field(repr=False)


def ways_of(db: Session, person_id: UUID) -> list[Way]:
    """Return the ways that somebody switched on, in one SELECT; none for who may not come in any more.

    The function of the database (migration 0011) finds them for whoever tells: a reviewer sees them in no other way.
    """
    names = ("channel", "number", "subscription", "label", "sealed")
    found = func.notices_ways_of(person_id).table_valued(*names)
    rows = db.execute(select(found)).all()
    return [Way(row.channel, row.number, row.subscription, row.label, row.sealed) for row in rows]


def was_told(db: Session, key: str) -> bool:
    """Say whether a notice was planned under a key before, whichever ways it took."""
    known = or_(Delivery.key == f"{key}:sms", Delivery.key.startswith(f"{key}:push:", autoescape=True))
    return db.scalars(select(Delivery.id).where(known).limit(1)).first() is not None


def is_active(db: Session, person_id: UUID) -> bool:
    """Say whether somebody may still come in."""
    found = select(Person.id).where(Person.id == person_id, Person.state == ACTIVE)
    return db.scalars(found).first() is not None


def phone(db: Session, person_id: UUID, *, for_update: bool = False) -> Phone | None:
    """Return somebody's verified number, on request locked until the transaction ends."""
    return db.get(Phone, person_id, populate_existing=True, with_for_update=for_update or None)


def open_code(db: Session, person_id: UUID) -> NumberCode | None:
    """Return the code that somebody asked for last, where it is neither used nor over; it may be too old."""
    found = select(NumberCode).where(
        NumberCode.person_id == person_id, NumberCode.used_at.is_(None), NumberCode.ended_at.is_(None)
    )
    return db.scalars(found.execution_options(populate_existing=True)).one_or_none()


def code(db: Session, code_id: UUID) -> NumberCode | None:
    """Return one request for a code."""
    return db.get(NumberCode, code_id, populate_existing=True)


def codes_of(db: Session, person_id: UUID, *, since: datetime) -> Sequence[datetime]:
    """Return when somebody's codes were made, newest first."""
    found = select(NumberCode.created_at).where(
        NumberCode.person_id == person_id, NumberCode.created_at > since
    )
    return db.scalars(found.order_by(NumberCode.created_at.desc())).all()


def codes_to(db: Session, number: str, *, since: datetime) -> Sequence[datetime]:
    """Return when codes to a number were made, whoever asked, newest first."""
    found = select(NumberCode.created_at).where(NumberCode.number == number, NumberCode.created_at > since)
    return db.scalars(found.order_by(NumberCode.created_at.desc())).all()


def newest_codes(db: Session, *, since: datetime, limit: int) -> Sequence[datetime]:
    """Return when the newest codes of the whole house were made, newest first."""
    found = select(NumberCode.created_at).where(NumberCode.created_at > since)
    return db.scalars(found.order_by(NumberCode.created_at.desc()).limit(limit)).all()


def devices_of(db: Session, person_id: UUID) -> Sequence[Subscription]:
    """Return somebody's browsers, oldest first."""
    found = select(Subscription).where(Subscription.person_id == person_id)
    return db.scalars(found.order_by(Subscription.id)).all()


def device(db: Session, subscription_id: UUID) -> Subscription | None:
    """Return one browser."""
    return db.get(Subscription, subscription_id, populate_existing=True)


def device_at(db: Session, endpoint_hash: bytes) -> Subscription | None:
    """Return the browser with an address, whosever it is, locked until the transaction ends."""
    found = select(Subscription).where(Subscription.endpoint_hash == endpoint_hash)
    return db.scalars(found.with_for_update()).one_or_none()


def push_keys(db: Session) -> PushKeys | None:
    """Return the key pair of this installation, its private half sealed."""
    return db.get(PushKeys, 1)


@dataclass(frozen=True, slots=True)
class Reached:
    """How many people can be told, by way."""

    sms: int
    push: int


def reached(db: Session) -> Reached:
    """Count the people who switched a way on."""
    return Reached(
        sms=db.scalar(select(func.count()).select_from(Phone).where(Phone.is_wanted)) or 0,
        push=db.scalar(select(func.count(func.distinct(Subscription.person_id)))) or 0,
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """Somebody who can be told, and how."""

    person: UUID
    address: str
    number: str | None
    is_wanted: bool
    devices: int


def listed(db: Session, *, limit: int) -> list[Listed]:
    """Return people who switched a way on or verified a number, by their address."""
    browsers = (
        select(Subscription.person_id, func.count().label("devices"))
        .group_by(Subscription.person_id)
        .subquery()
    )
    found = (
        select(Person.id, Person.address, Phone.number, Phone.is_wanted, browsers.c.devices)
        .outerjoin(Phone, Phone.person_id == Person.id)
        .outerjoin(browsers, browsers.c.person_id == Person.id)
        .where(or_(Phone.person_id.is_not(None), browsers.c.devices.is_not(None)))
        .order_by(Person.address)
        .limit(limit)
    )
    return [
        Listed(row.id, row.address, row.number, bool(row.is_wanted), int(row.devices or 0))
        for row in db.execute(found)
    ]

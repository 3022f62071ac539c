"""What the pages of people read: lists a page at a time, sessions that still hold, and an open request for a code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from recoup.core.keyset import Slice
from recoup.office.people.models import Access, Challenge, Person, SignIn
from recoup.office.people.permissions import Role
from recoup.office.people.queries import HAS_FACTOR, IS_OPEN
from recoup.web.lists import Wanted


@dataclass(frozen=True, slots=True)
class Listed:
    """Somebody as the list of people shows them."""

    person: Person
    has_factor: bool


def open_attempt(db: Session, attempt_hash: bytes, *, now: datetime) -> Challenge | None:
    """Return the request for a code that an attempt has open."""
    wanted = select(Challenge).where(
        Challenge.attempt_hash == attempt_hash, IS_OPEN, Challenge.expires_at > now
    )
    return db.scalars(wanted).one_or_none()


def people_page(db: Session, wanted: Wanted) -> Slice[Listed]:
    """Return a page of the list of people; filters ``text``, ``role`` and ``state`` narrow it."""
    statement = select(Person, HAS_FACTOR)
    if "text" in wanted.filters:
        statement = statement.where(_named(wanted.filters["text"]))
    for name, column in (("role", Person.role), ("state", Person.state)):
        if name in wanted.filters:
            statement = statement.where(column == wanted.filters[name])
    key = [Person.address] if wanted.order.name == "address" else [Person.id]
    found = wanted.page_of(db, statement, key=key)
    return Slice([Listed(*row) for row in found.rows], found.next)


def people_named(db: Session, text: str, *, limit: int = 10) -> Sequence[Person]:
    """Return people in whose address or name ``text`` stands."""
    return db.scalars(select(Person).where(_named(text)).order_by(Person.address).limit(limit)).all()


def sessions_that_hold(
    db: Session, person_id: UUID, *, now: datetime, idle_minutes: int, limit: int = 100
) -> Sequence[SignIn]:
    """Return where somebody is signed in right now, the last seen first."""
    awake = or_(SignIn.kind == "program", SignIn.last_seen_at > now - timedelta(minutes=idle_minutes))
    holding = select(SignIn).where(
        SignIn.person_id == person_id, SignIn.ended_at.is_(None), SignIn.expires_at > now, awake
    )
    return db.scalars(holding.order_by(SignIn.last_seen_at.desc(), SignIn.id.desc()).limit(limit)).all()


def administrators_with_factor(db: Session) -> int:
    """Return how many administrators who may come in set up a second factor."""
    statement = select(func.count()).select_from(Person)
    wanted = statement.where(Person.role == Role.ADMINISTRATOR, Person.state == "active", HAS_FACTOR)
    return int(db.execute(wanted).scalar_one())


def access_page(db: Session, wanted: Wanted) -> Slice[Access]:
    """Return a page of the access log; filters ``person``, ``action``, ``address``, ``from`` and ``to`` narrow it."""
    statement, filters = select(Access), wanted.filters
    if "person" in filters:
        person = select(Person.id).where(Person.address == filters["person"]).scalar_subquery()
        statement = statement.where(Access.person_id == person)
    for name, column in (("action", Access.action), ("address", Access.address)):
        if name in filters:
            statement = statement.where(column == filters[name])
    if (since := wanted.since("from")) is not None:
        statement = statement.where(Access.at >= since)
    if (until := wanted.until("to")) is not None:
        statement = statement.where(Access.at < until)
    return wanted.page_of(db, statement, key=[Access.id])


def _named(text: str) -> ColumnElement[bool]:
    wanted = text.lower()
    return or_(
        Person.address.contains(wanted, autoescape=True),
        func.lower(Person.name).contains(wanted, autoescape=True),
    )

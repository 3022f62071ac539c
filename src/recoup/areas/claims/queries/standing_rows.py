"""How claims stand at this moment: how many are open, late, flagged or unpaid, and what that is worth.

What a page or the overview asks again and again is bounded, and read from indexes of what is open alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, DateTime, Integer, Select, func, literal, select, text
from sqlalchemy.orm import Session

from recoup.areas.claims.models import (
    OPEN,
    Claim,
    Decision,
    DecisionState,
    Document,
    DocumentState,
    Payment,
    PaymentState,
)

AGES = (timedelta(days=2), timedelta(days=5), timedelta(days=10), timedelta(days=30))
"""Where the ages of open claims are told apart."""
MOST_COUNTED = 1_000
"""Beyond so many a page says "1,000+"."""
MOST_SUMMED = 10_000
"""Claims that are summed up; beyond so many a sum reads "more than"."""


@dataclass(frozen=True, slots=True)
class Ageing:
    """Open claims of a status and age (counted from 0, see ``AGES``)."""

    status: str
    age: int
    claims: int


def ageing(db: Session, *, now: datetime) -> list[Ageing]:
    """Count open claims by how long ago they were filed, the youngest first."""
    edges = literal([now - age for age in reversed(AGES)], ARRAY(DateTime(timezone=True)))
    bucket = func.width_bucket(Claim.created_at, edges, type_=Integer)
    statement = select(Claim.status, bucket, func.count()).where(text(OPEN)).group_by(Claim.status, bucket)
    return [Ageing(status, len(AGES) - at, count) for status, at, count in db.execute(statement)]


def open_by_assignee(db: Session) -> dict[UUID | None, int]:
    """Return how many open claims each reviewer has; None: nobody has them."""
    statement = select(Claim.assignee_id, func.count()).where(text(OPEN)).group_by(Claim.assignee_id)
    return {row[0]: row[1] for row in db.execute(statement)}


@dataclass(frozen=True, slots=True)
class Sums:
    """So many claims, at most ``MOST_SUMMED`` + 1, and their sum by currency, minor units."""

    claims: int
    minor_by_currency: Mapping[str, int]


def at_risk(db: Session, *, now: datetime) -> Sums:
    """Sum up what is claimed on open claims that are overdue or have a flag that nobody looked at."""
    return _sums(db, select(Claim.currency, Claim.claim_minor).where(text(OPEN), is_at_risk(now)))


def unpaid(db: Session) -> Sums:
    """Sum up what was approved and is neither paid nor void."""
    still_open = Payment.state == PaymentState.OPEN
    return _sums(db, select(Payment.currency, Payment.amount_minor).where(still_open))


def is_at_risk(now: datetime) -> ColumnElement[bool]:
    """Return the condition that an open claim is overdue or flagged."""
    return (Claim.due_at < now) | (Claim.open_flags > 0)


def _sums(db: Session, statement: Select[str, int]) -> Sums:
    some = statement.limit(MOST_SUMMED + 1).subquery()
    currency, minor = some.columns
    rows = db.execute(select(currency, func.count(), func.sum(minor)).group_by(currency)).all()
    return Sums(sum(count for _, count, _ in rows), {name: int(total) for name, _, total in rows})


@dataclass(frozen=True, slots=True)
class Counts:
    """How many open claims there are of each sort, each at most ``MOST_COUNTED`` + 1."""

    open: int
    overdue: int
    flagged: int
    asked: int
    second: int
    mine: int
    nobodys: int


def _counted(table: str, where: str) -> str:
    return f"(select count(*) from (select from {table} where {where} limit {MOST_COUNTED + 1}) as bounded)"


# As text, because every look at the queue asks it: put together anew each time, it would take half as long again.
_COUNTS = text(
    "select "
    + ", ".join(
        _counted(table, where)
        for table, where in (
            ("claims", OPEN),
            ("claims", f"{OPEN} and due_at < :now"),
            ("claims", f"{OPEN} and open_flags > 0"),
            ("claims", f"{OPEN} and asked_at is not null"),
            ("claims_decisions", "state = 'waiting'"),
            ("claims", f"{OPEN} and assignee_id = cast(:person as uuid)"),
            ("claims", f"{OPEN} and assignee_id is null"),
        )
    )
)


def counts(db: Session, *, person: UUID | None, now: datetime) -> Counts:
    """Count what is open, for the tabs of the queue; ``person`` is who looks."""
    return Counts(*db.execute(_COUNTS, {"now": now, "person": person}).one())


def overdue(db: Session, *, now: datetime) -> tuple[int, datetime | None]:
    """Return how many open claims are overdue (at most ``MOST_COUNTED`` + 1), and since when the first one is."""
    some = (
        select(Claim.due_at)
        .where(text(OPEN), Claim.due_at < now)
        .order_by(Claim.due_at)
        .limit(MOST_COUNTED + 1)
    ).subquery()
    count, first = db.execute(select(func.count(), func.min(some.c.due_at))).one()
    return int(count), first


def waiting_for_second(db: Session) -> tuple[int, datetime | None]:
    """Return how many decisions wait for a second person, and since when the first one does."""
    waiting = Decision.state == DecisionState.WAITING
    count, first = db.execute(select(func.count(), func.min(Decision.first_at)).where(waiting)).one()
    return int(count), first


def held_documents(db: Session) -> tuple[int, datetime | None]:
    """Return how many documents the virus scanner has not looked at, and since when the first one waits."""
    held = Document.state == DocumentState.HELD
    count, first = db.execute(select(func.count(), func.min(Document.uploaded_at)).where(held)).one()
    return int(count), first

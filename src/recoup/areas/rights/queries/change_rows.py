"""Changes of snapshots: the heaviest, by cause, for one thing, and between any two days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recoup.areas.rights.models import Change
from recoup.core.keyset import Slice, slice_of

AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class CauseSum:
    """How many changes have a cause, and what they weigh together in views."""

    cause: str
    count: int
    weight: int


def by_cause(db: Session, report_id: UUID) -> list[CauseSum]:
    """Return the causes of a snapshot's changes, the most frequent first."""
    rows = db.execute(
        select(Change.cause, func.count(), func.coalesce(func.sum(Change.weight), 0))
        .where(Change.report_id == report_id)
        .group_by(Change.cause)
        .order_by(func.count().desc(), Change.cause)
    )
    return [CauseSum(cause, count, int(weight)) for cause, count, weight in rows]


def heaviest(db: Session, report_id: UUID, sort: str, *, most: int) -> Iterator[Change]:
    """Yield the changes of one sort, the heaviest first, in portions."""
    statement = (
        select(Change)
        .where(Change.report_id == report_id, Change.sort == sort)
        .order_by(Change.weight.desc(), Change.key.desc())
        .limit(most)
        .execution_options(yield_per=AT_ONCE)
    )
    for change in db.scalars(statement):
        yield change
        db.expunge(change)


def of_versions(db: Session, key: str, report_ids: Sequence[UUID]) -> Sequence[Change]:
    """Return the changes of one thing in the snapshots that its versions begin with."""
    return db.scalars(select(Change).where(Change.report_id.in_(report_ids), Change.key == key)).all()


def keys_between(
    db: Session, series_id: UUID, *, after: date, until: date, beyond: str = "", limit: int = AT_ONCE
) -> Sequence[str]:
    """Return keys that changed after a day and until another (inclusive), in their order, ``beyond`` a key."""
    return db.scalars(
        select(Change.key)
        .where(Change.series_id == series_id, Change.day > after, Change.day <= until, Change.key > beyond)
        .distinct()
        .order_by(Change.key)
        .limit(limit)
    ).all()


def heaviest_of(
    db: Session,
    report_id: UUID,
    *,
    sort: str | None = None,
    cause: str | None = None,
    after: str | None = None,
    limit: int,
) -> Slice[Change]:
    """Return the heaviest changes of a snapshot, of one sort or cause or of all."""
    statement = select(Change).where(Change.report_id == report_id)
    if sort is not None:
        statement = statement.where(Change.sort == sort)
    if cause is not None:
        statement = statement.where(Change.cause == cause)
    return slice_of(db, statement, key=[Change.weight, Change.key], after=after, limit=limit)

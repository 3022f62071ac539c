"""Every SELECT of usage over time: exact sums by day, contract and dimension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recoup.areas.metering.models import Entry

MOST_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class DayOfUsage:
    """What was measured of a contract and dimension on a UTC day, and what it is worth where priced."""

    day: datetime
    contract: str
    dimension: str
    measured: Decimal
    amount: Decimal | None


def by_day(db: Session, stream_id: UUID, *, since: datetime, until: datetime) -> Sequence[DayOfUsage]:
    """Return a stream's usage of the hours from ``since`` on and before ``until``, day by day."""
    day = func.date_trunc("day", Entry.hour, "UTC")
    statement = (
        select(day, Entry.contract, Entry.dimension, func.sum(Entry.measured), func.sum(Entry.amount))
        .where(Entry.stream_id == stream_id, Entry.hour >= since, Entry.hour < until)
        .group_by(day, Entry.contract, Entry.dimension)
        .limit(MOST_ROWS)
    )
    return [DayOfUsage(*row) for row in db.execute(statement)]

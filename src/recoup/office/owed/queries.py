"""Every SELECT of the book of what is owed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from recoup.office.owed.models import OwedItem


@dataclass(frozen=True, slots=True)
class LapsingHour:
    """What lapses within one UTC hour: how many items, and their sum per currency (None: no price known)."""

    hour: datetime
    currency: str | None
    items: int
    amount_minor: int


def by_key(db: Session, key: str) -> OwedItem | None:
    """Return the item under ``key``."""
    statement = select(OwedItem).where(OwedItem.key == key).execution_options(populate_existing=True)
    return db.scalars(statement).one_or_none()


def lapsing_by_hour(db: Session, *, until: datetime, limit: int = 500) -> Sequence[LapsingHour]:
    """Return what is open and lapses before ``until``, per hour and currency, largest sum first in each hour."""
    hour = func.date_trunc("hour", OwedItem.lapses_at, "UTC")
    amount = func.coalesce(func.sum(OwedItem.amount_minor), 0)
    statement = (
        select(hour, OwedItem.currency, func.count(), amount)
        .where(OwedItem.state == "open", OwedItem.lapses_at < until)
        .group_by(hour, OwedItem.currency)
        .order_by(hour, amount.desc())
        .limit(limit)
    )
    return [
        LapsingHour(at, currency, items, int(total)) for at, currency, items, total in db.execute(statement)
    ]


def open_items(
    db: Session, *, area: str | None = None, after: UUID | None = None, limit: int = 100
) -> Sequence[OwedItem]:
    """Return open items, the next to lapse first; ``after`` (an item's id) continues a page."""
    statement = select(OwedItem).where(OwedItem.state == "open")
    if area is not None:
        statement = statement.where(OwedItem.area == area)
    last = db.get(OwedItem, after) if after is not None else None
    if last is not None:
        later = and_(OwedItem.lapses_at.is_not_distinct_from(last.lapses_at), OwedItem.id > last.id)
        if last.lapses_at is not None:
            later = or_(later, OwedItem.lapses_at > last.lapses_at, OwedItem.lapses_at.is_(None))
        statement = statement.where(later)
    return db.scalars(statement.order_by(OwedItem.lapses_at.nulls_last(), OwedItem.id).limit(limit)).all()

"""Every SELECT of the book of what is owed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, and_, func, literal_column, or_, select
from sqlalchemy.orm import Session

from recoup.core.keyset import Slice
from recoup.office.owed.models import OwedItem
from recoup.web.lists import Choices, Wanted

MOST_COUNTED = 10_000
"""Beyond so many a figure reads "more than"."""
_LAPSES = literal_column(
    "coalesce(owed_items.lapses_at, '9000-01-01 00:00:00+00'::timestamptz)", DateTime(timezone=True)
)
"""What an index carries: what never lapses comes last."""


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


def items_page(db: Session, wanted: Wanted) -> Slice[OwedItem]:
    """Return a page of the list: by state, area, a part of the party's name, and the last day on which it lapses."""
    statement, filters = select(OwedItem), wanted.filters
    if state := filters.get("state"):
        statement = statement.where(OwedItem.state == state)
    if area := filters.get("area"):
        statement = statement.where(OwedItem.area == area)
    if party := filters.get("party"):
        statement = statement.where(OwedItem.party.icontains(party, autoescape=True))
    if (until := wanted.until("until")) is not None:
        statement = statement.where(OwedItem.lapses_at < until)
    by_lapse = wanted.order.name.startswith("lapses")
    return wanted.page_of(db, statement, key=[_LAPSES, OwedItem.id] if by_lapse else [OwedItem.id])


def area_choices(db: Session) -> Choices:
    """Return the areas that something open is owed in."""
    found = db.scalars(
        select(OwedItem.area).where(OwedItem.state == "open").distinct().order_by(OwedItem.area)
    )
    return tuple((area, area) for area in found)


@dataclass(frozen=True, slots=True)
class Sums:
    """What is open: how many items (at most 10,001), how many without a price, and their sum per currency."""

    items: int
    unpriced: int
    minor_by_currency: dict[str, int]


def sums(db: Session, *, lapses_before: datetime | None = None) -> Sums:
    """Return what is open, or what of it lapses before an instant; the first 10,001 to lapse are looked at."""
    statement = select(OwedItem.currency, OwedItem.amount_minor).where(OwedItem.state == "open")
    if lapses_before is not None:
        statement = statement.where(OwedItem.lapses_at < lapses_before)
    some = statement.order_by(OwedItem.lapses_at).limit(MOST_COUNTED + 1).subquery()
    total = select(some.c.currency, func.count(), func.coalesce(func.sum(some.c.amount_minor), 0)).group_by(
        some.c.currency
    )
    rows = db.execute(total).all()
    return Sums(
        items=sum(count for _, count, _ in rows),
        unpriced=sum(count for currency, count, _ in rows if currency is None),
        minor_by_currency={currency: int(minor) for currency, _, minor in rows if currency is not None},
    )


def open_keys(db: Session, prefix: str) -> Sequence[str]:
    """Return the keys of open items that begin with ``prefix``."""
    statement = select(OwedItem.key).where(OwedItem.state == "open")
    return db.scalars(
        statement.where(OwedItem.key.startswith(prefix, autoescape=True)).order_by(OwedItem.key)
    ).all()

"""Use cases of the book of what is owed: put an item under a key, settle it, let it lapse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from recoup.core.ids import new_id
from recoup.core.money import Money
from recoup.office.owed.models import OwedItem

# One statement for any number of items, whose plan and text stay the same.
_PUT = text(
    """
    insert into owed_items
        (id, key, area, party, title, link, amount_minor, currency, weight, weight_unit, lapses_at, state, opened_at)
    select item.*, 'open', :now
    from unnest(
        cast(:ids as uuid[]), cast(:keys as text[]), cast(:areas as text[]), cast(:parties as text[]),
        cast(:titles as text[]), cast(:links as text[]), cast(:amounts as bigint[]),
        cast(:currencies as text[]), cast(:weights as bigint[]), cast(:units as text[]),
        cast(:lapses as timestamptz[])
    ) as item
    on conflict (key) do update set
        party = excluded.party, title = excluded.title, link = excluded.link,
        amount_minor = excluded.amount_minor, currency = excluded.currency, weight = excluded.weight,
        weight_unit = excluded.weight_unit, lapses_at = excluded.lapses_at,
        state = excluded.state, ended_at = null, reason = null
    """
)


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed: ``key`` is the area's own name for it, ``link`` leads back there, ``amount`` where it is known.

    ``weight`` says how much it matters where no price is known: a count and its unit, ``(51_000, "views")``.
    """

    key: str
    area: str
    party: str
    title: str
    link: str
    amount: Money | None
    lapses_at: datetime | None
    weight: tuple[int, str] | None = None


def put(db: Session, item: Owed, *, now: datetime) -> None:
    """Write down what is owed under a key, or bring what stands there up to date (a closed item opens again)."""
    put_all(db, [item], now=now)


def put_all(db: Session, items: Sequence[Owed], *, now: datetime) -> None:
    """Write down many at once."""
    if not items:
        return
    columns = {
        "ids": [new_id() for _ in items],
        "keys": [item.key for item in items],
        "areas": [item.area for item in items],
        "parties": [item.party for item in items],
        "titles": [item.title for item in items],
        "links": [item.link for item in items],
        "amounts": [item.amount.minor if item.amount else None for item in items],
        "currencies": [item.amount.currency if item.amount else None for item in items],
        "weights": [item.weight[0] if item.weight else None for item in items],
        "units": [item.weight[1] if item.weight else None for item in items],
        "lapses": [item.lapses_at for item in items],
    }
    db.execute(_PUT, columns | {"now": now})


def settle(db: Session, *keys: str, reason: str, now: datetime) -> None:
    """Close items: paid, submitted, or not owed after all. A key without an open item is fine."""
    _end(db, keys, state="settled", reason=reason, now=now)


def lapse(db: Session, *keys: str, reason: str, now: datetime) -> None:
    """Close items as lost: their time is over."""
    _end(db, keys, state="lapsed", reason=reason, now=now)


def _end(db: Session, keys: Sequence[str], *, state: str, reason: str, now: datetime) -> None:
    still_open = update(OwedItem).where(OwedItem.key.in_(keys), OwedItem.state == "open")
    db.execute(still_open.values(state=state, ended_at=now, reason=reason))

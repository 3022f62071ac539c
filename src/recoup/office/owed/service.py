"""Use cases of the book of what is owed: put an item under a key, settle it, let it lapse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recoup.core.ids import new_id
from recoup.core.money import Money
from recoup.office.owed.models import OwedItem

_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed: ``key`` is the area's own name for it, ``link`` leads back there, ``amount`` where it is known."""

    key: str
    area: str
    party: str
    title: str
    link: str
    amount: Money | None
    lapses_at: datetime | None


def put(db: Session, item: Owed, *, now: datetime) -> None:
    """Write down what is owed under a key, or bring what stands there up to date (a closed item opens again)."""
    put_all(db, [item], now=now)


def put_all(db: Session, items: Sequence[Owed], *, now: datetime) -> None:
    """Write down many at once."""
    if not items:
        return
    rows = [
        {
            "id": new_id(),
            "key": item.key,
            "area": item.area,
            "party": item.party,
            "title": item.title,
            "link": item.link,
            "amount_minor": item.amount.minor if item.amount else None,
            "currency": item.amount.currency if item.amount else None,
            "lapses_at": item.lapses_at,
            "state": "open",
            "opened_at": now,
            "ended_at": None,
            "reason": None,
        }
        for item in items
    ]
    statement = insert(OwedItem)
    kept = {"id", "key", "area", "opened_at"}
    changed = {name: statement.excluded[name] for name in rows[0] if name not in kept}
    for start in range(0, len(rows), _AT_ONCE):
        values = statement.values(rows[start : start + _AT_ONCE])
        db.execute(values.on_conflict_do_update(index_elements=["key"], set_=changed))


def settle(db: Session, *keys: str, reason: str, now: datetime) -> None:
    """Close items: paid, submitted, or not owed after all. A key without an open item is fine."""
    _end(db, keys, state="settled", reason=reason, now=now)


def lapse(db: Session, *keys: str, reason: str, now: datetime) -> None:
    """Close items as lost: their time is over."""
    _end(db, keys, state="lapsed", reason=reason, now=now)


def _end(db: Session, keys: Sequence[str], *, state: str, reason: str, now: datetime) -> None:
    still_open = update(OwedItem).where(OwedItem.key.in_(keys), OwedItem.state == "open")
    db.execute(still_open.values(state=state, ended_at=now, reason=reason))

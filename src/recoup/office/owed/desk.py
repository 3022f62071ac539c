"""What the desk shows of what is owed: how much is open, and how much of it lapses soon."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from recoup.core.money import Money
from recoup.office.owed import queries
from recoup.office.owed.queries import MOST_COUNTED, Sums
from recoup.web.area import Tile

SOON = timedelta(hours=48)


def tiles(db: Session, now: datetime) -> list[Tile]:
    """Say what is owed, and what lapses within two days."""
    everything = queries.sums(db)
    soon = queries.sums(db, lapses_before=now + SOON)
    lapsing = (
        f"{_count(soon.items)} lapse within 48 hours" if soon.items else "nothing lapses within 48 hours"
    )
    return [
        Tile(
            "Owed to us",
            _figure(everything),
            f"{_items(everything.items)}, {lapsing}" if everything.items else "nothing is open",
            "/desk/owed",
            "coin",
            "warn" if soon.items else "",
        )
    ]


def _figure(found: Sums) -> str:
    """Write the largest sum, with how many currencies stand beside it; a count where no price is known."""
    if not found.minor_by_currency:
        return _count(found.items) if found.items else "0"
    currency, minor = max(found.minor_by_currency.items(), key=lambda one: one[1])
    amount, _, name = str(Money(minor, currency)).partition(" ")
    whole, point, cents = amount.partition(".")
    more = f" +{len(found.minor_by_currency) - 1}" if len(found.minor_by_currency) > 1 else ""
    least = "> " if found.items > MOST_COUNTED else ""
    return f"{least}{int(whole):,}{point}{cents} {name}{more}"


def _items(number: int) -> str:
    return "1 item" if number == 1 else f"{_count(number)} items"


def _count(number: int) -> str:
    return f"more than {MOST_COUNTED:,}" if number > MOST_COUNTED else f"{number:,}"

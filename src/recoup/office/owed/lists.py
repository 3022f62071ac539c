"""The list of what is owed to us."""

from __future__ import annotations

from recoup.core.money import Money
from recoup.office.owed import queries
from recoup.office.owed.models import OwedItem
from recoup.web.lists import Column, Filter, Listing, Order, read_day


def amount(item: OwedItem) -> Money | None:
    """Return the sum, where a price is known."""
    return (
        Money(item.amount_minor, item.currency) if item.amount_minor is not None and item.currency else None
    )


OWED: Listing[OwedItem] = Listing(
    name="owed",
    title="Owed",
    may="owed.look",
    columns=(
        Column("party", "Party", lambda item: item.party),
        Column(
            "title", "What", lambda item: item.title, "wide", link=lambda item: f"/desk/about/{item.link}"
        ),
        Column("amount", "Amount", amount, "money"),
        Column("state", "State", lambda item: item.state, "state"),
        Column("lapses_at", "Lapses", lambda item: item.lapses_at, "instant"),
        Column("area", "Area", lambda item: item.area, on_page=False),
        Column("opened_at", "Opened", lambda item: item.opened_at, "instant", on_page=False),
        Column("ended_at", "Ended", lambda item: item.ended_at, "instant", on_page=False),
        Column("reason", "Reason", lambda item: item.reason, on_page=False),
        Column("key", "Key", lambda item: item.key, on_page=False),
        Column("id", "Id", lambda item: item.id, "id", on_page=False),
    ),
    orders=(
        Order("lapses", "the next to lapse first", "lapses_at", descending=False),
        Order("lapses_last", "the last to lapse first", "lapses_at"),
        Order("newest", "newest first"),
        Order("oldest", "oldest first", descending=False),
    ),
    filters=(
        Filter(
            "state", "State", (("open", "open"), ("settled", "settled"), ("lapsed", "lapsed")), usual="open"
        ),
        Filter("area", "Area", queries.area_choices),
        Filter("party", "Party", placeholder="a part of the name"),
        Filter("until", "Lapses until", kind="day", read=read_day),
    ),
    rows=queries.items_page,
    empty="Nothing is owed to us right now.",
    todo="Usage that no marketplace has taken yet, claims and invoices stand here until they are settled or lapse.",
)

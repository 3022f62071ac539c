"""Lists: declared once by the part that owns the rows, and shown, filtered, sorted, paged and exported alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import parse_qsl, urlencode
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from sqlalchemy import Select
from sqlalchemy.orm import Session

from recoup.core.errors import Invalid
from recoup.core.keyset import Key, Slice, slice_of

R = TypeVar("R")

Kind = Literal[
    "text", "wide", "code", "id", "state", "yes", "instant", "duration", "whole", "quantity", "money", "size"
]
"""How a value is written; ``money`` takes a core ``Money``, ``quantity`` a Decimal, ``duration`` a timedelta."""

PAGE_ROWS = 50
ROWS_OFFERED = (25, 50, 100, 200)
LONGEST_FILTER = 300
LONGEST_QUERY = 4_000
MOST_WORDS = 50
EXPORT_ROWS = 2_000
"""Rows that an export reads at once."""

REMEMBERED_FOR = 60.0
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9000, 1, 1)
RESERVED = frozenset({"order", "after", "rows"})


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """A column: its value exactly as it is, and how that is written. ``link`` makes the cell lead somewhere."""

    name: str
    title: str
    value: Callable[[R], Any]
    kind: Kind = "text"
    link: Callable[[R], str | None] | None = None
    on_page: bool = True
    """False: in exports only."""


Choices = tuple[tuple[str, str], ...]


class Remembered:
    """Choices that hardly ever change: a database is asked for them once a minute, not for every page."""

    def __init__(self, ask: Callable[[Session], Choices]) -> None:
        self._ask = ask
        self._known: WeakKeyDictionary[object, tuple[float, Choices]] = WeakKeyDictionary()

    def __call__(self, db: Session) -> Choices:
        """Return what is remembered of the session's database, or ask."""
        database, now = db.get_bind(), monotonic()
        asked, choices = self._known.get(database, (0.0, ()))
        if not asked or now - asked > REMEMBERED_FOR:
            choices = self._ask(db)
            self._known[database] = now, choices
        return choices


@dataclass(frozen=True, slots=True)
class Filter:
    """A way to narrow a list. ``read`` makes the value of what was typed, and raises Invalid for what does not fit.

    ``usual`` is what holds while nothing is asked for; an empty value in the query takes it away.
    """

    name: str
    title: str
    choices: Choices | Callable[[Session], Choices] | None = None
    kind: Literal["text", "day", "moment"] = "text"
    read: Callable[[str], Any] = str
    placeholder: str = ""
    usual: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A way to sort a list that an index carries. ``column`` is the header that it belongs to."""

    name: str
    title: str
    column: str = ""
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are asked for: checked filter values by name, an order, and where to go on."""

    filters: Mapping[str, Any]
    order: Order
    after: str | None = None
    limit: int = PAGE_ROWS
    zone: str = "UTC"
    """The reader's: where the days of a filter begin and end."""

    def since(self, name: str) -> datetime | None:
        """Return the first instant of the day that the filter ``name`` holds."""
        day: date | None = self.filters.get(name)
        return None if day is None else _midnight(day, self.zone)

    def until(self, name: str) -> datetime | None:
        """Return the first instant after the day that the filter ``name`` holds."""
        day: date | None = self.filters.get(name)
        return None if day is None else _midnight(day + timedelta(days=1), self.zone)

    def page_of(
        self, db: Session, statement: Select[*tuple[Any, ...]], *, key: Key, named: bool = False
    ) -> Slice[Any]:
        """Return the page that is asked for, in the order of ``key`` (see ``core/keyset.slice_of``)."""
        return slice_of(
            db,
            statement,
            key=key,
            descending=self.order.descending,
            after=self.after,
            limit=self.limit,
            named=named,
        )


@dataclass(frozen=True, slots=True)
class Listing(Generic[R]):
    """A list. ``rows`` answers one page by keyset; ``count`` answers how many there are, where that is cheap enough."""

    name: str
    title: str
    may: str
    """The permission that reading it needs."""
    columns: tuple[Column[R], ...]
    orders: tuple[Order, ...]
    """The first one is the usual one."""
    rows: Callable[[Session, Wanted], Slice[R]]
    filters: tuple[Filter, ...] = ()
    href: Callable[[R], str] | None = None
    """Where a row leads."""
    empty: str = "There is nothing here yet."
    todo: str = ""
    """What to do when there is nothing."""
    count: Callable[[Session, Mapping[str, Any]], int] | None = None

    def wanted(self, asked: Mapping[str, str], *, zone: str = "UTC") -> Wanted:
        """Read a request's query. Raise Invalid for filters, orders and sizes that the list does not have."""
        known = {one.name: one for one in self.filters}
        unknown = sorted(name for name in asked if name not in known and name not in RESERVED)
        if unknown:
            raise Invalid(f"{self.title} cannot be filtered by {unknown[0][:50]!r}.")
        filters = {}
        for name, one in known.items():
            text = asked.get(name, one.usual).strip()
            if len(text) > LONGEST_FILTER or not all(char.isprintable() for char in text):
                raise Invalid(
                    f"{one.title}: this cannot be searched for.", fix="Write a shorter, plain text."
                )
            if text:
                if isinstance(one.choices, tuple) and text not in {value for value, _ in one.choices}:
                    raise Invalid(f"{one.title}: there is no {text[:50]!r} to choose.")
                filters[name] = one.read(text)
        order, rows = self._order(asked.get("order", "")), _size(asked.get("rows", ""))
        return Wanted(filters, order, asked.get("after") or None, rows, zone)

    def every(self, db: Session, wanted: Wanted) -> Iterator[R]:
        """Yield every row, however many."""
        after: str | None = None
        while True:
            part = self.rows(db, Wanted(wanted.filters, wanted.order, after, EXPORT_ROWS, wanted.zone))
            yield from part.rows
            if part.next is None:
                return
            after = part.next

    def _order(self, name: str) -> Order:
        if not name:
            return self.orders[0]
        for order in self.orders:
            if order.name == name:
                return order
        raise Invalid(f"{self.title} cannot be sorted by {name[:50]!r}.")


@dataclass(frozen=True, slots=True)
class Sheet(Generic[R]):
    """One page of a list, ready to be shown: rows, and the addresses of what else there is."""

    listing: Listing[R]
    path: str
    asked: Mapping[str, str]
    wanted: Wanted
    slice: Slice[R]
    choices: Mapping[str, Choices] = field(default_factory=dict)

    @property
    def columns(self) -> list[Column[R]]:
        """The columns that a page shows."""
        return [column for column in self.listing.columns if column.on_page]

    @property
    def is_filtered(self) -> bool:
        """Whether anything narrows the list beyond what is usual."""
        return any(self.asked.get(one.name, one.usual).strip() != one.usual for one in self.listing.filters)

    def typed(self, one: Filter) -> str:
        """Return what stands in a filter's field."""
        return self.asked.get(one.name, one.usual)

    def url(self, **changed: str | None) -> str:
        """Return this page's address with some of its query changed; None leaves a part out."""
        query = {**self.asked, **changed}
        usual = {one.name for one in self.listing.filters if one.usual}
        words = urlencode(
            {name: value for name, value in query.items() if value or (value == "" and name in usual)}
        )
        return f"{self.path}?{words}" if words else self.path

    def order_of(self, column: Column[R]) -> Order | None:
        """Return the order that a click on a header asks for, where there is one."""
        own = [order for order in self.listing.orders if order.column == column.name]
        if not own:
            return None
        others = [order for order in own if order != self.wanted.order]
        return others[0] if others else own[0]

    def sorted_by(self, column: Column[R]) -> str | None:
        """Return ``ascending`` or ``descending`` where the list is sorted by this column."""
        if self.wanted.order.column != column.name:
            return None
        return "descending" if self.wanted.order.descending else "ascending"


def sheet(
    db: Session, listing: Listing[R], asked: Mapping[str, str], *, path: str, zone: str = "UTC"
) -> Sheet[R]:
    """Read one page of a list, as a request's query asks for it."""
    wanted = listing.wanted(asked, zone=zone)
    choices = {}
    for one in listing.filters:
        if one.choices is not None:
            choices[one.name] = one.choices(db) if callable(one.choices) else one.choices
    return Sheet(listing, path, dict(asked), wanted, listing.rows(db, wanted), choices)


def asked_in(query: str) -> dict[str, str]:
    """Read a query's words, as ``url`` writes them; raise Invalid for what is none."""
    problem = Invalid("These filters cannot be read.", fix="Narrow the list again on its page.")
    if len(query) > LONGEST_QUERY:
        raise problem
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_WORDS, errors="strict"))
    except ValueError:
        raise problem from None


def read_day(text: str) -> date:
    """Read the day of a filter."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text[:50]!r} is not a day.", fix="Write it like 2025-07-24.") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Invalid(f"{text!r} is not a day that anything happened on.")
    return day


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _size(text: str) -> int:
    if not text:
        return PAGE_ROWS
    if text not in map(str, ROWS_OFFERED):
        raise Invalid(f"A page has {', '.join(map(str, ROWS_OFFERED))} rows.")
    return int(text)

"""Every SELECT of the lists that pages show and exports write, a page at a time by keyset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select, union
from sqlalchemy.orm import InstrumentedAttribute, Session

from recoup.areas.metering.models import (
    Adjustment,
    Entry,
    EntryState,
    Part,
    Quarantined,
    Remainder,
    Stream,
    UsageFile,
    Window,
    WindowState,
)
from recoup.core.errors import Invalid
from recoup.core.keyset import Slice, slice_of
from recoup.core.money import Money
from recoup.web.lists import Wanted

UNSETTLED = (
    EntryState.PLANNED,
    EntryState.REJECTED,
    EntryState.DUPLICATE,
    EntryState.UNKNOWN,
    EntryState.HELD,
)
"""Entries that the marketplace may still take."""
A_DAY = timedelta(days=1)


def worth(amount: Decimal | None, currency: str) -> Money | None:
    """Return a sum of value times pricePerUnit as an amount; None where nothing was priced, or absurdly."""
    try:
        return None if amount is None else Money.rounded(amount, currency)
    except Invalid:
        return None


# ---------------------------------------------------------------- windows


@dataclass(frozen=True, slots=True)
class WindowRow:
    """A window and its stream's name."""

    window: Window
    stream: str

    @property
    def id(self) -> UUID:
        """The window's id."""
        return self.window.id


def windows(db: Session, wanted: Wanted) -> Slice[WindowRow]:
    """Return windows; filters ``stream``, ``state`` (also ``unsettled``) and ``day`` narrow them."""
    statement: Any = select(Window, Stream.key).join(Stream, Stream.id == Window.stream_id)
    filters = dict(wanted.filters)
    statement = _of_stream(statement, Window.stream_id, filters)
    statement = _of_time(statement, Window.hour, filters)
    match filters.get("state"):
        case "unsettled":
            statement = statement.where(Window.id.in_(_unsettled_windows()))
        case str() as state:
            statement = statement.where(Window.state == state)
    part = _slice(db, statement, [Window.hour, Window.id], wanted)
    return Slice([WindowRow(*row) for row in part.rows], part.next)


def _unsettled_windows() -> Select[Any]:
    not_taken = select(Window.id).where(Window.state != WindowState.TAKEN)
    not_accepted = select(Entry.window_id).where(Entry.state.in_(UNSETTLED))
    both = union(not_taken, not_accepted).subquery()
    return select(both.c[0])


# ---------------------------------------------------------------- entries


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry, its stream's name, and the currency of its worth."""

    entry: Entry
    stream: str
    currency: str

    @property
    def id(self) -> UUID:
        """The entry's id."""
        return self.entry.id

    @property
    def worth(self) -> Money | None:
        """What the measured usage is worth, where a price is known."""
        return worth(self.entry.amount, self.currency)


def entries(db: Session, wanted: Wanted) -> Slice[EntryRow]:
    """Return entries; filters stream, hour, day, since, until, state, contract and dimension narrow them."""
    statement: Any = select(Entry, Stream.key, Stream.currency).join(Stream, Stream.id == Entry.stream_id)
    filters = dict(wanted.filters)
    statement = _of_stream(statement, Entry.stream_id, filters)
    statement = _of_time(statement, Entry.hour, filters)
    for name, column in (
        ("state", Entry.state),
        ("contract", Entry.contract),
        ("dimension", Entry.dimension),
    ):
        if name in filters:
            statement = statement.where(column == filters[name])
    part = _slice(db, statement, [Entry.hour, Entry.id], wanted)
    return Slice([EntryRow(*row) for row in part.rows], part.next)


# ---------------------------------------------------------------- what could not be used


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """A record that could not be used, and where it stands."""

    record: Quarantined
    file: str
    hour: datetime
    stream: str

    @property
    def id(self) -> int:
        """The record's id."""
        return self.record.id


def quarantine(db: Session, wanted: Wanted) -> Slice[QuarantineRow]:
    """Return records that could not be used; filters ``stream``, ``day`` and ``window`` narrow them."""
    statement: Any = (
        select(Quarantined, UsageFile.key, Window.hour, Stream.key)
        .join(Window, Window.id == Quarantined.window_id)
        .join(Stream, Stream.id == Window.stream_id)
        .join(UsageFile, UsageFile.id == Quarantined.file_id)
    )
    filters = dict(wanted.filters)
    statement = _of_stream(statement, Window.stream_id, filters)
    statement = _of_time(statement, Window.hour, filters)
    if "window" in filters:
        statement = statement.where(Quarantined.window_id == filters["window"])
    part = _slice(db, statement, [Quarantined.id], wanted)
    return Slice([QuarantineRow(*row) for row in part.rows], part.next)


# ---------------------------------------------------------------- what no contract pays for


@dataclass(frozen=True, slots=True)
class UnbilledRow:
    """Usage without a contract, in total: whose, of what, how much, since when."""

    stream: str
    currency: str
    subscription: str
    dimension: str
    organization: str
    customer: str
    quantity: Decimal
    records: int
    amount: Decimal
    unpriced: Decimal
    first_hour: datetime
    last_hour: datetime

    @property
    def worth(self) -> Money | None:
        """What it is worth; None where nothing of it was priced."""
        return None if self.unpriced == self.quantity else worth(self.amount, self.currency)


def unbilled(db: Session, wanted: Wanted) -> Slice[UnbilledRow]:
    """Return usage that no contract pays for, in total; filters ``stream``, ``subscription``, ``dimension``."""
    filters = dict(wanted.filters)
    totals: Any = (
        select(
            Stream.key.label("stream"),
            Stream.currency.label("currency"),
            Part.subscription.label("subscription"),
            Part.dimension.label("dimension"),
            func.max(Part.organization).label("organization"),
            func.max(Part.customer).label("customer"),
            func.sum(Part.quantity).label("quantity"),
            func.sum(Part.records).label("records"),
            func.sum(Part.amount).label("amount"),
            func.sum(Part.unpriced).label("unpriced"),
            func.min(Window.hour).label("first_hour"),
            func.max(Window.hour).label("last_hour"),
        )
        .join(Window, Window.id == Part.window_id)
        .join(Stream, Stream.id == Window.stream_id)
        .where(Part.contract.is_(None))
        .group_by(Stream.key, Stream.currency, Part.subscription, Part.dimension)
    )
    totals = _of_stream(totals, Window.stream_id, filters)
    for name, column in (("subscription", Part.subscription), ("dimension", Part.dimension)):
        if name in filters:
            totals = totals.where(column == filters[name])
    found = totals.subquery()
    names = [found.c.subscription, found.c.dimension, found.c.stream]
    key = names if wanted.order.name == "subscription" else [found.c.amount, *names]
    part = _slice(db, select(*found.c), key, wanted)
    return Slice([UnbilledRow(*row) for row in part.rows], part.next)


@dataclass(frozen=True, slots=True)
class UnbilledPart:
    """What one file held of a subscription's usage without a contract."""

    part: Part
    file: str
    hour: datetime
    stream: str
    currency: str

    @property
    def id(self) -> int:
        """The part's id."""
        return self.part.id

    @property
    def worth(self) -> Money | None:
        """What it is worth; None where nothing of it was priced."""
        if self.part.unpriced == self.part.quantity:
            return None
        return worth(self.part.amount, self.currency)


def unbilled_parts(db: Session, wanted: Wanted) -> Slice[UnbilledPart]:
    """Return usage without a contract, file by file; filters stream, subscription, dimension and window."""
    statement: Any = (
        select(Part, UsageFile.key, Window.hour, Stream.key, Stream.currency)
        .join(Window, Window.id == Part.window_id)
        .join(Stream, Stream.id == Window.stream_id)
        .join(UsageFile, UsageFile.id == Part.file_id)
        .where(Part.contract.is_(None))
    )
    filters = dict(wanted.filters)
    statement = _of_stream(statement, Window.stream_id, filters)
    for name, column in (
        ("subscription", Part.subscription),
        ("dimension", Part.dimension),
        ("window", Part.window_id),
    ):
        if name in filters:
            statement = statement.where(column == filters[name])
    part = _slice(db, statement, [Part.id], wanted)
    return Slice([UnbilledPart(*row) for row in part.rows], part.next)


# ---------------------------------------------------------------- differences found late, and what is carried


@dataclass(frozen=True, slots=True)
class AdjustmentRow:
    """A difference found late, with its hour."""

    adjustment: Adjustment
    hour: datetime
    stream: str

    @property
    def id(self) -> UUID:
        """The adjustment's id."""
        return self.adjustment.id


def adjustments(db: Session, wanted: Wanted) -> Slice[AdjustmentRow]:
    """Return differences found late; filters ``stream``, ``state`` and ``contract`` narrow them."""
    statement: Any = (
        select(Adjustment, Window.hour, Stream.key)
        .join(Window, Window.id == Adjustment.window_id)
        .join(Stream, Stream.id == Window.stream_id)
    )
    filters = dict(wanted.filters)
    statement = _of_stream(statement, Window.stream_id, filters)
    for name, column in (("state", Adjustment.state), ("contract", Adjustment.contract)):
        if name in filters:
            statement = statement.where(column == filters[name])
    part = _slice(db, statement, [Adjustment.id], wanted)
    return Slice([AdjustmentRow(*row) for row in part.rows], part.next)


@dataclass(frozen=True, slots=True)
class RemainderRow:
    """What is carried to the next submission of a contract and dimension."""

    remainder: Remainder
    stream: str


def remainders(db: Session, wanted: Wanted) -> Slice[RemainderRow]:
    """Return what is carried; filters ``stream``, ``contract`` and ``dimension`` narrow it."""
    statement: Any = (
        select(Remainder, Stream.key)
        .join(Stream, Stream.id == Remainder.stream_id)
        .where(Remainder.carried != 0)
    )
    filters = dict(wanted.filters)
    statement = _of_stream(statement, Remainder.stream_id, filters)
    for name, column in (("contract", Remainder.contract), ("dimension", Remainder.dimension)):
        if name in filters:
            statement = statement.where(column == filters[name])
    key = [Remainder.stream_id, Remainder.contract, Remainder.dimension]
    part = _slice(db, statement, key, wanted)
    return Slice([RemainderRow(*row) for row in part.rows], part.next)


# ---------------------------------------------------------------- what they have in common


def stream_choices(db: Session) -> tuple[tuple[str, str], ...]:
    """Return the streams that a list can be narrowed to."""
    return tuple((key, key) for key in db.scalars(select(Stream.key).order_by(Stream.key)))


def _slice(db: Session, statement: Any, key: Any, wanted: Wanted) -> Slice[Any]:
    return slice_of(
        db,
        statement,
        key=key,
        descending=wanted.order.descending,
        after=wanted.after,
        limit=wanted.limit,
    )


def _of_stream(statement: Any, column: InstrumentedAttribute[UUID], filters: Mapping[str, Any]) -> Any:
    if "stream" not in filters:
        return statement
    one = select(Stream.id).where(Stream.key == filters["stream"]).scalar_subquery()
    return statement.where(column == one)


def _of_time(statement: Any, column: InstrumentedAttribute[datetime], filters: Mapping[str, Any]) -> Any:
    wanted: list[ColumnElement[bool]] = []
    if "hour" in filters:
        wanted.append(column == filters["hour"])
    if "day" in filters:
        wanted.append(and_(column >= filters["day"], column < filters["day"] + A_DAY))
    if "since" in filters:
        wanted.append(column >= filters["since"])
    if "until" in filters:
        wanted.append(column < filters["until"] + A_DAY)
    return statement.where(*wanted)

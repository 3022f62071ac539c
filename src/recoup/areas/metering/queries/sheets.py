"""Every SELECT of the lists that pages show and exports write, a page at a time by keyset."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, union
from sqlalchemy.orm import Session

from recoup.areas.metering.models import (
    Adjustment,
    Entry,
    EntryState,
    Quarantined,
    Remainder,
    Stream,
    UsageFile,
    Window,
    WindowState,
)
from recoup.areas.metering.queries import narrowing
from recoup.areas.metering.rules import quantities
from recoup.core.keyset import Slice
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
    statement = narrowing.of_stream(statement, Window.stream_id, filters)
    statement = narrowing.of_time(statement, Window.hour, filters)
    match filters.get("state"):
        case "unsettled":
            statement = statement.where(Window.id.in_(_unsettled_windows()))
        case str() as state:
            statement = statement.where(Window.state == state)
    part = wanted.page_of(db, statement, key=[Window.hour, Window.id])
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
        return quantities.worth(self.entry.amount, self.currency)


def entries(db: Session, wanted: Wanted) -> Slice[EntryRow]:
    """Return entries; filters stream, hour, day, since, until, state, contract and dimension narrow them."""
    statement: Any = select(Entry, Stream.key, Stream.currency).join(Stream, Stream.id == Entry.stream_id)
    filters = dict(wanted.filters)
    statement = narrowing.of_stream(statement, Entry.stream_id, filters)
    statement = narrowing.of_time(statement, Entry.hour, filters)
    for name, column in (
        ("state", Entry.state),
        ("contract", Entry.contract),
        ("dimension", Entry.dimension),
    ):
        if name in filters:
            statement = statement.where(column == filters[name])
    part = wanted.page_of(db, statement, key=[Entry.hour, Entry.id])
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
    statement = narrowing.of_stream(statement, Window.stream_id, filters)
    statement = narrowing.of_time(statement, Window.hour, filters)
    if "window" in filters:
        statement = statement.where(Quarantined.window_id == filters["window"])
    part = wanted.page_of(db, statement, key=[Quarantined.id])
    return Slice([QuarantineRow(*row) for row in part.rows], part.next)


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
    statement = narrowing.of_stream(statement, Window.stream_id, filters)
    for name, column in (("state", Adjustment.state), ("contract", Adjustment.contract)):
        if name in filters:
            statement = statement.where(column == filters[name])
    part = wanted.page_of(db, statement, key=[Adjustment.id])
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
    statement = narrowing.of_stream(statement, Remainder.stream_id, filters)
    for name, column in (("contract", Remainder.contract), ("dimension", Remainder.dimension)):
        if name in filters:
            statement = statement.where(column == filters[name])
    key = [Remainder.stream_id, Remainder.contract, Remainder.dimension]
    part = wanted.page_of(db, statement, key=key)
    return Slice([RemainderRow(*row) for row in part.rows], part.next)

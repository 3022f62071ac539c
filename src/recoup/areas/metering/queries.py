"""Every SELECT of metering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import and_, distinct, func, or_, select, tuple_
from sqlalchemy.orm import Session

from recoup.areas.metering.models import (
    Adjustment,
    AdjustmentState,
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

IMPORTED = "import"
"""Closed an hour that the old script had begun: see ``service/imports.py``."""
NEEDS_PERSON = (
    EntryState.REJECTED,
    EntryState.DUPLICATE,
    EntryState.UNKNOWN,
    EntryState.EXPIRED,
    EntryState.HELD,
)

# ---------------------------------------------------------------- streams and windows


def stream(db: Session, key: str, *, for_update: bool = False) -> Stream | None:
    """Return a stream by the producer's name of it."""
    statement = select(Stream).where(Stream.key == key).execution_options(populate_existing=True)
    return db.scalars(statement.with_for_update() if for_update else statement).one_or_none()


def streams(db: Session) -> Sequence[Stream]:
    """Return every stream."""
    return db.scalars(select(Stream).order_by(Stream.key)).all()


def last_hour(db: Session, one: Stream) -> datetime | None:
    """Return the latest hour since the stream's start that has a window."""
    since_start = (Window.stream_id == one.id) & (Window.hour >= one.first_hour)
    return db.execute(select(func.max(Window.hour)).where(since_start)).scalar_one()


def open_windows(db: Session, stream_id: UUID, *, until: datetime) -> Sequence[Window]:
    """Return windows that are not taken and end at ``until`` or before, oldest first."""
    statement = (
        select(Window)
        .where(Window.stream_id == stream_id, Window.state != WindowState.TAKEN, Window.hour < until)
        .order_by(Window.hour)
    )
    return db.scalars(statement).all()


def taken_since(db: Session, stream_id: UUID, since: datetime) -> Sequence[Window]:
    """Return windows of hours from ``since`` on that were read and taken here, oldest first."""
    read_here = (Window.state == WindowState.TAKEN) & (Window.completed_by != IMPORTED)
    statement = (
        select(Window)
        .where(Window.stream_id == stream_id, read_here, Window.hour >= since)
        .order_by(Window.hour)
    )
    return db.scalars(statement).all()


def window(db: Session, window_id: UUID, *, for_update: bool = False) -> Window | None:
    """Return one window, on request locked until the transaction ends."""
    return db.get(Window, window_id, with_for_update=for_update or None, populate_existing=for_update)


def window_at(db: Session, stream_key: str, hour: datetime) -> Window | None:
    """Return the window of a stream's hour."""
    statement = select(Window).join(Stream).where(Stream.key == stream_key, Window.hour == hour)
    return db.scalars(statement).one_or_none()


def windows(
    db: Session,
    *,
    stream_key: str | None = None,
    state: str | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> Sequence[tuple[str, Window]]:
    """Return windows with their stream, the latest hour first; ``before`` (a window's id) continues a page."""
    statement = (
        select(Stream.key, Window)
        .join(Stream, Stream.id == Window.stream_id)
        .order_by(Window.hour.desc(), Window.id.desc())
        .limit(limit)
    )
    if stream_key is not None:
        statement = statement.where(Stream.key == stream_key)
    if state is not None:
        statement = statement.where(Window.state == state)
    last = db.get(Window, before) if before is not None else None
    if last is not None:
        statement = statement.where(tuple_(Window.hour, Window.id) < (last.hour, last.id))
    return [(key, window) for key, window in db.execute(statement)]


def exporting(db: Session, keys: Sequence[str]) -> set[str]:
    """Return which of these streams are being exported right now, by the database's clock."""
    statement = select(Stream.key).where(Stream.key.in_(keys), Stream.lease_until > func.now())
    return set(db.scalars(statement))


def contiguous_until(db: Session, stream_id: UUID) -> datetime | None:
    """Return the last hour up to which every window is taken: what an old-style state file can say."""
    first_open = (
        select(func.min(Window.hour))
        .where(Window.stream_id == stream_id, Window.state != WindowState.TAKEN)
        .scalar_subquery()
    )
    statement = select(func.max(Window.hour)).where(
        Window.stream_id == stream_id,
        Window.state == WindowState.TAKEN,
        or_(first_open.is_(None), Window.hour < first_open),
    )
    return db.execute(statement).scalar_one()


def to_warn(db: Session, *, until: datetime) -> Sequence[tuple[Stream, Window]]:
    """Lock and return windows up to ``until`` that nobody was warned of and that are not settled.

    One that another transaction is taking at this moment is left out.
    """
    unsettled = (
        select(Entry.id).where(Entry.window_id == Window.id, Entry.state == EntryState.PLANNED).exists()
    )
    statement = (
        select(Stream, Window)
        .join(Window, Window.stream_id == Stream.id)
        .where(
            Window.warned_at.is_(None),
            Window.hour <= until,
            or_(Window.state != WindowState.TAKEN, unsettled),
        )
        .order_by(Window.hour)
        .limit(1_000)
        .with_for_update(of=Window, skip_locked=True)
    )
    return [(stream, window) for stream, window in db.execute(statement)]


def lost(db: Session, *, now: datetime) -> Sequence[tuple[Stream, Window]]:
    """Return windows that were not read before the marketplace's limit and that a person was warned of."""
    statement = (
        select(Stream, Window)
        .join(Window, Window.stream_id == Stream.id)
        .where(Window.state != WindowState.TAKEN, Window.deadline <= now, Window.warned_at.is_not(None))
        .limit(1_000)
    )
    return [(stream, window) for stream, window in db.execute(statement)]


# ---------------------------------------------------------------- files and what they held


def files(db: Session, window_id: UUID) -> Sequence[UsageFile]:
    """Return the files of a window as they were read."""
    return db.scalars(select(UsageFile).where(UsageFile.window_id == window_id).order_by(UsageFile.key)).all()


def billed(db: Session, window_id: UUID) -> dict[tuple[str, str], Decimal]:
    """Return what a window's entries owe, before remainders, by contract and submitted dimension."""
    rows = db.execute(
        select(Entry.contract, Entry.dimension, Entry.measured).where(Entry.window_id == window_id)
    )
    return {(contract, dimension): measured for contract, dimension, measured in rows}


@dataclass(frozen=True, slots=True)
class Source:
    """A part of a figure: which file, as it was read, held how much."""

    key: str
    etag: str
    sha256: str
    subscription: str
    dimension: str
    quantity: Decimal
    records: int
    folded_records: int


def sources(db: Session, window_id: UUID, contract: str, dimensions: Sequence[str]) -> Sequence[Source]:
    """Return the files that an entry's measured quantity comes from."""
    statement = (
        select(
            UsageFile.key,
            UsageFile.etag,
            UsageFile.sha256,
            Part.subscription,
            Part.dimension,
            Part.quantity,
            Part.records,
            Part.folded_records,
        )
        .join(Part, Part.file_id == UsageFile.id)
        .where(Part.window_id == window_id, Part.contract == contract)
        .order_by(Part.dimension, UsageFile.key, Part.subscription)
    )
    if dimensions:
        statement = statement.where(Part.dimension.in_(dimensions))
    return [Source(*row) for row in db.execute(statement)]


@dataclass(frozen=True, slots=True)
class UnbilledTotal:
    """Usage without a contract: whose, of what, how much, since when."""

    stream: str
    subscription: str
    organization: str
    customer: str
    dimension: str
    quantity: Decimal
    records: int
    amount: Decimal
    first_hour: datetime
    last_hour: datetime


def unbilled(db: Session, *, stream_key: str | None = None, limit: int = 500) -> Sequence[UnbilledTotal]:
    """Return usage that no contract pays for, in total, largest amount first."""
    statement = (
        select(
            Stream.key,
            Part.subscription,
            func.max(Part.organization),
            func.max(Part.customer),
            Part.dimension,
            func.sum(Part.quantity),
            func.sum(Part.records),
            func.sum(Part.amount),
            func.min(Window.hour),
            func.max(Window.hour),
        )
        .join(Window, Window.id == Part.window_id)
        .join(Stream, Stream.id == Window.stream_id)
        .where(Part.contract.is_(None))
        .group_by(Stream.key, Part.subscription, Part.dimension)
        .order_by(func.sum(Part.amount).desc(), Stream.key, Part.subscription, Part.dimension)
        .limit(limit)
    )
    if stream_key is not None:
        statement = statement.where(Stream.key == stream_key)
    rows: Sequence[Any] = db.execute(statement).all()
    return [UnbilledTotal(*row) for row in rows]


def quarantine(
    db: Session, *, stream_key: str | None = None, before: int | None = None, limit: int = 100
) -> Sequence[tuple[str, datetime, str, Quarantined]]:
    """Return unusable records, newest first, with stream, hour and file."""
    statement = (
        select(Stream.key, Window.hour, UsageFile.key, Quarantined)
        .join(Window, Window.id == Quarantined.window_id)
        .join(Stream, Stream.id == Window.stream_id)
        .join(UsageFile, UsageFile.id == Quarantined.file_id)
        .order_by(Quarantined.id.desc())
        .limit(limit)
    )
    if stream_key is not None:
        statement = statement.where(Stream.key == stream_key)
    if before is not None:
        statement = statement.where(Quarantined.id < before)
    return [(stream, hour, key, record) for stream, hour, key, record in db.execute(statement)]


# ---------------------------------------------------------------- entries


def entry(db: Session, entry_id: UUID, *, for_update: bool = False) -> Entry | None:
    """Return one entry, on request locked until the transaction ends."""
    return db.get(Entry, entry_id, with_for_update=for_update or None, populate_existing=for_update)


def entries_of_submission(db: Session, delivery_id: UUID) -> Sequence[Entry]:
    """Lock and return the entries that a submission carries."""
    statement = (
        select(Entry)
        .where(Entry.submission_id == delivery_id)
        .order_by(Entry.dimension)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return db.scalars(statement).all()


def entries(
    db: Session,
    *,
    stream_key: str | None = None,
    hour: datetime | None = None,
    state: str | None = None,
    contract: str | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> Sequence[Entry]:
    """Return entries, newest first; ``before`` continues a page."""
    statement = select(Entry).order_by(Entry.id.desc()).limit(limit)
    if stream_key is not None:
        statement = statement.join(Stream, Stream.id == Entry.stream_id).where(Stream.key == stream_key)
    if hour is not None:
        statement = statement.where(Entry.hour == hour)
    if state is not None:
        statement = statement.where(Entry.state == state)
    if contract is not None:
        statement = statement.where(Entry.contract == contract)
    if before is not None:
        statement = statement.where(Entry.id < before)
    return db.scalars(statement).all()


def entry_states(db: Session, window_id: UUID) -> dict[str, int]:
    """Return how many entries of a window stand in each state."""
    rows = db.execute(
        select(Entry.state, func.count()).where(Entry.window_id == window_id).group_by(Entry.state)
    )
    return {state: int(count) for state, count in rows}


def unsettled(db: Session, window_id: UUID, contract: str) -> bool:
    """Say whether a contract still has entries in the window that the marketplace did not take."""
    over = (EntryState.ACCEPTED, EntryState.CARRIED, EntryState.RESTAMPED, EntryState.DISMISSED)
    statement = select(Entry.id).where(
        Entry.window_id == window_id, Entry.contract == contract, Entry.state.not_in(over)
    )
    return db.execute(statement.limit(1)).first() is not None


def taken_elsewhere(
    db: Session, stream_id: UUID, hour: datetime, names: Sequence[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return which (contract, dimension) of an hour another stream submits: the marketplace's key is one for all."""
    statement = select(Entry.contract, Entry.dimension).where(
        Entry.hour == hour,
        Entry.stream_id != stream_id,
        Entry.submission_id.is_not(None),
        tuple_(Entry.contract, Entry.dimension).in_(names),
    )
    return {(contract, dimension) for contract, dimension in db.execute(statement)}


def too_late(db: Session, *, now: datetime) -> Sequence[Entry]:
    """Lock and return entries that never left the house and that the cloud refuses by now."""
    statement = (
        select(Entry)
        .join(Window, Window.id == Entry.window_id)
        .where(Entry.state == EntryState.PLANNED, Entry.handings == 0, Window.deadline <= now)
        .order_by(Entry.id)
        .with_for_update(of=Entry, skip_locked=True)
    )
    return db.scalars(statement).all()


def remainders(db: Session, stream_id: UUID) -> dict[tuple[str, str], Decimal]:
    """Lock and return what is carried, by contract and dimension."""
    statement = select(Remainder).where(Remainder.stream_id == stream_id).with_for_update()
    rows = db.scalars(statement.execution_options(populate_existing=True))
    return {(row.contract, row.dimension): row.carried for row in rows}


def adjustment(db: Session, adjustment_id: UUID) -> Adjustment | None:
    """Lock and return one adjustment."""
    return db.get(Adjustment, adjustment_id, with_for_update=True, populate_existing=True)


def adjustments(
    db: Session, *, state: str | None = None, before: UUID | None = None, limit: int = 200
) -> Sequence[tuple[str, datetime, Adjustment]]:
    """Return differences found late, newest first, with stream and hour; ``before`` continues a page."""
    statement = (
        select(Stream.key, Window.hour, Adjustment)
        .join(Window, Window.id == Adjustment.window_id)
        .join(Stream, Stream.id == Window.stream_id)
        .order_by(Adjustment.id.desc())
        .limit(limit)
    )
    if state is not None:
        statement = statement.where(Adjustment.state == state)
    if before is not None:
        statement = statement.where(Adjustment.id < before)
    return [(stream, hour, row) for stream, hour, row in db.execute(statement)]


def adjusted_quantities(db: Session, window_id: UUID) -> Sequence[tuple[str, str, Decimal]]:
    """Return the sum of differences found so far in a window, by contract and dimension."""
    statement = (
        select(Adjustment.contract, Adjustment.dimension, func.sum(Adjustment.difference))
        .where(Adjustment.window_id == window_id)
        .group_by(Adjustment.contract, Adjustment.dimension)
    )
    return [(contract, dimension, total) for contract, dimension, total in db.execute(statement)]


# ---------------------------------------------------------------- how it stands


@dataclass(frozen=True, slots=True)
class Standing:
    """How one stream stands: windows and entries by state, what waits for a person, what is carried."""

    stream: str
    cloud: str
    first_hour: datetime
    before_start: str
    marker_to: datetime | None
    taken_until: datetime | None
    windows: dict[str, int]
    entries: dict[str, int]
    oldest_open: datetime | None
    next_deadline: datetime | None
    records: int
    unbilled_records: int
    quarantined_records: int
    carried: int
    open_adjustments: int

    @property
    def for_a_person(self) -> int:
        """How many things wait for a person."""
        entries = sum(self.entries.get(state, 0) for state in NEEDS_PERSON)
        return entries + self.windows.get(WindowState.HELD, 0) + self.open_adjustments


def standing(db: Session, one: Stream) -> Standing:
    """Return how a stream stands."""
    of_stream = Window.stream_id == one.id
    windows = db.execute(select(Window.state, func.count()).where(of_stream).group_by(Window.state))
    by_entry = db.execute(
        select(Entry.state, func.count()).where(Entry.stream_id == one.id).group_by(Entry.state)
    )
    sums = db.execute(
        select(
            func.coalesce(func.sum(Window.records), 0),
            func.coalesce(func.sum(Window.unbilled_records), 0),
            func.coalesce(func.sum(Window.quarantined_records), 0),
        ).where(of_stream)
    ).one()
    not_taken = and_(of_stream, Window.state != WindowState.TAKEN)
    oldest, deadline = db.execute(
        select(func.min(Window.hour), func.min(Window.deadline)).where(not_taken)
    ).one()
    carried = select(func.count()).where(Remainder.stream_id == one.id, Remainder.carried != 0)
    adjustments_open = (
        select(func.count(distinct(Adjustment.id)))
        .join(Window, Window.id == Adjustment.window_id)
        .where(of_stream, Adjustment.state == AdjustmentState.OPEN)
    )
    return Standing(
        stream=one.key,
        cloud=one.cloud,
        first_hour=one.first_hour,
        before_start=one.before_start,
        marker_to=one.marker_to,
        taken_until=contiguous_until(db, one.id),
        windows={state: int(count) for state, count in windows},
        entries={state: int(count) for state, count in by_entry},
        oldest_open=oldest,
        next_deadline=deadline,
        records=int(sums[0]),
        unbilled_records=int(sums[1]),
        quarantined_records=int(sums[2]),
        carried=int(db.execute(carried).scalar_one()),
        open_adjustments=int(db.execute(adjustments_open).scalar_one()),
    )

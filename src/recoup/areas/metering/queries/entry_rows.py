"""Every SELECT of entries, as use cases need them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from recoup.areas.metering.models import (
    Entry,
    EntryState,
    Stream,
    Window,
)

NEEDS_PERSON = (
    EntryState.REJECTED,
    EntryState.DUPLICATE,
    EntryState.UNKNOWN,
    EntryState.EXPIRED,
    EntryState.HELD,
)


def billed(db: Session, window_id: UUID) -> dict[tuple[str, str], Decimal]:
    """Return what a window's entries owe, before remainders, by contract and submitted dimension."""
    rows = db.execute(
        select(Entry.contract, Entry.dimension, Entry.measured).where(Entry.window_id == window_id)
    )
    return {(contract, dimension): measured for contract, dimension, measured in rows}


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

"""Every SELECT of windows, as use cases need them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select, tuple_
from sqlalchemy.orm import Session

from recoup.areas.metering.models import (
    Entry,
    EntryState,
    Stream,
    Window,
    WindowState,
)

IMPORTED = "import"
"""Closed an hour that the old script had begun: see ``service/imports.py``."""


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

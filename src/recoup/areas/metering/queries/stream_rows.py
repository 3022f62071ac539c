"""Every SELECT of streams."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from recoup.areas.metering.models import (
    Stream,
    Window,
    WindowState,
)


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

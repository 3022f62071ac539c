"""Every SELECT of remainders and of differences found late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recoup.areas.metering.models import (
    Adjustment,
    Remainder,
    Stream,
    Window,
)


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

"""Every SELECT of what was read: files, their parts, what no contract pays for, what could not be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recoup.areas.metering.models import (
    Part,
    Quarantined,
    Stream,
    UsageFile,
    Window,
)


def files(db: Session, window_id: UUID) -> Sequence[UsageFile]:
    """Return the files of a window as they were read."""
    return db.scalars(select(UsageFile).where(UsageFile.window_id == window_id).order_by(UsageFile.key)).all()


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

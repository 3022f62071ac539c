"""Every SELECT of one window and one entry in full; whatever may be long is bounded, and says how many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from recoup.areas.metering.models import (
    Adjustment,
    Entry,
    Part,
    Quarantined,
    Remainder,
    Stream,
    UsageFile,
    Window,
)
from recoup.core.errors import Invalid
from recoup.core.ids import parse_id
from recoup.office.outbox.models import Delivery

MOST = 100
"""Rows of each kind that a page about one thing shows; lists show the rest."""


def stream_named(db: Session, name: str) -> Stream | None:
    """Return a stream by its id or by the producer's name of it."""
    try:
        return db.get(Stream, parse_id(name))
    except Invalid:
        return db.scalars(select(Stream).where(Stream.key == name)).one_or_none()


@dataclass(frozen=True, slots=True)
class Some:
    """The first rows of something, and how many there are."""

    rows: Sequence[Any]
    total: int

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.total - len(self.rows)


@dataclass(frozen=True, slots=True)
class WindowParts:
    """What belongs to one window."""

    files: Some
    entries: Some
    unbilled: Some
    quarantined: Some
    adjustments: Some
    submissions: Some
    states: Mapping[str, int]


def parts_of(db: Session, window: Window) -> WindowParts:
    """Return what belongs to a window."""
    files = select(UsageFile).where(UsageFile.window_id == window.id).order_by(UsageFile.key)
    entries = select(Entry).where(Entry.window_id == window.id).order_by(Entry.contract, Entry.dimension)
    unbilled = (
        select(Part)
        .where(Part.window_id == window.id, Part.contract.is_(None))
        .order_by(Part.subscription, Part.dimension, Part.id)
    )
    quarantined = (
        select(Quarantined, UsageFile.key)
        .join(UsageFile, UsageFile.id == Quarantined.file_id)
        .where(Quarantined.window_id == window.id)
        .order_by(Quarantined.id)
    )
    adjustments = select(Adjustment).where(Adjustment.window_id == window.id).order_by(Adjustment.id)
    carried_by = select(Entry.submission_id).where(
        Entry.window_id == window.id, Entry.submission_id.is_not(None)
    )
    submissions = select(Delivery).where(Delivery.id.in_(carried_by)).order_by(Delivery.id)
    states = db.execute(
        select(Entry.state, func.count()).where(Entry.window_id == window.id).group_by(Entry.state)
    )
    return WindowParts(
        files=_some(db, files),
        entries=_some(db, entries),
        unbilled=_some(db, unbilled),
        quarantined=_some(db, quarantined),
        adjustments=_some(db, adjustments),
        submissions=_some(db, submissions),
        states={state: int(count) for state, count in states},
    )


def adjustments_of_entry(db: Session, entry: Entry) -> Sequence[Adjustment]:
    """Return the differences found late in what an entry was made of."""
    statement = (
        select(Adjustment)
        .where(
            Adjustment.window_id == entry.window_id,
            Adjustment.contract == entry.contract,
            Adjustment.dimension == entry.dimension,
        )
        .order_by(Adjustment.id)
        .limit(MOST)
    )
    return db.scalars(statement).all()


@dataclass(frozen=True, slots=True)
class Choice:
    """An adjustment that a person is about to settle, with its hour and what is carried for it at this moment."""

    adjustment: Adjustment
    stream: str
    hour: datetime
    carried: Any


def chosen_adjustments(db: Session, ids: Sequence[UUID]) -> Sequence[Choice]:
    """Return adjustments with their hour and the remainder that they would be added to."""
    statement = (
        select(Adjustment, Stream.key, Window.hour, func.coalesce(Remainder.carried, 0))
        .join(Window, Window.id == Adjustment.window_id)
        .join(Stream, Stream.id == Window.stream_id)
        .outerjoin(
            Remainder,
            (Remainder.stream_id == Window.stream_id)
            & (Remainder.contract == Adjustment.contract)
            & (Remainder.dimension == Adjustment.dimension),
        )
        .where(Adjustment.id.in_(ids))
        .order_by(Stream.key, Adjustment.contract, Adjustment.dimension, Adjustment.id)
    )
    return [Choice(*row) for row in db.execute(statement)]


def _some(db: Session, statement: Select[*tuple[Any, ...]]) -> Some:
    rows = db.execute(statement.limit(MOST)).all()
    shown = [row[0] if len(row) == 1 else tuple(row) for row in rows]
    if len(shown) < MOST:
        return Some(shown, len(shown))
    counted = select(func.count()).select_from(statement.order_by(None).subquery())
    return Some(shown, int(db.execute(counted).scalar_one()))

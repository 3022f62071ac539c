"""Every SELECT of the search: by index, or within the latest hours. It is asked at every letter that somebody types."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from recoup.areas.metering.models import Entry, Part, Stream, UsageFile, Window, WindowState

MOST = 5
LATEST_HOURS = 48


def streams(db: Session, text: str) -> Sequence[Stream]:
    """Return streams whose name holds ``text``; there are few."""
    statement = select(Stream).where(Stream.key.icontains(text, autoescape=True)).order_by(Stream.key)
    return db.scalars(statement.limit(MOST)).all()


def contracts(db: Session, start: str) -> Sequence[str]:
    """Return contracts that begin with ``start``, one step along the index for each."""
    return _names(db, Entry.contract, start, of=None)


def subscriptions_without_contract(db: Session, start: str) -> Sequence[str]:
    """Return subscriptions with usage that no contract pays for."""
    return _names(db, Part.subscription, start, of=Part.contract.is_(None))


def window_with_subscription(db: Session, subscription: str) -> tuple[Window, str, str | None] | None:
    """Return the latest window that holds a subscription, of the latest hours; its stream, and the contract."""
    latest = (
        select(Window.id)
        .where(Window.state == WindowState.TAKEN)
        .order_by(Window.hour.desc(), Window.id.desc())
        .limit(LATEST_HOURS)
    )
    statement = (
        select(Window, Stream.key, Part.contract)
        .join(Part, Part.window_id == Window.id)
        .join(Stream, Stream.id == Window.stream_id)
        .where(Window.id.in_(latest), Part.subscription == subscription)
        .order_by(Window.hour.desc(), Part.id)
        .limit(1)
    )
    row = db.execute(statement).first()
    return (row[0], row[1], row[2]) if row is not None else None


def files_of(db: Session, stream_key: str, hour: datetime, start: str) -> Sequence[tuple[UUID, str]]:
    """Return window and key of an hour's files whose key begins with ``start``."""
    statement = (
        select(UsageFile.window_id, UsageFile.key)
        .join(Window, Window.id == UsageFile.window_id)
        .join(Stream, Stream.id == Window.stream_id)
        .where(
            Stream.key == stream_key, Window.hour == hour, UsageFile.key.startswith(start, autoescape=True)
        )
        .order_by(UsageFile.key)
        .limit(MOST)
    )
    return [(window_id, key) for window_id, key in db.execute(statement)]


def _names(
    db: Session, column: InstrumentedAttribute[str], start: str, *, of: ColumnElement[bool] | None
) -> list[str]:
    """Return different values that begin with ``start``: one look into the index for each, however many rows it has."""
    found: list[str] = []
    statement = select(column).order_by(column).limit(1)
    if of is not None:
        statement = statement.where(of)
    name = db.scalar(statement.where(column >= start))
    while name is not None and name.startswith(start) and len(found) < MOST:
        found.append(name)
        name = db.scalar(statement.where(column > name))
    return found

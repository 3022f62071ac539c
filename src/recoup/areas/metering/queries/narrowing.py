"""What the lists' SELECTs have in common: a stream, a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from recoup.areas.metering.models import Stream

A_DAY = timedelta(days=1)


def stream_choices(db: Session) -> tuple[tuple[str, str], ...]:
    """Return the streams that a list can be narrowed to."""
    return tuple((key, key) for key in db.scalars(select(Stream.key).order_by(Stream.key)))


def of_stream(statement: Any, column: InstrumentedAttribute[UUID], filters: Mapping[str, Any]) -> Any:
    """Narrow a statement to a stream, where the filters name one."""
    if "stream" not in filters:
        return statement
    one = select(Stream.id).where(Stream.key == filters["stream"]).scalar_subquery()
    return statement.where(column == one)


def of_time(statement: Any, column: InstrumentedAttribute[datetime], filters: Mapping[str, Any]) -> Any:
    """Narrow a statement to the hours that the filters ``hour``, ``day``, ``since`` and ``until`` leave."""
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

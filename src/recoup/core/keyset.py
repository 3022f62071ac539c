"""Long lists, a page at a time: each page starts where the one before it ended, however many rows there are."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from recoup.core.errors import Invalid

R = TypeVar("R")

Key = Sequence[InstrumentedAttribute[Any] | ColumnElement[Any]]
"""Columns that order a list and never hold NULL; the last one is unique."""

LONGEST_CURSOR = 1_000
LARGEST_WHOLE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Slice(Generic[R]):
    """A part of a list; ``next`` is where the following part starts, None at the end."""

    rows: Sequence[R]
    next: str | None


def slice_of(
    db: Session,
    statement: Select[*tuple[Any, ...]],
    *,
    key: Key,
    descending: bool = True,
    after: str | None,
    limit: int,
    named: bool = False,
) -> Slice[Any]:
    """Return at most ``limit`` rows of ``statement`` after the cursor ``after``, in the order of ``key``.

    A statement that selects one thing gives that thing, others give tuples. ``named``: it selects columns, and the
    key's among them; it gives rows that are read by those names, in half the time of things. An index on the key's
    columns (behind those that the statement compares for equality) makes every page cost the same. Raise Invalid for
    a cursor that no page gave.
    """
    if after is not None:
        statement = statement.where(behind(key, after, descending=descending))
    ordered = statement.order_by(*(one.desc() if descending else one.asc() for one in key)).limit(limit + 1)
    result = db.execute(ordered if named else ordered.add_columns(*key))
    asked_for = len(result.keys()) - len(key)
    found = result.all()
    rows: Sequence[Any] = found[:limit]
    end = None
    if len(found) > limit:
        last = rows[-1]
        end = _written([getattr(last, str(one.key)) for one in key] if named else last[-len(key) :])
    if not named:
        rows = [row[0] if asked_for == 1 else tuple(row[:asked_for]) for row in rows]
    return Slice(rows, end)


def behind(key: Key, after: str, *, descending: bool) -> ColumnElement[bool]:
    """Return the condition that rows come after a cursor, for a statement that narrows itself before it is paged."""
    values, place = tuple_(*_read(after, key)), tuple_(*key)
    return place < values if descending else place > values


def _written(values: Sequence[Any]) -> str:
    parts = []
    for value in values:
        match value:
            case UUID():
                parts.append(["u", value.hex])
            case datetime():
                parts.append(["t", value.isoformat()])
            case bool() | int():
                parts.append(["i", str(int(value))])
            case Decimal():
                parts.append(["d", str(value)])
            case _:
                parts.append(["s", str(value)])
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


_READERS: Mapping[str, Callable[[str], Any]] = {
    "u": UUID,
    "t": datetime.fromisoformat,
    "i": int,
    "d": Decimal,
    "s": str,
}


def _read(cursor: str, key: Key) -> list[Any]:
    """Return the values of a cursor: as many as the key has columns, of the columns' own kinds."""
    values: list[Any] = []
    if len(cursor) <= LONGEST_CURSOR and "\0" not in cursor:
        try:
            parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            values = [_READERS[kind](text) for kind, text in parts]
        except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError):
            values = []
    if len(values) != len(key) or not all(map(_fits, values, key)):
        raise Invalid("This page of the list cannot be found.", fix="Start from the first page.")
    return values


def _fits(value: Any, column: InstrumentedAttribute[Any] | ColumnElement[Any]) -> bool:
    """Say whether Postgres can compare the value with the column: a cursor may be another list's, or made up."""
    match value:
        case str():
            is_sound = not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)
        case int():
            is_sound = abs(value) <= LARGEST_WHOLE
        case Decimal():
            is_sound = value.is_finite()
        case datetime():
            is_sound = value.tzinfo is not None
        case _:
            is_sound = True
    kind = column.type.python_type
    return is_sound and isinstance(value, int if kind is bool else kind)

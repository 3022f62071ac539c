"""What a file holds of a list: its columns as plain values, an amount apart from its currency."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

from recoup.core import money
from recoup.core.money import Money
from recoup.core.quantity import EXACT
from recoup.web.lists import Column, Listing

FieldKind = Literal["text", "instant", "duration", "whole", "quantity", "amount", "yes"]

BATCH_ROWS = 2_000
MICROSECOND = timedelta(microseconds=1)

_KINDS: Mapping[str, FieldKind] = {
    "instant": "instant",
    "duration": "duration",
    "whole": "whole",
    "size": "whole",
    "quantity": "quantity",
    "yes": "yes",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a file. ``value`` gives text, an aware datetime, a timedelta, an int, a Decimal, a bool, or None."""

    name: str
    title: str
    kind: FieldKind
    value: Callable[[Any], Any]


def fields_of(listing: Listing[Any]) -> list[Field]:
    """Return the columns of a file; those that no page shows are among them."""
    return [field for column in listing.columns for field in _fields(column)]


def values_of(fields: Sequence[Field], rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield each row's values."""
    for row in rows:
        yield [field.value(row) for field in fields]


def seconds(length: timedelta) -> Decimal:
    """Return a length of time in seconds, exactly."""
    return Decimal(length // MICROSECOND).scaleb(-6, EXACT)


def _fields(column: Column[Any]) -> Iterator[Field]:
    if column.kind == "money":
        yield Field(column.name, column.title, "amount", lambda row: _amount(column.value(row)))
        yield Field(
            f"{column.name}_currency",
            f"{column.title}: currency",
            "text",
            lambda row: _currency(column.value(row)),
        )
        return
    kind = _KINDS.get(column.kind, "text")
    value = (lambda row: _text(column.value(row))) if kind == "text" else column.value
    yield Field(column.name, column.title, kind, value)


def _amount(value: Money | None) -> Decimal | None:
    return None if value is None else Decimal(value.minor).scaleb(-money.exponent(value.currency), EXACT)


def _currency(value: Money | None) -> str | None:
    return None if value is None else value.currency


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)

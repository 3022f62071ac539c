"""How values look outside, in the API and in ``--json`` alike: exact decimals as text, instants in UTC with a Z."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from recoup.core import quantity
from recoup.core.clock import to_text
from recoup.core.errors import NotFound

LONGEST_WORD = 300
LONGEST_NOTE = 2_000


def _storable(text: str) -> str:
    """Refuse what neither Postgres nor a terminal can take: NUL, other controls, halves of surrogate pairs."""
    if not all(char.isprintable() or char in "\n\t\N{NO-BREAK SPACE}" for char in text):
        raise ValueError("it holds characters that cannot be shown")
    return text


def _all_storable(value: Any) -> Any:
    match value:
        case str():
            return _storable(value)
        case dict():
            return {_storable(name): _all_storable(each) for name, each in value.items()}
        case list():
            return [_all_storable(each) for each in value]
    return value


Instant = Annotated[
    datetime,
    PlainSerializer(to_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""An instant, written ``2025-07-24T16:30:00Z``."""

Quantity = Annotated[
    Decimal,
    PlainSerializer(quantity.to_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "decimal"}, mode="serialization"),
]
"""An exact decimal, written as text without an exponent."""

Word = Annotated[str, Field(max_length=LONGEST_WORD), AfterValidator(_storable)]
"""A name or a part of one, as a caller gives it."""

Note = Annotated[str, Field(max_length=LONGEST_NOTE), AfterValidator(_storable)]
"""What a person wants to have written down."""


Parameters = Annotated[dict[str, Any], AfterValidator(_all_storable)]
"""Parameters by name, before whoever takes them has checked them."""


class Shown(BaseModel):
    """Something as it is shown; made from a row or any object with the same names."""

    model_config = ConfigDict(from_attributes=True)


class Asked(BaseModel):
    """The body of a request; a field that nobody asked for is refused."""

    model_config = ConfigDict(extra="forbid")


T = TypeVar("T")
ShownT = TypeVar("ShownT", bound=BaseModel)


class Page(BaseModel, Generic[ShownT]):
    """A part of a list, and where it goes on."""

    items: list[ShownT]
    next: str | None = Field(
        default=None,
        description="Give it as `before` (as `after` where a list says so) for the next page; null on the last.",
    )


def page_of(
    kind: type[ShownT],
    rows: Sequence[Any],
    *,
    limit: int | None = None,
    cursor: Callable[[Any], object] = lambda row: row.id,
) -> Page[ShownT]:
    """Show rows as a page. Where there may be more, ask the query for ``limit + 1`` rows and give ``limit`` here."""
    shown = rows if limit is None else rows[:limit]
    more = len(shown) < len(rows)
    items = [kind.model_validate(row) for row in shown]
    return Page[kind](items=items, next=str(cursor(shown[-1])) if more else None)  # type: ignore[valid-type]


def found(row: T | None, what: str, *, see: str) -> T:
    """Return the row that was asked for; raise NotFound for ``what`` (``"run 0198…"``), naming where to look."""
    if row is None:
        raise NotFound(f"There is no {what}.", fix=f"See `recoup {see}`.")
    return row

"""Lists and their exports on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from recoup.web.lists import Filter, Listing
from recoup.web.wire import Asked, Shown, Word


class ExportParams(BaseModel):
    """What an export writes, and for whom: they get the rows that they may see, with times in their zone."""

    model_config = ConfigDict(extra="forbid")

    list: str = Field(description="The name of the list.")
    query: str = Field(default="", description="Filters and order, as in the address of the list's page.")
    format: Literal["csv", "xlsx", "parquet"] = "xlsx"
    zone: str = "UTC"
    asked_by: str = ""
    role: str = ""
    person: UUID | None = None


class ExportAsked(Asked):
    """A list that somebody wants as a file."""

    format: Literal["csv", "xlsx", "parquet"] = "xlsx"
    filters: dict[Word, Word] = Field(
        default_factory=dict, description="Filters by name, as on the list's page."
    )
    order: Word = Field(
        default="", description="One of the list's orders; the usual one where this is empty."
    )


class ColumnShown(Shown):
    """A column of a list."""

    name: str
    title: str
    kind: str


class FilterShown(Shown):
    """A way to narrow a list; ``usual`` holds while nothing is asked for."""

    name: str
    title: str
    kind: str
    usual: str
    choices: list[str] | None = Field(description="The only values that fit, where they are always the same.")

    @classmethod
    def of(cls, one: Filter) -> FilterShown:
        """Show a filter."""
        choices = [value for value, _ in one.choices] if isinstance(one.choices, tuple) else None
        return cls(name=one.name, title=one.title, kind=one.kind, usual=one.usual, choices=choices)


class ListShown(Shown):
    """A list that can be exported, with what narrows and sorts it."""

    name: str
    title: str
    columns: list[ColumnShown]
    filters: list[FilterShown]
    orders: Mapping[str, str] = Field(description="What each is called; the first is the usual one.")

    @classmethod
    def of(cls, listing: Listing[Any]) -> ListShown:
        """Show a list."""
        return cls(
            name=listing.name,
            title=listing.title,
            columns=[ColumnShown.model_validate(column) for column in listing.columns],
            filters=[FilterShown.of(one) for one in listing.filters],
            orders={order.name: order.title for order in listing.orders},
        )

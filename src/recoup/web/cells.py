"""The rows of lists as HTML, written without templates: a page of them is most of what the portal's server does."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from markupsafe import Markup, escape

from recoup.web import shown
from recoup.web.lists import Column, Kind, Sheet

R = TypeVar("R")

NUMBERS: frozenset[Kind] = frozenset({"whole", "quantity", "money", "size", "duration"})
LONGEST_KEPT = 200
_CLASSES: Mapping[Kind, str] = {"id": "id", "wide": "wide", **dict.fromkeys(NUMBERS, "num")}


def rows_of(sheet: Sheet[R], *, now: datetime, zone: str, choose: bool = False) -> Markup:
    """Return the rows of a list; ``choose`` puts a box before each, named ``id``."""
    listing, rows = sheet.listing, sheet.slice.rows
    moments = shown.Moments(now, zone)
    hrefs = [escape(listing.href(row)) for row in rows] if listing.href else [None] * len(rows)
    columns = [[f'<tr data-href="{href}">' if href else "<tr>" for href in hrefs]]
    if choose:
        columns.append([_box(row) for row in rows])
    columns += [
        _cells(column, rows, moments, hrefs if number == 0 else None)
        for number, column in enumerate(sheet.columns)
    ]
    lines = zip(*columns, strict=True)
    return Markup("".join([f"{''.join(line)}</tr>\n" for line in lines]))  # noqa: S704 - escaped by its writers


def _cells(
    column: Column[R], rows: Sequence[R], moments: shown.Moments, hrefs: Sequence[str | None] | None
) -> list[str]:
    """Return a column's cells, row by row; those of the first column lead to where their rows lead (``hrefs``)."""
    classes = " ".join(filter(None, (_CLASSES.get(column.kind), "first" if hrefs is not None else None)))
    head = f'<td data-label="{escape(column.title)}"' + (f' class="{classes}">' if classes else ">")
    write, value_of = _WRITERS.get(column.kind, _text), column.value
    values = [value_of(row) for row in rows]
    written = ["" if value is None or value == "" else write(value, moments) for value in values]
    links = [_linked(column.link(row)) for row in rows] if column.link else hrefs
    if links is None:
        return [f"{head}{text}</td>" for text in written]
    return [
        f'{head}<a href="{to}">{text}</a></td>' if to and text else f"{head}{text}</td>"
        for text, to in zip(written, links, strict=True)
    ]


def _box(row: Any) -> str:
    return (
        f'<td><input class="form-check-input m-0" type="checkbox" name="id" value="{escape(row.id)}" '
        'aria-label="Choose this one"></td>'
    )


def _linked(to: str | None) -> str | None:
    return escape(to) if to else None


def _text(value: Any, _: shown.Moments) -> str:
    return _escaped(value) if isinstance(value, str) and len(value) <= LONGEST_KEPT else escape(value)


@functools.lru_cache(maxsize=5_000)
def _escaped(value: str) -> str:
    """Escape what stands in many rows: the name of a job, of a person, of a state."""
    return str(escape(value))


_WRITERS: Mapping[Kind, Callable[[Any, shown.Moments], str]] = {
    "state": lambda value, _: shown.state(value),
    "instant": lambda value, moments: moments.ago(value),
    "duration": lambda value, _: shown.duration(value),
    "whole": lambda value, _: shown.whole(value),
    "quantity": lambda value, _: shown.quantity(value),
    # One thing, where a phone puts the things of a cell apart.
    "money": lambda value, _: f"<span>{shown.money(value)}</span>",
    "size": lambda value, _: shown.size(value),
    "yes": lambda value, _: "yes" if value else "no",
    "code": lambda value, _: f'<code class="clip" title="{escape(value)}">{escape(value)}</code>',
    "id": lambda value, _: shown.short(value),
}

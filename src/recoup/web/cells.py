"""The rows of lists as HTML, written without templates: a page of them is most of what the portal's server does."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
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
    listing = sheet.listing
    moments = shown.Moments(now, zone)
    writers = [_writer(column, moments, is_first=number == 0) for number, column in enumerate(sheet.columns)]
    parts = []
    for row in sheet.slice.rows:
        href = escape(listing.href(row)) if listing.href else None
        parts.append(f'<tr data-href="{href}">' if href else "<tr>")
        if choose:
            parts.append(_box(row))
        parts += [write(row, href) for write in writers]
        parts.append("</tr>\n")
    return Markup("".join(parts))  # noqa: S704 - every value in it was escaped by its writer


def _writer(column: Column[R], moments: shown.Moments, *, is_first: bool) -> Callable[[R, str | None], str]:
    classes = " ".join(filter(None, (_CLASSES.get(column.kind), "first" if is_first else None)))
    head = f'<td data-label="{escape(column.title)}"' + (f' class="{classes}">' if classes else ">")
    write, value_of, link = _WRITERS.get(column.kind, _text), column.value, column.link

    def cell(row: R, href: str | None) -> str:
        value = value_of(row)
        if value is None or value == "":
            return f"{head}</td>"
        written = write(value, moments)
        to = _linked(link(row)) if link else href if is_first else None
        return f'{head}<a href="{to}">{written}</a></td>' if to else f"{head}{written}</td>"

    return cell


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
    "money": lambda value, _: shown.money(value),
    "size": lambda value, _: shown.size(value),
    "yes": lambda value, _: "yes" if value else "no",
    "code": lambda value, _: f'<code class="clip" title="{escape(value)}">{escape(value)}</code>',
    "id": lambda value, _: shown.short(value),
}

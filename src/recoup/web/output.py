"""How commands speak: tables for people, one JSON document for programs, everything else on stderr."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from cyclopts import Parameter
from cyclopts.validators import Number
from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recoup.core import quantity
from recoup.web.terminal import clean, note, say
from recoup.web.wire import Page

__all__ = [
    "Before",
    "Columns",
    "Json",
    "Limit",
    "Note",
    "actor",
    "clean",
    "counts",
    "document",
    "fields",
    "joined",
    "listing",
    "note",
    "say",
    "shown",
    "table",
]

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON document instead.")]
Limit = Annotated[int, Parameter(validator=Number(gte=1, lte=500), help="How many rows at most.")]
Before = Annotated[str | None, Parameter(help="Go on with what is older than this id.")]
Note = Annotated[str, Parameter(help="Why, for the journal.")]

ShownT = TypeVar("ShownT", bound=BaseModel)
Columns = Mapping[str, Callable[[Any], object]]


def actor() -> str:
    """Return who types, as the journal writes it."""
    try:
        return f"command:{getpass.getuser()}"
    except (KeyError, OSError):  # an account without a name, as containers have
        return "command"


def document(value: object) -> None:
    """Print the one JSON document of a command."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    sys.stdout.write(json.dumps(value, indent=2, default=_plain) + "\n")


def listing(
    page: Page[ShownT], columns: Columns, *, as_json: bool, empty: str, go_on: str = "--before"
) -> None:
    """Print a page: its JSON, or a table with a hint on stderr where it goes on (with the option ``go_on``)."""
    if as_json:
        document(page)
        return
    table(columns, page.items, empty=empty)
    if page.next:
        note(f"There are more: add {go_on} {page.next}")


def table(columns: Columns, rows: Sequence[Any], *, empty: str) -> None:
    """Print rows as a table: with lines on a terminal, with blanks between columns everywhere else."""
    if not rows:
        say(empty)
        return
    cells = [[shown(get(row)) for get in columns.values()] for row in rows]
    if sys.stdout.isatty():
        drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in columns:
            drawn.add_column(name, overflow="fold", no_wrap=name == "ID")  # an id is copied, in one piece
        for line in cells:
            drawn.add_row(*map(Text, line))
        Console().print(drawn)
        return
    lines = [list(columns), *cells]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        say("  ".join(padded).rstrip())


def fields(values: Mapping[str, object]) -> None:
    """Print one thing, a name and a value on each line; what is empty is left out."""
    known = {name: shown(value) for name, value in values.items()}
    width = max(map(len, known), default=0)
    for name, text in known.items():
        if text:
            say(f"{name.ljust(width)}  {text}")


def shown(value: object) -> str:
    """Write a value for a person: exact numbers, minutes in UTC, nothing where there is nothing."""
    text = ""
    match value:
        case None:
            pass
        case bool():
            text = "yes" if value else "no"
        case datetime():
            text = f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        case Decimal():
            text = quantity.to_text(value)
        case Mapping():
            text = ", ".join(f"{clean(str(name))} {shown(each)}" for name, each in value.items())
        case list() | tuple():
            text = ", ".join(map(shown, value))
        case _:
            text = clean(str(value))
    return text


def counts(named: Mapping[str, int]) -> str:
    """Write counts by name, such as ``3 taken, 1 held``."""
    return ", ".join(f"{number:,} {name}" for name, number in sorted(named.items()) if number)


def joined(parts: Iterable[object]) -> str:
    """Write what is there of several values, with a blank between them."""
    return " ".join(filter(None, map(shown, parts)))


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return shown(value)

"""Workbooks for people: dates are dates in the reader's zone, numbers are numbers, text computes nothing.

A workbook knows doubles only: a number that one does not hold exactly is written as text, digit by digit.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter  # type: ignore[import-untyped]
from xlsxwriter.format import Format  # type: ignore[import-untyped]
from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

from recoup.core import quantity
from recoup.core.clock import to_text
from recoup.office.desk import rules
from recoup.office.desk.writers.fields import Field

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_SHEET_ROWS = 1_048_576
"""Rows of a sheet, its titles included."""
FIRST_YEAR, LAST_YEAR = 1901, 9998
LOOKED_AT = 200
"""Rows that widths are taken from."""
NARROWEST, WIDEST = 8, 60
INSTANT_WIDTH = 19
UNNAMED = "Sheet"
RESERVED = "history"
"""The name of no sheet: Excel keeps it for itself."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a workbook: how many sheets, and how many texts were longer than a cell and were cut."""

    sheets: int
    cut: int


@dataclass(frozen=True, slots=True)
class Part:
    """One list of a workbook, which starts on a sheet of its own. The rows are read once, when their turn comes."""

    title: str
    fields: Sequence[Field]
    rows: Iterable[Sequence[Any]]


def write(
    path: Path,
    fields: Sequence[Field],
    rows: Iterable[Sequence[Any]],
    *,
    title: str,
    zone: str,
    most_rows: int = MOST_SHEET_ROWS,
) -> Written:
    """Write one list; else as ``write_book``."""
    return write_book(path, [Part(title, fields, rows)], zone=zone, most_rows=most_rows)


def write_book(path: Path, parts: Sequence[Part], *, zone: str, most_rows: int = MOST_SHEET_ROWS) -> Written:
    """Write each part into as many sheets as it needs, titles on each; a part without rows has a sheet of titles.

    Temporary files lie beside ``path``; where the rows fail, no file is left.
    """
    if not parts:
        raise ValueError("a workbook has at least one part")
    options = {
        "constant_memory": True,  # rows go to disk as they come
        "tmpdir": str(path.parent),
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    try:
        with xlsxwriter.Workbook(str(path), options) as book:  # closing removes the temporary files
            names = _Names()
            written = [_write_part(book, part, names, zone=zone, most_rows=most_rows) for part in parts]
    except BaseException:
        path.unlink(missing_ok=True)  # it would open, and look whole
        raise
    return Written(sum(one.sheets for one in written), sum(one.cut for one in written))


def _write_part(
    book: xlsxwriter.Workbook, part: Part, names: _Names, *, zone: str, most_rows: int
) -> Written:
    coming = iter(part.rows)
    first = list(itertools.islice(coming, LOOKED_AT))
    pen = _Pen(book, part.fields, zone=zone)
    widths = pen.widths(first)
    sheets = 0
    for run in _runs(itertools.chain(first, coming), most_rows - 1):
        sheets += 1
        sheet = book.add_worksheet(names.new(part.title, sheets))
        pen.begin(sheet, widths)
        last = 0
        for number, row in enumerate(run, start=1):
            pen.row(sheet, number, row)
            last = number
        sheet.autofilter(0, 0, last, len(part.fields) - 1)
    return Written(sheets, pen.cut)


def _runs(rows: Iterator[Sequence[Any]], most: int) -> Iterator[Iterator[Sequence[Any]]]:
    """Yield runs of at most ``most`` rows, each to be used up before the next; an empty one where there are none."""
    start: list[Sequence[Any]] = []
    while True:
        yield itertools.chain(start, itertools.islice(rows, most - len(start)))
        start = list(itertools.islice(rows, 1))
        if not start:
            return


class _Names:
    """Names of sheets, no two alike in a workbook, which takes capitals for small letters."""

    def __init__(self) -> None:
        self._taken = {RESERVED}

    def new(self, title: str, number: int) -> str:
        """Return a name for the ``number``th sheet of a part; where another part has it, the next number that is free.

        Characters that count twice in a workbook's limit (such as emoji), or that nobody sees, are replaced.
        """
        fit = "".join(char if char.isprintable() and char <= "\uffff" else "_" for char in title)
        wanted = (rules.sheet_name(fit.strip() or UNNAMED, free) for free in itertools.count(number))
        name = next(one for one in wanted if one.casefold() not in self._taken)
        self._taken.add(name.casefold())
        return name


class _Pen:
    """Writes titles and cells, each with the format of its kind."""

    def __init__(self, book: xlsxwriter.Workbook, fields: Sequence[Field], *, zone: str) -> None:
        self._book = book
        self._fields = fields
        self._zone_name = zone
        self._zone = ZoneInfo(zone)
        self._title = book.add_format({"bold": True, "bottom": 1, "bg_color": "#EEF3F2"})
        self._instant = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss", "align": "left"})
        self._length = book.add_format({"num_format": "[h]:mm:ss"})
        self._numbers: dict[int, Format] = {}
        self.cut = 0

    def titles(self) -> list[str]:
        """Return the line of titles; instants say in which zone they are."""
        return [
            f"{field.title} ({self._zone_name})" if field.kind == "instant" else field.title
            for field in self._fields
        ]

    def widths(self, rows: Sequence[Sequence[Any]]) -> list[int]:
        """Return how wide the columns have to be for the first rows."""
        found = [len(title) + 3 for title in self.titles()]  # there is a button beside it
        for row in rows:
            for index, value in enumerate(row):
                width = INSTANT_WIDTH if isinstance(value, datetime) else len(str(value or ""))
                found[index] = max(found[index], width + 1)
        return [min(max(width, NARROWEST), WIDEST) for width in found]

    def begin(self, sheet: Worksheet, widths: Sequence[int]) -> None:
        """Set a sheet up: its titles stay in sight."""
        for index, width in enumerate(widths):
            sheet.set_column(index, index, width)
        sheet.freeze_panes(1, 0)
        for index, title in enumerate(self.titles()):
            sheet.write_string(0, index, title, self._title)

    def row(self, sheet: Worksheet, number: int, row: Sequence[Any]) -> None:
        """Write a row."""
        for index, (field, value) in enumerate(zip(self._fields, row, strict=True)):
            if value is not None:
                self._cell(sheet, number, index, field.kind, value)

    def _cell(self, sheet: Worksheet, row: int, column: int, kind: str, value: Any) -> None:
        match kind:
            case "instant":
                local = value.astimezone(self._zone).replace(tzinfo=None)
                if FIRST_YEAR <= local.year <= LAST_YEAR:
                    sheet.write_datetime(row, column, local, self._instant)
                else:
                    sheet.write_string(row, column, to_text(value))
            case "duration":
                sheet.write_datetime(row, column, max(value, timedelta()), self._length)
            case "yes":
                sheet.write_boolean(row, column, value)
            case "whole" | "quantity" | "amount":
                self._number(sheet, row, column, Decimal(value), keeps_zeros=kind == "amount")
            case _:
                self._text(sheet, row, column, value)

    def _number(self, sheet: Worksheet, row: int, column: int, value: Decimal, *, keeps_zeros: bool) -> None:
        text = format(value, "f") if keeps_zeros else quantity.to_text(value)
        if not rules.is_exact_in_a_double(value):
            sheet.write_string(row, column, text)
            return
        places = len(text.partition(".")[2])
        if places not in self._numbers:
            pattern = "#,##0" + ("." + "0" * places if places else "")
            self._numbers[places] = self._book.add_format({"num_format": pattern})
        sheet.write_number(row, column, float(value), self._numbers[places])

    def _text(self, sheet: Worksheet, row: int, column: int, value: str) -> None:
        if len(value) > rules.LONGEST_CELL:
            value = value[: rules.LONGEST_CELL - 1] + "…"
            self.cut += 1
        sheet.write_string(row, column, value)

"""Finding the line that a report cannot be read beyond, so that the sentence can name it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TextIO

from recoup.areas.rights.reading.unpacking import LONGEST_LINE, unreadable
from recoup.areas.rights.rules.layouts import Layout
from recoup.core.errors import Invalid


def first_problem(path: Path, layout: Layout, *, name: str) -> Invalid | None:
    """Return what is wrong with the first row that does not fit, or None when every row does."""
    with _opened(path) as text:
        rows = _Rows(text)
        try:
            return _first_misfit(rows, layout, name=name)
        except csv.Error as error:
            return unreadable(error, f"{name}, line {rows.begun}")


def _first_misfit(rows: _Rows, layout: Layout, *, name: str) -> Invalid | None:
    columns = next(rows)
    key, ends = columns.index(layout.key), rows.ends
    for cells in rows:
        where = f"{name}, line {rows.begun}"
        if rows.ends != ends:
            return Invalid(f"{where}: it does not end as line 1 does (with or without a carriage return).")
        if not cells:
            continue
        if len(cells) != len(columns):
            return Invalid(f"{where}: it has {len(cells)} cells for {len(columns)} columns.")
        if not cells[key]:
            return Invalid(f"{where}: it has no {layout.key}.")
    return None


def refused(path: Path, said: str, *, name: str) -> Invalid:
    """Return what is wrong with a row that the engine alone refuses, such as one with quotes behind a blank."""
    row = re.search(r"Line: (\d+)", said)
    where = f"{name}, line {_line(path, int(row[1]), counts_empty=True)}" if row else name
    return Invalid(f"{where}: its quotes cannot be read.")


def line_of(path: Path, place: int) -> int:
    """Return the line at which a row begins; the row below the header is 0, and empty lines are no rows."""
    return _line(path, place + 2, counts_empty=False)


def _line(path: Path, number: int, *, counts_empty: bool) -> int:
    with _opened(path) as text:
        rows = _Rows(text)
        counted = rows if counts_empty else (cells for cells in rows if cells)
        with suppress(csv.Error):  # then it is that row
            next(islice(counted, number - 1, None), None)
        return rows.begun


def _opened(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", newline="\n")


class _Rows:
    """The rows of a text from its header on, with the line at which the last one began and how it ended."""

    def __init__(self, text: TextIO) -> None:
        csv.field_size_limit(LONGEST_LINE)
        self.begun, self.ends = 1, ""
        self._reader = csv.reader(self._lines(text), strict=True)

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        self.begun = self._reader.line_num + 1
        return next(self._reader)

    def _lines(self, text: TextIO) -> Iterator[str]:
        for line in text:
            self.ends = line[len(line.rstrip("\r\n")) :]
            yield line

"""Sheets as text: CSV in UTF-8 or Windows-1252, between commas, semicolons or tabs, quoted as RFC 4180 has it."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Callable, Iterable, Iterator, Sequence

from recoup.core.errors import Invalid, TooLarge

DELIMITERS = ",;\t"
LONGEST_RECORD = 100_000
"""Characters of one line, those within quotation marks included; the longest that people have are a few thousand."""
_AS_CSV = "Save it as CSV (UTF-8), or as an Excel workbook (.xlsx)."


def decoded(body: bytes) -> str:
    """Return the text of a file; raise Invalid for what is none."""
    if b"\0" in body:
        raise Invalid("This is no CSV file: it holds bytes that no text has.", fix=_AS_CSV)
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Invalid("This is no CSV file: it is neither UTF-8 nor Windows-1252.", fix=_AS_CSV)


def lines(body: bytes, *, known: Callable[[Sequence[str]], int]) -> Iterator[tuple[int, list[str]]]:
    """Yield each line of a CSV file with its number, from 1; empty ones are left out.

    ``known`` says how many titles of a first line are known under one reading: of commas, semicolons and tabs, the one
    with the most stands between its cells. Raise Invalid for what is not CSV, TooLarge for a line beyond any use.
    """
    text = decoded(body)
    source = functools.partial(io.StringIO, text, newline="")
    yield from records(source(), delimiter=between_cells(source, known))


def records(source: Iterable[str], *, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the number of the line that it begins in; empty ones are left out."""
    bounded = _Bounded(source)
    reader = csv.reader(bounded, delimiter=delimiter, strict=True)
    while True:
        begins = bounded.line + 1
        bounded.used = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise Invalid(
                f"Line {begins} is not CSV: its quotation marks do not match, or a cell is too long.",
                fix="A quotation mark within a cell is written twice.",
            ) from None
        if cells:
            yield begins, cells


class _Bounded:
    """Lines of a file, of which one record takes no more than ``LONGEST_RECORD`` characters."""

    def __init__(self, source: Iterable[str]) -> None:
        self._source = iter(source)
        self.line = self.used = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._source)
        self.line += 1
        self.used += len(line)
        if self.used > LONGEST_RECORD:
            raise TooLarge(
                f"Line {self.line} is longer than {LONGEST_RECORD:,} characters, or a quotation mark never ends.",
                fix=_AS_CSV,
            )
        return line


def between_cells(source: Callable[[], Iterable[str]], known: Callable[[Sequence[str]], int]) -> str:
    """Return what stands between the cells of a file: that by which most titles of its first line are known.

    ``source`` gives the lines from the beginning, each time anew.
    """
    found = []
    for delimiter in DELIMITERS:
        try:
            _, header = next(records(source(), delimiter=delimiter))
        except (StopIteration, Invalid):
            header = []
        found.append((known(header), len(header), -DELIMITERS.index(delimiter), delimiter))
    return max(found)[-1]

"""From fetched bytes to a plain file that can be read: unpacked, whole, text, with a header that has what is needed.

Whatever headers said, the first two bytes tell a gzip file from plain text. Nothing here holds more than a portion.
"""

from __future__ import annotations

import codecs
import csv
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from recoup.areas.rights.rules import layouts
from recoup.areas.rights.rules.layouts import INSTEAD, SEPARATOR, Layout
from recoup.core.errors import Invalid

GZIP = b"\x1f\x8b"
BOM = codecs.BOM_UTF8
PORTION = 1 << 20
LONGEST_LINE = 2_000_000
"""Characters; a line of a report has some hundreds."""
MOST_BYTES = 20_000_000_000
"""Unpacked: several times the largest report that was ever seen."""


class BrokenFile(Invalid):
    """What came is not what was made: fetching it again may mend it."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A report as plain text: where it lies, its columns, and what it counts.

    ``lines`` are its ends of lines: where they are one more than its rows, no cell holds one. ``ends`` is how the
    header's does, ``has_returns`` whether there are carriage returns, there or anywhere else.
    """

    path: Path
    columns: tuple[str, ...]
    size: int
    lines: int
    ends: str
    has_returns: bool


def unpack(packed: Path, target: Path, layout: Layout, *, name: str) -> Plain:
    """Unpack ``packed`` into ``target`` and check it on the way; raise Invalid with file, line and what is wrong.

    A gzip file is whole when its trailer says so, a plain one when its last line ends and has every column. What
    separates cells where they are kept is replaced here, so that all that follows sees the same text.
    """
    csv.field_size_limit(LONGEST_LINE)
    looks, separator, instead = _Looks(name), SEPARATOR.encode(), INSTEAD.encode()
    with packed.open("rb") as body, target.open("wb") as plain:
        for portion in _portions(body, name):
            looks.at(portion)
            plain.write(portion.replace(separator, instead))
        plain.flush()
        os.fsync(plain.fileno())
    looks.over()
    columns, ends = _columns(target, layout, name=name)
    _check_end(target, columns, name=name, lines=looks.lines)
    return Plain(
        path=target,
        columns=columns,
        size=looks.size,
        lines=looks.lines,
        ends=ends,
        has_returns=looks.has_returns,
    )


def _portions(body: BinaryIO, name: str) -> Iterator[bytes]:
    start = body.read(2)
    body.seek(0)
    if start != GZIP:
        while portion := body.read(PORTION):
            yield portion
        return
    yield from _gunzipped(body, name)


def _gunzipped(body: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield what a gzip file of one or several members holds; zlib compares each trailer's sum and length."""
    member, waiting = zlib.decompressobj(wbits=31), b""
    ended = False
    while True:
        waiting = waiting or body.read(PORTION)
        if not waiting:
            break
        if ended:
            if not waiting.strip(b"\0"):  # tape padding behind the last member
                waiting = b""
                continue
            member, ended = zlib.decompressobj(wbits=31), False
        try:
            portion = member.decompress(waiting, PORTION)
        except zlib.error:
            raise BrokenFile(f"{name} is damaged: its gzip data cannot be unpacked.") from None
        waiting = member.unconsumed_tail or member.unused_data
        ended = member.eof
        if portion:
            yield portion
    if not ended:
        raise BrokenFile(f"{name} ends too early: the end of its gzip data is missing.")


class _Looks:
    """Looks at the text portion by portion: size, lines, and what no report holds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._open_line = 0
        self.size = self.lines = 0
        self.has_returns = False

    def at(self, portion: bytes) -> None:
        """Look at the next portion."""
        if self.size == 0:
            self._first(portion)
        if (place := portion.find(b"\0")) >= 0:
            raise Invalid(
                f"{self._name}, line {self._line(portion, place)}: it holds a NUL byte, so it is no text."
            )
        try:
            self._decoder.decode(portion)
        except UnicodeDecodeError as error:
            # What an earlier portion left undecoded comes first, so the place may lie a few bytes back.
            raise Invalid(
                f"{self._name}, line {self._line(portion, max(error.start, 0))}: its text is not UTF-8."
            ) from None
        self._measure(portion)
        self.has_returns = self.has_returns or b"\r" in portion
        self.size += len(portion)
        if self.size > MOST_BYTES:
            raise Invalid(f"{self._name} is larger than {MOST_BYTES:,} bytes when it is unpacked.")

    def over(self) -> None:
        """Look back at the whole."""
        if self.size == 0:
            raise BrokenFile(f"{self._name} is empty.")
        try:
            self._decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise BrokenFile(
                f"{self._name}, line {self.lines + 1}: it ends within a character, so the rest is missing."
            ) from None

    def _first(self, portion: bytes) -> None:
        start = portion.removeprefix(BOM).lstrip()[:200].lower()
        if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
            raise BrokenFile(f"{self._name}, line 1: it is a web page, not a report.")
        if start.startswith((b"{", b"[")):
            raise BrokenFile(f"{self._name}, line 1: it is an answer in JSON, not a report.")

    def _measure(self, portion: bytes) -> None:
        """Count ends of lines, and refuse a line that no report has before anything tries to hold it."""
        count = portion.count(b"\n")
        if count == 0:
            self._open_line += len(portion)
        else:
            self._too_long(self._open_line + portion.find(b"\n"), self.lines + 1)
            self._open_line = len(portion) - portion.rfind(b"\n") - 1
        self.lines += count
        self._too_long(self._open_line, self.lines + 1)

    def _too_long(self, length: int, line: int) -> None:
        if length > LONGEST_LINE:
            raise Invalid(f"{self._name}, line {line}: it is longer than {LONGEST_LINE:,} characters.")

    def _line(self, portion: bytes, place: int) -> int:
        return self.lines + portion.count(b"\n", 0, place) + 1


def _columns(path: Path, layout: Layout, *, name: str) -> tuple[tuple[str, ...], str]:
    """Return the names in the header, and how its line ends."""
    with path.open(encoding="utf-8-sig", newline="\n") as text:
        first = text.readline(LONGEST_LINE)
    try:
        columns = next(csv.reader([first], strict=True), [])
    except csv.Error:
        raise Invalid(f"{name}, line 1: the names of its columns cannot be read.") from None
    layouts.check_columns(layout, columns, name=name)
    return tuple(columns), "\r\n" if first.endswith("\r\n") else "\n"


def _check_end(path: Path, columns: tuple[str, ...], *, name: str, lines: int) -> None:
    """Look at the last line: it has to end, and to have every column (no checksum comes with a plain file)."""
    size = path.stat().st_size
    with path.open("rb") as body:
        body.seek(max(size - LONGEST_LINE, 0))
        tail = body.read()
    if not tail.endswith(b"\n"):
        raise BrokenFile(f"{name}, line {lines + 1}: it ends within the line, so the rest is missing.")
    last = tail[:-1].rpartition(b"\n")[2].decode("utf-8", "replace").rstrip("\r")
    if last.count('"') % 2:
        return  # the end of a cell of several lines: reading tells
    try:
        cells = next(csv.reader([last], strict=True), [])
    except csv.Error as error:
        raise unreadable(error, f"{name}, line {lines}") from None
    if len(cells) != len(columns):
        raise Invalid(f"{name}, line {lines}: it has {len(cells)} cells for {len(columns)} columns.")


def unreadable(error: csv.Error, where: str) -> Invalid:
    """Say in our words why a row cannot be read."""
    said = str(error)
    for word, meaning in _UNREADABLE.items():
        if word in said:
            return Invalid(f"{where}: {meaning}.")
    return Invalid(f"{where}: its quotes cannot be read ({said}).")


_UNREADABLE = {
    "unexpected end of data": "its quotes stay open to the end of the file",
    "larger than field limit": f"a cell is longer than {LONGEST_LINE:,} characters",
    "new-line character": "it holds a carriage return outside of quotes",
}

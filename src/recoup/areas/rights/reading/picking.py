"""Rows of a plain report by their numbers: lines are cut out first, and only those that are wanted are parsed."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

from recoup.areas.rights.reading.unpacking import BOM, LONGEST_LINE, Plain

BLOCK = 1 << 22


def picked(plain: Plain, numbers: Iterable[int], *, by_line: bool) -> Iterator[list[str]]:
    """Yield the cells of the rows with these numbers (ascending; the row below the header is 0).

    ``by_line``: no cell holds an end of line, so every line is a row.
    """
    csv.field_size_limit(LONGEST_LINE)
    wanted = (number + 1 for number in numbers)
    yield from csv.reader(_wanted(_blocks(plain, by_line=by_line), wanted), strict=True)


def _wanted(blocks: Iterator[Sequence[bytes]], numbers: Iterator[int]) -> Iterator[str]:
    number, passed = next(numbers, None), 0
    for block in blocks:
        end = passed + len(block)
        while number is not None and number < end:
            yield block[number - passed].decode()
            number = next(numbers, None)
        if number is None:
            return
        passed = end


def _blocks(plain: Plain, *, by_line: bool) -> Iterator[list[bytes]]:
    """Yield the file's rows, header first, as whole lines, many at a time."""
    with plain.path.open("rb") as body:
        if body.read(len(BOM)) != BOM:
            body.seek(0)
        rest = b""
        while portion := body.read(BLOCK):
            lines = (rest + portion).split(b"\n")
            rest = lines.pop()
            if by_line:
                yield lines
            else:
                joined, rest = _joined(lines, rest)
                yield joined
        if rest:
            yield [rest]


def _joined(lines: Sequence[bytes], rest: bytes) -> tuple[list[bytes], bytes]:
    """Put lines together that are one row, as long as quotes are open; empty lines are no rows."""
    rows: list[bytes] = []
    begun: list[bytes] = []
    is_open = False
    for line in lines:
        if b'"' in line:
            is_open = _stays_open(line, is_open=is_open)
        begun.append(line)
        if not is_open:
            if begun not in ([b""], [b"\r"]):
                rows.append(b"\n".join(begun))
            begun = []
    return rows, b"\n".join([*begun, rest]) if begun else rest


def _stays_open(line: bytes, *, is_open: bool) -> bool:
    """Say whether quotes are open at the end of a line; those within a cell that has none around it are text."""
    place = 0
    if not is_open:
        if not line.startswith(b'"'):
            place = line.find(b',"') + 1
            if place == 0:
                return False
        place += 1
    while True:
        place = line.find(b'"', place)
        if place < 0:
            return True
        if line[place + 1 : place + 2] == b'"':
            place += 2
            continue
        place = line.find(b',"', place + 1)
        if place < 0:
            return False
        place += 2

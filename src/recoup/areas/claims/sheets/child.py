"""The process that reads one sheet of policies: its standard input is the file, its standard output what it found.

It loads and tries everything, then confines itself: no more files, no network, so much memory and time. It writes
lines of JSON: what the sheet is and how much is in it, its policies, the lines that were rejected, and an end.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec

from recoup.areas.claims.documents.limits import MEGABYTE, Limits, confine
from recoup.areas.claims.rules import columns, policies
from recoup.areas.claims.sheets import text, workbook
from recoup.core.errors import Invalid, RecoupError

LARGEST = 20 * MEGABYTE
LIMITS = Limits(processor=40, clock=60.0, memory=900 * MEGABYTE, written=400 * MEGABYTE)
TOO_MUCH_MEMORY = 10
ZIP, OLD_OFFICE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_SAMPLE = (
    "Policy no;E-mail;Name;Type;Start;End;Premium;Währung\n"
    "H-1;ada@bücher.example;Ada;health;1 Feb 2026;2027-01-31;1.250,00;EUR\n"
    "H-2;nobody;Ada;?;5.2.26;;x;EUR\n"
)
END = b"\n.\n"
_write = msgspec.json.Encoder().encode


class Head(msgspec.Struct, tag="sheet", frozen=True):
    """What a sheet is: what is to be told of it, its titles, the columns it has, and how many lines of either sort."""

    notes: tuple[str, ...]
    header: tuple[str, ...]
    columns: tuple[str, ...]
    policies: int
    rejected: int


class Refused(msgspec.Struct, tag="refused", frozen=True):
    """Why there is no sheet: the failure's name and its two sentences."""

    kind: str
    detail: str
    fix: str | None


def main() -> None:
    """Read what stands in the standard input, as the argument says, and end."""
    request = msgspec.json.decode(sys.argv[1])
    source, into = os.fdopen(0, "rb"), os.fdopen(1, "wb")
    for name in ("utf-8-sig", "cp1252", "cp437"):
        codecs.lookup(name)  # cp437: names in archives
    _try()
    confine(LIMITS)
    status = 0
    try:
        _read(source, into, currency=request["currency"])
        into.flush()
    except MemoryError:
        status = TOO_MUCH_MEMORY
    os._exit(status)


def _read(source: BinaryIO, into: BinaryIO, *, currency: str) -> None:
    try:
        notes, every = _lines(source)
        sheet = policies.read(every, currency=currency)
    except RecoupError as error:
        into.write(_write(Refused(type(error).__name__, error.detail, error.fix)) + END)
        return
    if sheet.columns.unknown:
        notes.append(f"Columns that nobody reads: {', '.join(sheet.columns.unknown)}.")
    head = Head(
        notes=tuple(notes),
        header=sheet.header,
        columns=tuple(sheet.columns.places),
        policies=len(sheet.policies),
        rejected=len(sheet.rejected),
    )
    into.write(_write(head) + b"\n")
    into.writelines(_write(row) + b"\n" for row in sheet.policies)
    into.writelines(_write(line) + b"\n" for line in sheet.rejected)
    into.write(END)


def _lines(source: BinaryIO) -> tuple[list[str], Iterator[tuple[int, Sequence[str]]]]:
    beginning = source.read(len(ZIP))
    source.seek(0)
    if beginning == ZIP:
        name, others, every = workbook.lines(source)
        left = f"; {others} other{'' if others == 1 else 's'} in the workbook {'was' if others == 1 else 'were'} not"
        return [f"The sheet {name!r} was read{left if others else ''}."], iter(every)
    if beginning == OLD_OFFICE:
        raise Invalid(
            "This is an old Excel workbook (.xls), or one that is locked with a password.",
            fix="Save it as an Excel workbook (.xlsx) without a password, or as CSV (UTF-8).",
        )
    body = source.read(LARGEST + 1)
    return [], text.lines(body, known=lambda header: columns.known_in(policies.COLUMNS, header))


def _try() -> None:
    """Read a small sheet of each sort, so that nothing has to be loaded any more."""
    _read(io.BytesIO(_SAMPLE.encode()), io.BytesIO(), currency="EUR")
    _read(io.BytesIO(ZIP), io.BytesIO(), currency="EUR")
    workbook.text(0.5)


if __name__ == "__main__":
    main()

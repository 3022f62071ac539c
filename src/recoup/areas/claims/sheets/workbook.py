"""Sheets of workbooks: the values of the first one that is shown, as text. Nothing is computed or followed."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from recoup.core.errors import Invalid, TooLarge

MOST_ROWS = 210_000
"""Lines that are looked at; a few more than are taken, so that it is told which bound was met."""
MOST_COLUMNS = 500
MOST_UNPACKED = 500_000_000
MOST_ENTRIES = 2_000
BOOK = "xl/workbook.xml"
_SAVE = "Save it as an Excel workbook (.xlsx) or as CSV (UTF-8)."
_MIDNIGHT = dt.time()


def lines(body: BinaryIO) -> tuple[str, int, Iterator[tuple[int, list[str]]]]:
    """Return the name of the sheet that is read, how many others there are, and its lines with their numbers.

    Raise Invalid for what is no workbook, TooLarge for one beyond the bounds.
    """
    _check_parts(body)
    body.seek(0)
    try:
        with CalamineWorkbook.from_filelike(body) as book:
            names = [
                one.name
                for one in book.sheets_metadata
                if one.typ == SheetTypeEnum.WorkSheet and one.visible == SheetVisibleEnum.Visible
            ]
            for name in names:
                sheet = book.get_sheet_by_name(name)
                if sheet.start is None:
                    continue
                if sheet.total_height > MOST_ROWS or sheet.width > MOST_COLUMNS:
                    raise TooLarge(
                        f"The sheet {name!r} has {sheet.total_height:,} lines and {sheet.width:,} columns.",
                        fix="Bring it in as several files, and remove columns that nobody needs.",
                    )
                return name, len(names) - 1, _texts(sheet)
    except PasswordError:
        raise Invalid("The workbook is locked with a password.", fix="Save it without one.") from None
    except CalamineError as error:
        raise Invalid(f"The workbook cannot be read: {_line(error)}.", fix=_SAVE) from None
    raise Invalid("No sheet of the workbook has anything in it.")


def _check_parts(body: BinaryIO) -> None:
    """Look at the list of what is packed, before anything is unpacked."""
    try:
        with zipfile.ZipFile(body) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError):
        raise Invalid("This is no Excel workbook: it is damaged, or not whole.", fix=_SAVE) from None
    if len(parts) > MOST_ENTRIES or sum(one.file_size for one in parts) > MOST_UNPACKED:
        raise TooLarge("The workbook is too large once it is unpacked.", fix="Save its sheet as CSV (UTF-8).")
    if BOOK not in {one.filename for one in parts}:
        raise Invalid("This is no Excel workbook (.xlsx).", fix=_SAVE)


def _texts(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    for number, cells in enumerate(sheet.iter_rows(), 1):
        texts = [text(cell) for cell in cells]
        if any(texts):
            yield number, texts


def text(value: object) -> str:
    """Write a cell's value as people would type it; a number has the 15 digits that a spreadsheet shows of it."""
    match value:
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.15g}"
        case dt.datetime():
            return value.date().isoformat() if value.time() == _MIDNIGHT else value.isoformat(" ")
    return "" if value is None else str(value)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")

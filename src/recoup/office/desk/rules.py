"""Decisions about exported cells: what a spreadsheet would compute is text, and numbers stay what they are."""

from __future__ import annotations

import re
from decimal import Decimal

STARTS_A_FORMULA = frozenset("=+-@\t\r\n\0＝＋－＠")  # noqa: RUF001 - full-width ones are typed in, too
"""What makes a spreadsheet compute a cell (ASVS 1.2.10): the usual four, what it strips before them, wide ones."""

_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)*")
_PHONE = re.compile(r"\+[0-9]+(?: [0-9]+)*")
EXACT_DIGITS = 15
"""Every decimal of so many digits comes back from a double as it was; a spreadsheet shows no more."""
LARGEST_MAGNITUDE = 300
LONGEST_CELL = 32_767
"""Characters that a cell of a workbook can hold."""
UNFIT_IN_SHEET_NAMES = re.compile(r"[\[\]:*?/\\']")
LONGEST_SHEET_NAME = 31


def defused(text: str) -> str:
    """Return a text as a CSV file may hold it: an apostrophe before what a spreadsheet would take for a formula.

    Numbers (``-5``) and telephone numbers (``+49 30 1``) compute to nothing else, and stay as they are.
    """
    if not text or text[0] not in STARTS_A_FORMULA:
        return text
    return text if _NUMBER.fullmatch(text) or _PHONE.fullmatch(text) else f"'{text}"


def is_exact_in_a_double(value: Decimal | int) -> bool:
    """Say whether a workbook, which knows doubles only, holds the number as it is."""
    _, digits, exponent = Decimal(value).as_tuple()
    if not isinstance(exponent, int):
        return False
    significant = len("".join(map(str, digits)).strip("0"))
    return significant <= EXACT_DIGITS and abs(len(digits) + exponent) <= LARGEST_MAGNITUDE


def places(value: Decimal) -> int:
    """Return how many digits after the point a number has."""
    exponent = value.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def sheet_name(title: str, number: int) -> str:
    """Return the name of a workbook's sheet: ``Runs``, then ``Runs 2``."""
    tail = f" {number}" if number > 1 else ""
    return UNFIT_IN_SHEET_NAMES.sub("_", title)[: LONGEST_SHEET_NAME - len(tail)] + tail

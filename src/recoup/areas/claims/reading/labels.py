"""What stands beside a value or above it, and says what it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from recoup.areas.claims.reading.currencies import WRITTEN
from recoup.areas.claims.reading.days import folded
from recoup.areas.claims.reading.words import Box, Row

_LETTERS = re.compile(r"[^\W\d_]{2}")
_CURRENCY = re.compile(folded(WRITTEN))
_FAR_UP = 40
"""Rows that a table may have between its head and its value."""
_NEAR_UP = 3
_LONGEST = 60
"""Characters of a label: what is longer is a sentence."""


@dataclass(frozen=True, slots=True)
class Label:
    """Words, in lower case without accents, that say what a value is; ``weight`` is less the further they are."""

    text: str
    weight: float


def labels_of(rows: Sequence[Row], at: int, start: int, box: Box) -> list[Label]:
    """Return the labels of the value that begins at a place of a row's text, nearest first."""
    found = []
    beside = _beside(rows[at], start)
    if beside is not None:
        found.append(Label(beside, 1.0))
    above = _above(rows, at, box)
    if above is not None:
        found.append(above if beside is None else Label(above.text, above.weight / 2))
    return found


def _beside(row: Row, start: int) -> str | None:
    """Return the nearest words on the left; other values may stand between, as in a row of a table."""
    pieces = folded(row.text[:start]).split("\t")
    for piece in reversed(pieces):
        if _LETTERS.search(_CURRENCY.sub("", piece)):
            return piece[-_LONGEST:]
    return None


def _above(rows: Sequence[Row], at: int, box: Box) -> Label | None:
    """Return the nearest words in the column above: right above, or the head of a table over other values."""
    page = rows[at].page
    for up in range(1, min(_FAR_UP, at) + 1):
        row = rows[at - up]
        if row.page != page:
            return None
        under = [cell for cell in row.cells if cell.box[0] < box[2] and box[0] < cell.box[2]]
        text = folded(" ".join(cell.text for cell in under))
        if _LETTERS.search(text) and len(text) <= _LONGEST:
            return Label(text, 0.9 if up <= _NEAR_UP else 0.6)
    return None

"""Words of a PDF that was made by a program: they stand in it, with their places."""

from __future__ import annotations

import ctypes
import math
import sys
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from unicodedata import category

import pypdfium2
from pypdfium2 import raw

from recoup.areas.claims.reading.words import WHOLE, Box, Page, Word

ENGINE = "text layer pypdfium2"
MOST_CHARACTERS = 20_000
"""Of one page; what a person reads has a third of that."""
LITTLE = 40
"""A page with fewer letters and digits is taken for a picture of one."""
QUARTER = math.pi / 2
_JUNK = 0.2
_NO_LETTERS = {"\ufffd", "\ufffe", "\x00"}
_APART = 0.9
"""Letters further apart than this share of their height belong to two words, whatever the text says."""


def engine() -> str:
    """Return its name with its version."""
    return f"{ENGINE} {version('pypdfium2')}"


def opened(source: Path) -> pypdfium2.PdfDocument:
    """Open a PDF; raise pypdfium2.PdfiumError where it is none, or is locked."""
    return pypdfium2.PdfDocument(source)


def page_of(page: pypdfium2.PdfPage, number: int) -> Page:
    """Return the words of a page that has the given number."""
    text = page.get_textpage()
    try:
        count = min(text.count_chars(), MOST_CHARACTERS)
        turn = _turn(page, text, count)
        letters: list[tuple[str, Box]] = []
        words: list[Word] = []
        for index in range(count):
            letter = _letter(raw.FPDFText_GetUnicode(text, index))
            box = None if letter.isspace() else _box(page, text, index, turn)
            if box is None or (letters and _is_apart(letters[-1][1], box)):
                _end(letters, number, words)
            if box is not None:
                letters.append((letter, box))
        _end(letters, number, words)
        return Page(tuple(words), turn)
    finally:
        text.close()


def is_little(words: Sequence[Word]) -> bool:
    """Tell whether a page has too little text to be read by it, or text that nobody can read."""
    letters = [letter for word in words for letter in word.text]
    readable = sum(letter.isalnum() for letter in letters)
    junk = sum(letter in _NO_LETTERS or "\ue000" <= letter <= "\uf8ff" for letter in letters)
    return readable < LITTLE or junk > _JUNK * len(letters)


def _turn(page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, count: int) -> int:
    """Return the quarter turns that make most of a page's letters stand upright."""
    angles = Counter(
        round(raw.FPDFText_GetCharAngle(text, index) / QUARTER) % 4 for index in range(0, count, 7)
    )
    most = max(angles, key=lambda angle: (angles[angle], -angle), default=0)
    return int(most - page.get_rotation() // 90) % 4


def _letter(code: int) -> str:
    """Return a letter of the text, a space for what parts words, and U+FFFD for what nobody can read."""
    if code > sys.maxunicode or code in {0, 0xFFFE, 0xFFFF}:
        return "\ufffd"
    letter = chr(code)
    if letter.isspace() or category(letter) in {"Cc", "Cf"}:  # a soft hyphen ends a line
        return " "
    return "\ufffd" if category(letter) == "Cs" else letter


def _box(page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, index: int, turn: int) -> Box | None:
    """Return a letter's place on the page as it is cut, and made upright; None where it is not on it."""
    left, bottom, right, top = text.get_charbox(index, loose=True)
    x, y = ctypes.c_int(), ctypes.c_int()
    corners = []
    for across, up in ((left, top), (right, bottom)):
        raw.FPDF_PageToDevice(page, 0, 0, WHOLE, WHOLE, turn, across, up, x, y)
        corners.append((x.value, y.value))
    (one, two), (three, four) = corners
    box = (min(one, three), min(two, four), max(one, three), max(two, four))
    return box if box[0] < WHOLE and box[1] < WHOLE and box[2] > 0 and box[3] > 0 else None


def _is_apart(before: Box, box: Box) -> bool:
    height = max(1, before[3] - before[1], box[3] - box[1])
    return (
        abs((box[1] + box[3]) - (before[1] + before[3])) > height
        or box[0] - before[2] > _APART * height
        or before[0] - box[2] > _APART * height
    )


def _end(letters: list[tuple[str, Box]], number: int, words: list[Word]) -> None:
    """Make a word of the letters, cut to the page, and begin anew."""
    if letters:
        boxes = [box for _, box in letters]
        box = (
            max(0, min(box[0] for box in boxes)),
            max(0, min(box[1] for box in boxes)),
            min(WHOLE, max(box[2] for box in boxes)),
            min(WHOLE, max(box[3] for box in boxes)),
        )
        words.append(Word("".join(letter for letter, _ in letters), number, box))
        letters.clear()

"""Words with their place on the page, and the rows that they stand in.

Neither a text layer nor a recogniser promises the order in which a person reads: what stands beside what is told from
the boxes alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in thousandths of the page, from its top left corner."""
WHOLE = 1000
_APART = 1.6
"""A gap of so many letters' widths ends a cell: within a phrase it is about one."""
_OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class Word:
    """A word on a page (from 1); ``sure`` is how sure its recogniser was, in thousandths: a text layer always is.

    ``lean`` is how far the page's lines fall, in thousandths of its height over its whole width.
    """

    text: str
    page: int
    box: Box
    sure: int = WHOLE
    lean: float = 0.0

    @property
    def height(self) -> int:
        """In thousandths of the page, at least 1."""
        return max(1, self.box[3] - self.box[1])

    @property
    def fallen(self) -> float:
        """How far its line has fallen where it begins, in thousandths of the page's height."""
        return self.lean * self.box[0] / WHOLE

    @property
    def level(self) -> float:
        """The height at which its line begins on the left, in thousandths of the page."""
        return (self.box[1] + self.box[3]) / 2 - self.fallen


@dataclass(frozen=True, slots=True)
class Page:
    """The words of a page, with boxes as if it stood upright: ``turn`` quarter turns clockwise make it so."""

    words: tuple[Word, ...]
    turn: int


@dataclass(frozen=True, slots=True)
class Cell:
    """Words of one row with no wide gap between them: a phrase, or one place in a table."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words, with a space between them."""
        return " ".join(word.text for word in self.words)

    @property
    def box(self) -> Box:
        """The box round its words."""
        return around(self.words)


@dataclass(frozen=True, slots=True)
class Row:
    """Cells that stand side by side on a page (from 1), from left to right.

    ``text`` is all of it, with a space between words and a tab between cells: places in it are counted in characters.
    """

    page: int
    cells: tuple[Cell, ...]
    text: str

    @property
    def box(self) -> Box:
        """The box round its words."""
        return around(self.words)

    @property
    def words(self) -> tuple[Word, ...]:
        """All its words, from left to right."""
        return tuple(word for cell in self.cells for word in cell.words)

    def between(self, start: int, end: int) -> tuple[Word, ...]:
        """Return the words that hold the characters from ``start`` to ``end`` (exclusive) of the text."""
        held = []
        at = 0
        for word in self.words:
            if at < end and at + len(word.text) > start:
                held.append(word)
            at += len(word.text) + 1
        return tuple(held)


def around(words: Iterable[Word]) -> Box:
    """Return the smallest box that holds all the words; there must be one."""
    boxes = [word.box for word in words]
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def as_shown(box: Box, turn: int) -> Box:
    """Return the box on the page as it is shown, which ``turn`` quarter turns clockwise would make upright."""
    left, top, right, bottom = box
    for _ in range(turn % 4):
        left, top, right, bottom = top, WHOLE - right, bottom, WHOLE - left
    return left, top, right, bottom


def rows_of(words: Sequence[Word]) -> list[Row]:
    """Rebuild rows, page by page and from top to bottom, from words in any order."""
    found: list[Row] = []
    for page in sorted({word.page for word in words}):
        lines = _lines([word for word in words if word.page == page])
        for line in lines:
            cells = tuple(_cells(line))
            found.append(Row(page, cells, "\t".join(cell.text for cell in cells)))
    return found


def _lines(words: Sequence[Word]) -> list[list[Word]]:
    """Put words on lines: from left to right, each joins the line whose last word stands at its height.

    Comparing with the last word, not with the whole line, follows a page that is bent.
    """
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda word: (word.box[0], word.box[1])):
        best: list[Word] | None = None
        best_share = _OVERLAP
        for line in lines:
            share = _share(line[-1], word)
            if share > best_share:
                best, best_share = line, share
        if best is None:
            lines.append([word])
        else:
            best.append(word)
    return sorted(lines, key=lambda line: (line[0].level, line[0].box[0]))


def _share(one: Word, other: Word) -> float:
    """Return how much of the lower of two words stands at the height of the other; none where one covers the other."""
    if other.box[0] < one.box[2] - min(one.box[2] - one.box[0], other.box[2] - other.box[0]) * _OVERLAP:
        return 0.0
    fall = other.fallen - one.fallen
    common = min(one.box[3] + fall, other.box[3]) - max(one.box[1] + fall, other.box[1])
    return common / min(one.height, other.height)


def _cells(line: Sequence[Word]) -> list[Cell]:
    """Cut a line where its gaps are wide for the letters beside them."""
    cells: list[list[Word]] = [[line[0]]]
    for before, word in pairwise(line):
        width = max(_letter(before), _letter(word))
        if word.box[0] - before.box[2] > max(_APART * width, 4):
            cells.append([])
        cells[-1].append(word)
    return [Cell(tuple(cell)) for cell in cells]


def _letter(word: Word) -> float:
    """Return how wide a letter of a word is."""
    return (word.box[2] - word.box[0]) / max(1, len(word.text))

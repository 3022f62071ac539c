"""Who wrote a document: the name at its top, in its small print, or beside its tax number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from statistics import median

from recoup.areas.claims.reading import supplier_words as says
from recoup.areas.claims.reading.days import days_in, folded
from recoup.areas.claims.reading.numbers import sums_in
from recoup.areas.claims.reading.results import LONGEST_VALUE
from recoup.areas.claims.reading.scoring import Scored, once
from recoup.areas.claims.reading.words import Box, Row, Word, around

_LEAST_LETTERS = 3
_TOPS = 3
_HEAD_ENDS = 250
"""Thousandths of the page: what stands above is its head."""
_LINES_OF_ADDRESS = 5
_LONGEST_NAME = 60
_LONG = 6
_SENTENCE = 3
"""Words beside a name, with no mark between: among more of them, it stands in a sentence."""
_MARK = re.compile(r"\t| [-–—|·•/] |[,;:]")  # noqa: RUF001 - dashes as they are printed
_EDGES = " \t,;:|*#\"'_-–—·•()<>=~"  # noqa: RUF001 - dashes as they are printed
_CUTS = (" by ", ": ", " - ", " | ", " von ", " der ")
"""What may stand between other words and a name with a legal form."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What may be a name: a part of a row's text; ``bonus`` is what stands before it."""

    at: int
    start: int
    end: int
    bonus: float


def suppliers_of(rows: Sequence[Row]) -> list[Scored]:
    """Return the names on a document that may be its author's, best first, each once."""
    if not rows:
        return []
    document = _Document(rows)
    found = []
    for candidate in document.candidates():
        words = rows[candidate.at].between(candidate.start, candidate.end)
        name = rows[candidate.at].text[candidate.start : candidate.end].strip(_EDGES)[:LONGEST_VALUE]
        if len(_letters(name)) >= _LEAST_LETTERS:
            found.append(Scored(name, words, document.points(candidate, name, words)))
    return _distinct(once(found, again=0.75, most=1.5))


class _Document:
    """What is known of all of a document, when one name in it is looked at."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._plains = [folded(row.text) for row in rows]

    def candidates(self) -> Iterator[_Candidate]:
        """Yield every cell, or what stands in it after a label or up to a legal form."""
        for at, (row, plain) in enumerate(zip(self._rows, self._plains, strict=True)):
            start = 0
            for cell in row.cells:
                end = start + len(cell.text)
                yield from _in_cell(plain, at, start, end)
                start = end + 1

    def points(self, candidate: _Candidate, name: str, words: Sequence[Word]) -> float:
        """Say how much speaks for a name, from where it stands and from its own words."""
        row = self._rows[candidate.at]
        box = around(words)
        points = candidate.bonus + _worded(name) + self._placed(row, box)
        if row.page == 1:
            points += min(2.0, 2.0 * (median(word.height for word in words) / self._usual - 1.0))
        if any(site in _key(name) or _key(name) in site for site in self._sites(candidate.at)):
            points += 3.0
        if any(says.OFFICIAL.search(plain) for plain in self._below(candidate.at)):
            points += 1.5
        if self._is_buyer(row.page, box):
            points -= 6.0
        if not candidate.bonus and _others(row.text, candidate) > _SENTENCE:
            points -= 2.5
        if candidate.at in self._bought:
            points -= 2.0
        return points

    @cached_property
    def _usual(self) -> float:
        return median(word.height for row in self._rows for word in row.words)

    @cached_property
    def _bought(self) -> set[int]:
        """The rows with sums of money: lines of what was bought, not of who sold it."""
        return {at for at, row in enumerate(self._rows) if sums_in(row.text)}

    @cached_property
    def _tops(self) -> list[Row]:
        lettered = (row for row in self._rows if row.page == 1 and len(_letters(row.text)) >= _LEAST_LETTERS)
        return list(islice(lettered, _TOPS))

    @cached_property
    def _buyers(self) -> list[tuple[int, Box, int]]:
        """Page, box and height of every label of a buyer's address."""
        return [
            (row.page, cell.box, max(word.height for word in cell.words))
            for row in self._rows
            for cell in row.cells
            if len(cell.text) <= _LONGEST_NAME and says.BUYER.search(folded(cell.text))
        ]

    @cached_property
    def _all_sites(self) -> list[tuple[int, str]]:
        """Row and name, without its ending, of every site and mail domain."""
        return [
            (at, name.replace("-", ""))
            for at, plain in enumerate(self._plains)
            for match in says.SITE.finditer(plain)
            if (name := match[1] or match[2]) not in says.PUBLIC_SITES.split()
        ]

    def _sites(self, at: int) -> set[str]:
        """Return the sites that are named elsewhere than in a row: one that names itself vouches for nothing."""
        return {site for other, site in self._all_sites if other != at}

    def _placed(self, row: Row, box: Box) -> float:
        if row.page != 1:
            return -1.0
        for index, top in enumerate(self._tops):
            if row is top:
                return 3.5 - 0.75 * index
        return 1.5 if box[3] < _HEAD_ENDS else 0.0

    def _below(self, at: int) -> list[str]:
        """Return a row's text and that of the few under it, on its page."""
        last = at + _LINES_OF_ADDRESS
        return [
            plain
            for row, plain in zip(self._rows[at:last], self._plains[at:last], strict=True)
            if row.page == self._rows[at].page
        ]

    def _is_buyer(self, page: int, box: Box) -> bool:
        """Tell whether a box stands in the lines under a label of a buyer's address, or is one."""
        return any(
            page == on
            and 0 <= box[1] - label[1] <= 2 * _LINES_OF_ADDRESS * height
            and label[0] - 30 <= box[0] < label[2] + 150
            for on, label, height in self._buyers
        )


def _in_cell(plain: str, at: int, start: int, end: int) -> Iterator[_Candidate]:
    label = says.LABEL.search(plain, start, end)
    bonus = 0.0
    if label and label.end() < end and (label.start() == start or ":" in label.group()):
        start, bonus = label.end(), 3.0
    form = says.FORM.search(plain, start, end)
    if form and form.start() - start >= _LEAST_LETTERS:
        before = plain[start : form.start()]
        cut = start + max((before.rfind(mark) + len(mark) for mark in _CUTS if mark in before), default=0)
        if form.start() - cut >= _LEAST_LETTERS:
            yield _Candidate(at, cut, form.end(), bonus)
    elif end - start <= _LONGEST_NAME:
        yield _Candidate(at, start, end, bonus)


def _others(text: str, candidate: _Candidate) -> int:
    """Return how many words stand beside a name, up to the marks round it."""
    starts = [mark.end() for mark in _MARK.finditer(text, 0, candidate.start)]
    after = _MARK.search(text, candidate.end)
    before = text[max(starts, default=0) : candidate.start]
    return len(before.split()) + len(text[candidate.end : after.start() if after else None].split())


def _worded(name: str) -> float:
    """Say how much a name's own words speak for it, or against."""
    plain = folded(name)
    bare = says.FORM.sub("", plain)
    against = {
        5.0: says.NO_NAME.search(bare),
        4.0: "@" in plain or days_in(plain) or says.PLACE.fullmatch(bare.strip()),
        3.0: says.STREET.search(bare) or says.BANK.search(plain),
        2.5: any(letter.isdigit() for letter in plain) or len(plain.split()) > _LONG,
    }
    points = -sum(weight for weight, met in against.items() if met)
    if bare != plain:
        return points + 3.5
    return points - 1.5 if name.endswith(("!", "?", ".")) else points


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]", "", folded(text))


def _key(name: str) -> str:
    """Return what two ways to write a name have in common."""
    return re.sub(r"[^a-z0-9]", "", folded(name))


def _distinct(names: Sequence[Scored]) -> list[Scored]:
    """Leave out a name that is only a better one written otherwise, or with more around it."""
    kept: dict[str, Scored] = {}
    for one in names:
        key = _key(one.value)
        if not any(other in key for other in kept):
            kept[key] = one
    return list(kept.values())

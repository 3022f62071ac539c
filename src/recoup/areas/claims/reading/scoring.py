"""How what was found on a document is weighed: points for and against, which only order it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from recoup.areas.claims.reading.words import Word

UPPER_PART = 400
"""Thousandths of the page: letters say what they are about above it, and bills what they come to below."""
_AGAIN = 0.4
_MOST_AGAIN = 1.0


class Weighed(Protocol):
    """What has points."""

    @property
    def points(self) -> float:
        """How much speaks for it."""
        ...


W = TypeVar("W", bound=Weighed)


@dataclass(frozen=True, slots=True)
class Scored:
    """A value on a document, the words that say it, and the points that speak for it."""

    value: str
    words: tuple[Word, ...]
    points: float


def once(ones: Iterable[Scored], *, again: float = _AGAIN, most: float = _MOST_AGAIN) -> list[Scored]:
    """Return each value once, best first: where it stands best, with some points for standing there again."""
    by_value: dict[str, list[Scored]] = {}
    for one in ones:
        by_value.setdefault(one.value, []).append(one)
    best = []
    for same in by_value.values():
        top = first(same)
        best.append(replace(top, points=top.points + min(most, again * (len(same) - 1))))
    return sorted(best, key=lambda one: (-one.points, one.words[0].page, one.words[0].box[1]))


def first(ones: Iterable[W]) -> W:
    """Return what most speaks for; of equals, the first."""
    return max(ones, key=lambda one: one.points)


def company(text: str, start: int, end: int) -> int:
    """Return how many words stand in the cell of a row's text that holds a place."""
    left = text.rfind("\t", 0, start) + 1
    right = text.find("\t", end)
    return len(text[left : right if right >= 0 else None].split())

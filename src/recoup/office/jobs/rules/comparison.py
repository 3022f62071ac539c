"""How two runs of a job differ: what they counted, what they were asked, what only one of them said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_LINES_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Counted:
    """A counter in both runs; None where a run did not count it."""

    name: str
    before: int | None
    after: int | None

    @property
    def difference(self) -> int:
        """How much more it is now."""
        return (self.after or 0) - (self.before or 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """A parameter that is not the same in both runs, as it is shown."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class OnlyIn:
    """Lines that one run wrote and the other did not, and how many more there are."""

    lines: Sequence[str]
    more: int


def counts(before: Mapping[str, int], after: Mapping[str, int]) -> list[Counted]:
    """Return the counters of both runs, side by side."""
    names = [*after, *(name for name in before if name not in after)]
    return [Counted(name, before.get(name), after.get(name)) for name in names]


def parameters(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Asked]:
    """Return the parameters that changed."""
    names = [*after, *(name for name in before if name not in after)]
    return [
        Asked(name, value(before.get(name)), value(after.get(name)))
        for name in names
        if before.get(name) != after.get(name)
    ]


def only_in(lines: Sequence[str], other: Sequence[str]) -> OnlyIn:
    """Return the lines that are not in ``other``, in their order; a line that stands there twice is two."""
    left, found = Counter(other), []
    for line in lines:
        if left[line]:
            left[line] -= 1
        else:
            found.append(line)
    return OnlyIn(found[:MOST_LINES_SHOWN], max(len(found) - MOST_LINES_SHOWN, 0))


def value(given: Any) -> str:
    """Write a parameter for people."""
    match given:
        case None | "" | []:
            return "not set"
        case bool():
            return "yes" if given else "no"
        case list():
            return ", ".join(map(value, given))
        case dict():
            return ", ".join(f"{name}: {value(each)}" for name, each in given.items())
    return str(given)

"""What a report is compared with, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recoup.areas.rights.rules import layouts


@dataclass(frozen=True, slots=True)
class Terms:
    """How reports are compared: columns that are left out, and how many digits of a counter are kept."""

    folded: tuple[str, ...] = layouts.FOLDED
    digits: int = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """The snapshot before, as fingerprints that its own comparison left behind."""

    path: Path


@dataclass(frozen=True, slots=True)
class Told:
    """The snapshot before, as the history tells it: a CSV file without a header, of number, key, counter and cells.

    The number says which of ``arrangements`` the names of the joined cells are.
    """

    path: Path
    arrangements: tuple[tuple[str, ...], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that one of them has."""
        return tuple(sorted({name for names in self.arrangements for name in names}))

"""Columns of a sheet, found by their names in the spellings that people use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recoup.areas.claims.rules.cells import plain
from recoup.core.errors import Invalid

MOST = 200
LONGEST_TITLE = 60


@dataclass(frozen=True, slots=True)
class Known:
    """The columns that a kind of sheet may have, what else each is called, and which of them it needs."""

    spellings: Mapping[str, Sequence[str]]
    required: Sequence[str]

    def names(self) -> Mapping[str, str]:
        """Return each spelling's column; a column's own name is one of them."""
        return {plain(word): name for name, words in self.spellings.items() for word in (name, *words)}


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each known column stands, from 0; the titles of those that nobody knows, and how many there are in all."""

    places: Mapping[str, int]
    unknown: tuple[str, ...]
    width: int

    def cell(self, cells: Sequence[str], name: str) -> str:
        """Return what a line has in a column; nothing where the sheet has no such column."""
        place = self.places.get(name)
        return "" if place is None else cells[place].strip()


def known_in(known: Known, header: Sequence[str]) -> int:
    """Return how many columns of a header are known: what a line of titles is told by."""
    names = known.names()
    return len({names[plain(title)] for title in header if plain(title) in names})


def resolve(known: Known, header: Sequence[str]) -> Columns:
    """Find the columns of a header; raise Invalid where one is missing, or two are the same."""
    if len(header) > MOST:
        raise Invalid(f"The sheet has {len(header):,} columns; at most {MOST} are read.")
    names = known.names()
    places: dict[str, int] = {}
    unknown: list[str] = []
    for place, title in enumerate(header):
        name = names.get(plain(title))
        if name is None:
            if title.strip():
                unknown.append(title.strip()[:LONGEST_TITLE])
        elif name in places:
            raise Invalid(
                f"Two columns are both {name}: {_shown(header[places[name]])} and {_shown(title)}.",
                fix="Leave one of them out.",
            )
        else:
            places[name] = place
    missing = [name for name in known.required if name not in places]
    if missing:
        there = ", ".join(_shown(title) for title in header[:20] if title.strip()) or "nothing"
        raise Invalid(
            f"The sheet has no column {' and no column '.join(missing)}. Its first line has {there}.",
            fix=f"The first line names the columns: {', '.join(known.required)}.",
        )
    return Columns(places, tuple(unknown), len(header))


def fits(columns: Columns, cells: Sequence[str]) -> str:
    """Return why a line does not fit its header, or nothing."""
    if len(cells) < columns.width:
        return f"It has {len(cells)} cells, and the first line has {columns.width}."
    if any(cell.strip() for cell in cells[columns.width :]):
        return f"It has {len(cells)} cells, and the first line has {columns.width}."
    return ""


def _shown(title: str) -> str:
    return repr(title.strip()[:LONGEST_TITLE])

"""What a row that differs is taken for: a new version, and a change where anything differs that is compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from recoup.areas.rights.models import Sort
from recoup.areas.rights.rules import causes
from recoup.areas.rights.rules.facets import Facets
from recoup.areas.rights.rules.layouts import Layout


@dataclass(frozen=True, slots=True)
class Stood:
    """How something stood in the snapshot before: its cells by the names of their columns, facets, rounded views."""

    columns: Sequence[str]
    cells: Sequence[str]
    facets: Facets
    views: int


@dataclass(frozen=True, slots=True)
class Judged:
    """A change: what sort, why, which cells; ``claims`` by how many an asset's claims went up or down."""

    sort: Sort
    causes: tuple[str, ...]
    columns: list[str]
    before: list[str]
    after: list[str]
    weight: int
    claims: int | None
    facets: Facets


def added(
    layout: Layout,
    columns: Sequence[str],
    cells: Sequence[str],
    facets: Facets,
    *,
    views: int,
    was_here: bool,
    day: date,
) -> Judged:
    """Judge something that the snapshot before did not have."""
    created = cells[columns.index("claim_created_date")] if "claim_created_date" in columns else ""
    why = causes.of_added(layout.kind, was_here=was_here, created=created, day=day)
    return Judged(Sort.ADDED, why, [], [], [], views, facets.claims, facets)


def gone(stood: Stood) -> Judged:
    """Judge something that is there no longer; it weighs what its counter was."""
    claims = None if stood.facets.claims is None else -stood.facets.claims
    return Judged(Sort.GONE, causes.of_gone(stood.facets), [], [], [], stood.views, claims, stood.facets)


def changed(
    layout: Layout,
    stood: Stood,
    columns: Sequence[str],
    cells: Sequence[str],
    facets: Facets,
    *,
    compared: Sequence[str],
    views: int,
) -> Judged | None:
    """Judge something that both snapshots have; None when nothing differs that both compare.

    ``compared`` are sorted names; cells stand in the order of their sorted ``columns``.
    """
    if stood.columns == columns:
        before = {
            name: was
            for name, was, now in zip(columns, stood.cells, cells, strict=True)
            if was != now and name in compared
        }
    else:
        known = dict(zip(stood.columns, stood.cells, strict=True))
        before = {
            name: known[name]
            for name, now in zip(columns, cells, strict=True)
            if name in known and known[name] != now and name in compared
        }
    if not before:
        return None
    after = {name: now for name, now in zip(columns, cells, strict=True) if name in before}
    why = causes.of_changed(layout.kind, after, stood.facets, facets)
    claims = None if facets.claims is None else facets.claims - (stood.facets.claims or 0)
    return Judged(
        Sort.CHANGED, why, list(before), list(before.values()), list(after.values()), views, claims, facets
    )

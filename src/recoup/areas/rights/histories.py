"""What was known of a claim or an asset: through its time, on a day, and what differs between any two days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.rights.models import Change, Series, Sort, Version
from recoup.areas.rights.queries import change_rows, report_rows, thing_rows, version_rows
from recoup.areas.rights.rules import facets as faceting
from recoup.areas.rights.rules.facets import Facets
from recoup.areas.rights.rules.layouts import LAYOUTS
from recoup.core.errors import Invalid, NotFound

Cells = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell that differs."""

    column: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Moment:
    """What something was from the snapshot of ``since`` until that of ``until`` (None: still); ``cells`` None: gone.

    ``differences`` are to the moment before it; ``causes`` are empty where only columns came or went.
    """

    since: date
    until: date | None
    report_id: UUID
    cells: Cells | None
    differences: tuple[Difference, ...]
    causes: tuple[str, ...]
    weight: int | None


@dataclass(frozen=True, slots=True)
class Net:
    """What differs between two days, whatever happened in between."""

    key: str
    sort: Sort
    differences: tuple[Difference, ...]
    facets: Facets


def series_of(db: Session, kind: str, owner: str | None) -> Series:
    """Return the series of a kind: an owner's, or the only one; raise NotFound, or Invalid where there are several."""
    known = [one for one in report_rows.all_series(db) if one.kind == kind]
    mine = [one for one in known if owner in {None, one.owner}]
    if not mine:
        there = ", ".join(one.owner for one in known) or "none"
        raise NotFound(
            f"There are no reports of content owner {owner or 'at all'}.", fix=f"There are: {there}."
        )
    if len(mine) > 1:
        raise Invalid(
            "There are several content owners.", fix=f"Name one: {', '.join(one.owner for one in mine)}."
        )
    return mine[0]


def history(db: Session, series: Series, key: str) -> list[Moment]:
    """Return every moment of something, newest first; raise NotFound where no report ever had it."""
    versions = version_rows.chains(db, series.id, [key]).get(key)
    if versions is None:
        raise NotFound(f"No report of {series.title} ever had the {series.kind} {key[:80]}.")
    read = version_rows.Readers(db, series.kind)
    told = change_rows.of_versions(db, key, [version.report_id for version in versions])
    changes = {change.day: change for change in told}
    cells = [read.cells(version) for version in versions]
    return [_moment(versions, cells, place, changes) for place in range(len(versions))]


def _moment(
    versions: Sequence[Version], cells: Sequence[Cells | None], place: int, changes: Mapping[date, Change]
) -> Moment:
    version, change = versions[place], changes.get(versions[place].since)
    earlier = cells[place + 1] if place + 1 < len(cells) else None
    return Moment(
        since=version.since,
        until=versions[place - 1].since if place else None,
        report_id=version.report_id,
        cells=cells[place],
        differences=differences(earlier, cells[place]),
        causes=tuple(change.causes) if change else (),
        weight=change.weight if change else None,
    )


def as_of(moments: Sequence[Moment], day: date) -> Moment | None:
    """Return what was known on a day: the moment that holds then, or None before the first report that had it."""
    return next((moment for moment in moments if moment.since <= day), None)


@dataclass(frozen=True, slots=True)
class Known:
    """What was known of something on a day: since when it was so, by which report, and its cells."""

    key: str
    since: date
    report_id: UUID
    cells: Cells


def known_on(db: Session, series: Series, day: date, *, beyond: str = "") -> Iterator[Known]:
    """Yield everything that was there in the newest snapshot up to a day, by key, ``beyond`` a key."""
    read = version_rows.Readers(db, series.kind)
    while keys := thing_rows.keys_ever(db, series.id, beyond=beyond):
        beyond = keys[-1]
        for key, versions in version_rows.chains(db, series.id, keys).items():
            held = next((one for one in versions if one.since <= day), None)
            cells = read.cells(held) if held else None
            if held and cells is not None:
                yield Known(key, held.since, held.report_id, cells)


def differences(before: Cells | None, after: Cells | None) -> tuple[Difference, ...]:
    """Return the cells that differ; nothing where either is not there, and a missing column is as good as empty."""
    if before is None or after is None:
        return ()
    return tuple(
        Difference(name, before.get(name, ""), after.get(name, ""))
        for name in sorted({*before, *after})
        if before.get(name, "") != after.get(name, "")
    )


def between(
    db: Session, series: Series, *, after: date, until: date, folded: Sequence[str], beyond: str = ""
) -> Iterator[Net]:
    """Yield what differs between the snapshots of two days, by key; what came and went in between is left out."""
    read = version_rows.Readers(db, series.kind)
    while keys := change_rows.keys_between(db, series.id, after=after, until=until, beyond=beyond):
        beyond = keys[-1]
        for key, versions in version_rows.chains(db, series.id, keys).items():
            was, now = (_held(read, versions, day) for day in (after, until))
            if (net := _net(series, key, was, now, folded)) is not None:
                yield net


def _held(read: version_rows.Readers, versions: Sequence[Version], day: date) -> Cells | None:
    version = next((one for one in versions if one.since <= day), None)
    return None if version is None else read.cells(version)


def _net(series: Series, key: str, was: Cells | None, now: Cells | None, folded: Sequence[str]) -> Net | None:
    here = now or was
    if here is None:
        return None
    columns = sorted(here)
    known = faceting.reader(LAYOUTS[series.kind], columns)([here[name] for name in columns])
    if was is None or now is None:
        return Net(key, Sort.ADDED if was is None else Sort.GONE, (), known)
    told = tuple(one for one in differences(was, now) if one.column not in folded)
    return Net(key, Sort.CHANGED, told, known) if told else None

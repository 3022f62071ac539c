"""Versions of claims and assets: as they stand now, as of a day, and through their time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from recoup.areas.rights.models import Report, ReportState, Thing, Version
from recoup.areas.rights.rules import facets as faceting
from recoup.areas.rights.rules import layouts
from recoup.areas.rights.rules.facets import Facets
from recoup.areas.rights.rules.layouts import LAYOUTS

AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class ColumnGroup:
    """Reports with the same columns that versions of today come from."""

    columns: list[str]
    report_ids: list[UUID]


def columns_of(db: Session, report_id: UUID) -> list[str]:
    """Return the names of a report's columns, in whose order its cells stand."""
    return db.scalars(select(Report.columns).where(Report.id == report_id)).one()


def column_groups(db: Session, series_id: UUID) -> Sequence[ColumnGroup]:
    """Return the reports that versions of today come from, by their columns."""
    days = select(Thing.since).where(Thing.series_id == series_id, Thing.is_gone.is_(False)).distinct()
    rows = db.execute(
        select(Report.columns, func.array_agg(Report.id))
        .where(Report.series_id == series_id, Report.state == ReportState.TAKEN, Report.day.in_(days))
        .group_by(Report.columns)
    ).all()
    return [ColumnGroup(list(columns), list(ids)) for columns, ids in rows]


def in_the_middle(
    db: Session, series_id: UUID, words: Sequence[str]
) -> Iterator[tuple[Thing, list[Version]]]:
    """Yield each claim that has one of these words in its status or detail, and its versions, newest first."""
    said = func.upper(Thing.status + " " + Thing.detail)
    found = db.scalars(
        select(Thing)
        .where(
            Thing.series_id == series_id,
            Thing.is_gone.is_(False),
            or_(*(said.contains(word, autoescape=True) for word in words)),
        )
        .order_by(Thing.key)
    ).all()
    for start in range(0, len(found), AT_ONCE):
        things = {thing.key: thing for thing in found[start : start + AT_ONCE]}
        for key, versions in chains(db, series_id, list(things)).items():
            yield things[key], versions


_CHAINS = text(
    """
    with recursive chain as (
        select v.* from rights_things t
        join rights_versions v on v.series_id = t.series_id and v.since = t.since and v.key = t.key
        where t.series_id = :series and t.key = any(:keys)
        union all
        select v.* from chain c
        join rights_versions v on v.series_id = c.series_id and v.since = c.before and v.key = c.key
    )
    select * from chain order by key, since desc
    """
)


def chains(db: Session, series_id: UUID, keys: Sequence[str]) -> dict[str, list[Version]]:
    """Return every version of these things, by key, newest first."""
    statement = select(Version).from_statement(_CHAINS)
    rows = db.scalars(statement, {"series": series_id, "keys": list(keys)})
    return {key: list(versions) for key, versions in groupby(rows, key=lambda version: version.key)}


class Readers:
    """Reads versions, whatever the columns of the report that each came from."""

    def __init__(self, db: Session, kind: str) -> None:
        self._db, self._layout = db, LAYOUTS[kind]
        self._columns: dict[UUID, list[str]] = {}

    def columns(self, version: Version) -> list[str]:
        """Return the names of a version's cells."""
        if version.report_id not in self._columns:
            self._columns[version.report_id] = columns_of(self._db, version.report_id)
        return self._columns[version.report_id]

    def cells(self, version: Version) -> dict[str, str] | None:
        """Return a version's cells by their names, or None where it says that the thing is gone."""
        if version.is_gone:
            return None
        return dict(zip(self.columns(version), layouts.parted(version.cells), strict=True))

    def facets(self, version: Version) -> Facets | None:
        """Return what is known of a version at a glance, or None where it says that the thing is gone."""
        if version.is_gone:
            return None
        return faceting.reader(self._layout, self.columns(version))(layouts.parted(version.cells))

"""The history of claims and assets: a snapshot is written as what differs from the one before, and can be unwritten.

Everything here happens in the caller's transaction, by COPY and statements over many rows at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from recoup.areas.rights.models import Change, Kind, Report, Series, Version
from recoup.areas.rights.queries import version_rows
from recoup.areas.rights.reading.comparing import Found, Row, Terms, Told
from recoup.areas.rights.rules import causes, judging, lapsing, layouts
from recoup.areas.rights.rules import facets as faceting
from recoup.areas.rights.rules.facets import Facets
from recoup.areas.rights.rules.judging import Judged, Stood
from recoup.areas.rights.rules.layouts import LAYOUTS, Layout
from recoup.areas.rights.service.owing import Standing
from recoup.core.db import at_the_driver, copy_rows

_VERSION_COLUMNS = (
    *("series_id", "key", "since", "report_id", "views", "claims", "status", "detail", "origin", "type"),
    *("policy", "asset_id", "video_id", "title", "artist", "cells"),
)
_CHANGE_COLUMNS = (
    *(
        "report_id",
        "key",
        "series_id",
        "day",
        "sort",
        "cause",
        "causes",
        "columns",
        "before",
        "after",
        "weight",
    ),
    *("claims", "status", "asset_id", "title", "artist"),
)
_FACETS = (
    "status",
    "detail",
    "origin",
    "type",
    "policy",
    "asset_id",
    "video_id",
    "title",
    "artist",
    "claims",
)
_CLOSE = (
    """
update rights_versions set until = %s, ended_by = %s where series_id = %s and key = any(%s) and until is null
returning key, views, """
    + ", ".join(_FACETS)
    + ", report_id, cells"
)
_MOVE = """
update rights_versions v set views = m.views from unnest(%s::text[], %s::bigint[]) as m(key, views)
where v.series_id = %s and v.key = m.key and v.until is null
"""
_WERE_HERE = "select distinct key from rights_versions where series_id = %s and key = any(%s)"


@dataclass
class Written:
    """What writing a snapshot came to."""

    added: int = 0
    gone: int = 0
    changed: int = 0
    rewritten: int = 0
    """Versions that had to be written although nothing differs that both snapshots compare."""
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    causes: Counter[str] = field(default_factory=Counter)
    standing: list[Standing] = field(default_factory=list)
    """Claims that came into the middle of something."""
    settled: list[str] = field(default_factory=list)
    """Claims that are out of it."""


def write(
    db: Session, series: Series, report: Report, found: Found, *, before: Report | None, terms: Terms
) -> Written:
    """Write the snapshot of ``report``, which follows that of ``before``; return what it changed."""
    return _Writing(db, series, report, found, before=before, terms=terms).all()


class _Writing:
    def __init__(
        self,
        db: Session,
        series: Series,
        report: Report,
        found: Found,
        *,
        before: Report | None,
        terms: Terms,
    ) -> None:
        self._db, self._series, self._report, self._found = db, series, report, found
        self._before, self._terms = before, terms
        self._layout: Layout = LAYOUTS[series.kind]
        self._columns = found.columns
        self._compared = layouts.compared(found.columns, terms.folded)
        self._facets = faceting.reader(self._layout, found.columns)
        self._columns_of: dict[UUID, list[str]] = {}
        self._written = Written(
            counts={name: Counter(values) for name, values in (before.counts if before else {}).items()}
        )

    def all(self) -> Written:
        for rows in self._found.differing():
            self._take(rows)
        for keys in self._found.gone():
            self._end(keys)
        move_counters(self._db, self._series, self._found)
        for values in self._written.counts.values():
            for value in [value for value, count in values.items() if not count]:
                del values[value]
        return self._written

    def _take(self, rows: Sequence[Row]) -> None:
        old = self._close([row.key for row in rows if not row.is_new])
        back = self._were_here([row.key for row in rows if row.is_new])
        versions, changes = [], []
        for row in rows:
            views = layouts.rounded(row.count, self._terms.digits)
            facets = self._facets(row.cells)
            versions.append(self._version(row, facets, views))
            self._count(facets, by=1)
            self._stand(row.key, old.get(row.key), facets, views)
            if row.is_new:
                judged: Judged | None = judging.added(
                    self._layout,
                    self._columns,
                    row.cells,
                    facets,
                    views=row.count,
                    was_here=row.key in back,
                    day=self._report.day,
                )
                self._written.added += 1
            else:
                stood = old[row.key]
                self._count(stood.facets, by=-1)
                judged = judging.changed(
                    self._layout,
                    stood,
                    self._columns,
                    row.cells,
                    facets,
                    compared=self._compared,
                    views=row.count,
                )
                if judged is None:
                    self._written.rewritten += 1
                else:
                    self._written.changed += 1
            if judged is not None and self._before is not None:
                changes.append(self._change(row.key, judged))
        copy_rows(self._db, Version.__tablename__, _VERSION_COLUMNS, versions)
        copy_rows(self._db, Change.__tablename__, _CHANGE_COLUMNS, changes)

    def _end(self, keys: Sequence[str]) -> None:
        changes = []
        for key, stood in self._close(keys).items():
            self._count(stood.facets, by=-1)
            self._stand(key, stood, None, stood.views)
            changes.append(self._change(key, judging.gone(stood)))
        self._written.gone += len(changes)
        copy_rows(self._db, Change.__tablename__, _CHANGE_COLUMNS, changes)

    def _close(self, keys: Sequence[str]) -> dict[str, Stood]:
        if not keys:
            return {}
        told = {}
        for key, views, *rest in self._run(
            _CLOSE, self._report.day, self._report.id, self._series.id, list(keys)
        ):
            *facets, report_id, cells = rest
            known = dict(zip(_FACETS, facets, strict=True))
            told[key] = Stood(self._columns_by(report_id), cells, Facets(**known), views)
        return told

    def _columns_by(self, report_id: UUID) -> list[str]:
        if report_id not in self._columns_of:
            self._columns_of[report_id] = version_rows.columns_of(self._db, report_id)
        return self._columns_of[report_id]

    def _were_here(self, keys: Sequence[str]) -> set[str]:
        if not keys or self._before is None:
            return set()
        return {key for (key,) in self._run(_WERE_HERE, self._series.id, list(keys))}

    def _version(self, row: Row, facets: Facets, views: int) -> tuple[Any, ...]:
        what = (self._series.id, row.key, self._report.day, self._report.id, views, facets.claims)
        return (
            *what,
            *(facets.status, facets.detail, facets.origin, facets.type, facets.policy),
            *(facets.asset_id, facets.video_id, facets.title, facets.artist, row.cells),
        )

    def _change(self, key: str, judged: Judged) -> tuple[Any, ...]:
        self._written.causes[judged.causes[0]] += 1
        facets = judged.facets
        return (
            *(self._report.id, key, self._series.id, self._report.day, judged.sort, judged.causes[0]),
            *(list(judged.causes), judged.columns, judged.before, judged.after, judged.weight, judged.claims),
            *(facets.status, facets.asset_id, facets.title, facets.artist),
        )

    def _count(self, facets: Facets, *, by: int) -> None:
        for name, value in faceting.counts_of(facets).items():
            self._written.counts.setdefault(name, Counter())[value] += by

    def _stand(self, key: str, stood: Stood | None, facets: Facets | None, views: int) -> None:
        if self._layout.kind != Kind.CLAIM:
            return
        was = causes.standing(stood.facets.status, stood.facets.detail) if stood else None
        now = causes.standing(facets.status, facets.detail) if facets else None
        if now == was:
            return
        if now and facets:
            since = self._report.ends_at
            self._written.standing.append(Standing(key, now, facets.title, views, since))
        if now not in lapsing.ANSWER_WITHIN:
            self._written.settled.append(key)

    def _run(self, statement: str, *values: object) -> Iterable[Sequence[Any]]:
        with at_the_driver(self._db.connection(), statement) as raw:
            cursor = raw.execute(statement, values)
            rows: Iterable[Sequence[Any]] = cursor.fetchall() if cursor.description else ()
            return rows


def move_counters(db: Session, series: Series, found: Found) -> None:
    """Write down counters that moved in what does not differ otherwise."""
    with at_the_driver(db.connection(), _MOVE) as raw:
        for moved in found.moved():
            keys, views = zip(*moved, strict=True)
            raw.execute(_MOVE, (list(keys), list(views), series.id))


def unwrite(db: Session, series: Series, *, day: date) -> None:
    """Take the history back to before ``day``: what began on it or later never was, what ended then still is."""
    db.execute(delete(Change).where(Change.series_id == series.id, Change.day >= day))
    db.execute(delete(Version).where(Version.series_id == series.id, Version.since >= day))
    ended = update(Version).where(Version.series_id == series.id, Version.until >= day)
    db.execute(ended.values(until=None, ended_by=None))


def tell(db: Session, series: Series, target: Path) -> Told:
    """Write the snapshot as the history has it now into a file that a comparison can read."""
    groups = version_rows.column_groups(db, series.id)
    columns = tuple(sorted({one for group in groups for one in group.columns}))
    with target.open("wb") as body:
        for group in groups:
            places = {one: place for place, one in enumerate(group.columns, start=1)}
            cells = ", ".join(f"cells[{places[one]}]" if one in places else "null" for one in columns)
            statement = (
                f"copy (select key, views, {cells} from rights_versions where series_id = '{series.id}' "
                f"and until is null and report_id = any('{{{','.join(map(str, group.report_ids))}}}')) "
                "to stdout (format csv)"
            )
            with at_the_driver(db.connection(), statement) as raw, raw.cursor().copy(statement) as copy:
                for block in copy:
                    body.write(block)
    return Told(target, columns)

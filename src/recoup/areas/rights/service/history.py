"""The history of claims and assets: a snapshot is written as what differs from the one before.

Versions are only ever added, by COPY; what stands now is kept beside them. All in the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.rights.models import Change, Kind, Report, Series, Thing, Version
from recoup.areas.rights.queries import version_rows
from recoup.areas.rights.reading.ahead import ahead
from recoup.areas.rights.reading.comparing import Found, Row
from recoup.areas.rights.reading.terms import Terms
from recoup.areas.rights.rules import causes, judging, lapsing, layouts
from recoup.areas.rights.rules import facets as faceting
from recoup.areas.rights.rules.facets import Facets
from recoup.areas.rights.rules.judging import Judged, Stood
from recoup.areas.rights.rules.layouts import LAYOUTS, Layout
from recoup.areas.rights.service import things
from recoup.areas.rights.service.owing import Standing
from recoup.core.db import copy_rows

_VERSION_COLUMNS = ("series_id", "key", "since", "before", "report_id", "is_gone", "cells")
_CHANGE_COLUMNS = (
    *("report_id", "key", "series_id", "day", "sort", "cause", "causes", "columns", "before", "after"),
    *("weight", "claims", "status", "asset_id", "title", "artist"),
)
_STOOD = f"""
select t.key, t.since, {", ".join(f"t.{name}" for name in things.FIELDS)}, v.report_id, v.cells
from rights_things t join rights_versions v on v.series_id = t.series_id and v.since = t.since and v.key = t.key
where t.series_id = %s and t.key = any(%s) and not t.is_gone
"""
_WERE_HERE = "select key, since from rights_things where series_id = %s and key = any(%s)"


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
        self._counted: Counter[tuple[str, ...]] = Counter()
        """Things by all of their counted facets: there are few of those, whatever the number of things."""
        counts = before.counts if before else {}
        self._written = Written(counts={name: Counter(values) for name, values in counts.items()})

    def all(self) -> Written:
        for rows in ahead(self._found.differing()):
            self._take(rows)
        for keys in self._found.gone():
            self._end(keys)
        things.move_counters(self._db, self._series, self._found)
        self._add_up()
        return self._written

    def _add_up(self) -> None:
        counts = self._written.counts
        for words, count in self._counted.items():
            for name, word in zip(faceting.COUNTED, words, strict=True):
                counts.setdefault(name, Counter())[word] += count
        for by_word in counts.values():
            for word in [word for word, count in by_word.items() if not count]:
                del by_word[word]

    def _take(self, rows: Sequence[Row]) -> None:
        old = self._stood([row.key for row in rows if not row.is_new])
        back = self._were_here([row.key for row in rows if row.is_new])
        fresh: list[tuple[Any, ...]] = []
        again: list[tuple[Any, ...]] = []
        versions, changes = [], []
        for row in rows:
            views = layouts.rounded(row.count, self._terms.digits)
            facets = self._facets(row.cells)
            before, stood = old.get(row.key, (back.get(row.key), None))
            thing = things.row(self._series, row.key, self._report.day, facets, views)
            (fresh if before is None else again).append(thing)
            versions.append(self._version(row.key, before, layouts.joined(row.cells)))
            self._count(facets, by=1)
            self._stand(row.key, stood, facets, views)
            judged = self._judge(row, facets, stood, was_here=row.key in back)
            if judged is not None and self._before is not None:
                changes.append(self._change(row.key, judged))
        self._copy(Version, _VERSION_COLUMNS, versions)
        self._copy(Thing, things.COLUMNS, fresh)
        things.bring_up_to_date(self._db, self._series, again)
        self._copy(Change, _CHANGE_COLUMNS, changes)

    def _judge(self, row: Row, facets: Facets, stood: Stood | None, *, was_here: bool) -> Judged | None:
        if stood is None:
            self._written.added += 1
            return judging.added(
                self._layout,
                self._columns,
                row.cells,
                facets,
                views=row.count,
                was_here=was_here,
                day=self._report.day,
            )
        self._count(stood.facets, by=-1)
        judged = judging.changed(
            self._layout, stood, self._columns, row.cells, facets, compared=self._compared, views=row.count
        )
        if judged is None:
            self._written.rewritten += 1
        else:
            self._written.changed += 1
        return judged

    def _end(self, keys: Sequence[str]) -> None:
        versions, changes = [], []
        for key, (since, stood) in self._stood(keys, whole=True).items():
            self._count(stood.facets, by=-1)
            self._stand(key, stood, None, stood.views)
            versions.append(self._version(key, since, ""))
            changes.append(self._change(key, judging.gone(stood)))
        self._written.gone += len(changes)
        self._copy(Version, _VERSION_COLUMNS, versions)
        things.leave(self._db, self._series, list(keys), day=self._report.day)
        self._copy(Change, _CHANGE_COLUMNS, changes)

    def _stood(self, keys: Sequence[str], *, whole: bool = False) -> dict[str, tuple[date, Stood]]:
        """Return since when and how things stand; ``whole``: with titles and artists."""
        if not keys:
            return {}
        told = {}
        for key, since, views, claims, *rest in self._run(_STOOD, self._series.id, list(keys)):
            *words, report_id, cells = rest
            columns, parts = self._columns_by(report_id), layouts.parted(cells)
            if whole:
                facets = faceting.reader(self._layout, columns)(parts)
            else:
                facets = Facets(claims=claims, **dict(zip(things.WORDS, words, strict=True)))
            told[key] = since, Stood(columns, parts, facets, views)
        return told

    def _columns_by(self, report_id: UUID) -> list[str]:
        if report_id not in self._columns_of:
            self._columns_of[report_id] = version_rows.columns_of(self._db, report_id)
        return self._columns_of[report_id]

    def _were_here(self, keys: Sequence[str]) -> dict[str, date]:
        """Return those of new things that were here earlier, with the day on which they left."""
        if not keys or self._before is None:
            return {}
        found = self._run(_WERE_HERE, self._series.id, list(keys))
        return {key: since for key, since in found}  # noqa: C416 - rows are not pairs to mypy

    def _version(self, key: str, before: date | None, cells: str) -> tuple[Any, ...]:
        return self._series.id, key, self._report.day, before, self._report.id, not cells, cells

    def _change(self, key: str, judged: Judged) -> tuple[Any, ...]:
        self._written.causes[judged.causes[0]] += 1
        facets = judged.facets
        return (
            *(self._report.id, key, self._series.id, self._report.day, judged.sort, judged.causes[0]),
            *(list(judged.causes), judged.columns, judged.before, judged.after, judged.weight),
            *(judged.claims, facets.status, facets.asset_id, facets.title, facets.artist),
        )

    def _count(self, facets: Facets, *, by: int) -> None:
        self._counted[faceting.counts_of(facets)] += by

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

    def _copy(self, table: type[Any], columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            copy_rows(self._db, table.__tablename__, columns, rows)

    def _run(self, statement: str, *values: object) -> Iterable[Sequence[Any]]:
        return things.run(self._db, statement, *values)

"""Every SELECT of the overview of changes: how each series' snapshot differs, and what stands in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from recoup.areas.rights import controls
from recoup.areas.rights.models import Change, Report, ReportState, Series
from recoup.areas.rights.queries import change_rows, report_rows
from recoup.areas.rights.queries.change_rows import CauseSum
from recoup.areas.rights.rules import lapsing
from recoup.areas.rights.rules.causes import ORDER, Cause
from recoup.office.controls import service as house
from recoup.office.owed.models import OwedItem

TOP = 8
MOST_COUNTED = 10_000
SORTS = ("added", "gone", "changed")


@dataclass(frozen=True, slots=True)
class Board:
    """A series with its snapshot of a day: None while there is none. ``weights`` are views by sort of change."""

    series: Series
    report: Report | None
    before: Report | None = None
    causes: Sequence[CauseSum] = ()
    weights: Mapping[str, int] = field(default_factory=dict)
    top: Sequence[Change] = ()
    is_stale: bool = False

    @property
    def most(self) -> int:
        """The count of the most frequent cause."""
        return max((one.count for one in self.causes), default=0)


def board(db: Session, series: Series, *, day: date | None, now: datetime) -> Board:
    """Return a series with the newest snapshot, or the newest up to a day."""
    report = snapshot_until(db, series.id, day)
    if report is None:
        return Board(series, None)
    return Board(
        series=series,
        report=report,
        before=report_rows.head(db, series.id, before=report.day),
        causes=sorted(change_rows.by_cause(db, report.id), key=lambda one: ORDER[Cause(one.cause)]),
        weights=weights(db, report.id),
        top=change_rows.heaviest_of(db, report.id, limit=TOP).rows,
        is_stale=day is None and is_stale(db, report, now=now),
    )


def snapshot_until(db: Session, series_id: UUID, day: date | None) -> Report | None:
    """Return the newest snapshot of a series, or the newest one up to a day, that included."""
    statement = select(Report).where(Report.series_id == series_id, Report.state == ReportState.TAKEN)
    if day is not None:
        statement = statement.where(Report.day <= day)
    return db.scalars(statement.order_by(Report.day.desc()).limit(1)).one_or_none()


def weights(db: Session, report_id: UUID) -> dict[str, int]:
    """Return what the changes of a snapshot weigh in views, by sort."""
    rows = db.execute(
        select(Change.sort, func.sum(Change.weight))
        .where(Change.report_id == report_id)
        .group_by(Change.sort)
    )
    return {sort: int(weight) for sort, weight in rows}


def is_stale(db: Session, report: Report, *, now: datetime) -> bool:
    """Say whether a newer data day than this newest one should be there."""
    return lapsing.is_stale(report.ends_at, now=now, days=house.value(db, controls.STALE_DAYS))


def day_before(db: Session, series_ids: Sequence[UUID], day: date) -> date | None:
    """Return the last day before ``day`` that one of these series has a snapshot of."""
    return db.scalar(_days(series_ids).where(Report.day < day).order_by(Report.day.desc()).limit(1))


def day_after(db: Session, series_ids: Sequence[UUID], day: date) -> date | None:
    """Return the first day after ``day`` that one of these series has a snapshot of."""
    return db.scalar(_days(series_ids).where(Report.day > day).order_by(Report.day).limit(1))


def _days(series_ids: Sequence[UUID]) -> Select[date]:
    return select(Report.day).where(Report.series_id.in_(series_ids), Report.state == ReportState.TAKEN)


def parked(db: Session, *, limit: int = 20) -> Sequence[tuple[Report, Series]]:
    """Return reports that wait for a person, the earliest day first."""
    rows = db.execute(
        select(Report, Series)
        .join(Series, Series.id == Report.series_id)
        .where(Report.state == ReportState.PARKED)
        .order_by(Report.day, Report.id)
        .limit(limit)
    )
    return [(report, series) for report, series in rows]


def signed_out(db: Session) -> list[Series]:
    """Return a series for each content owner that somebody has to sign in for again."""
    found = {one.owner: one for one in report_rows.all_series(db) if one.reauth_since is not None}
    return list(found.values())


def claims_waiting(db: Session) -> tuple[int, datetime | None]:
    """Return how many claims wait for an answer (at most 10,001 are counted), and when the next one lapses."""
    some = (
        select(OwedItem.lapses_at)
        .where(
            OwedItem.state == "open",
            OwedItem.area == "rights",
            OwedItem.link.startswith("rights/claim/", autoescape=True),
        )
        .order_by(OwedItem.lapses_at)
        .limit(MOST_COUNTED + 1)
        .subquery()
    )
    count, first = db.execute(select(func.count(), func.min(some.c.lapses_at))).one()
    return int(count), first


def facet_counts(reports: Sequence[Report]) -> dict[str, list[tuple[str, int]]]:
    """Return how many things have each value of a facet, the most frequent first, over these snapshots."""
    sums: dict[str, dict[str, int]] = {}
    for report in reports:
        for name, values in report.counts.items():
            known = sums.setdefault(name, {})
            for value, count in values.items():
                known[value] = known.get(value, 0) + int(count)
    return {name: sorted(values.items(), key=lambda one: (-one[1], one[0])) for name, values in sums.items()}

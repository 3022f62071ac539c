"""Series and their reports: what is to be fetched, what is to be taken, which snapshot is the newest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from recoup.areas.rights.models import Report, ReportState, Series
from recoup.core.keyset import Slice, slice_of

WAITING = (ReportState.FOUND, ReportState.KEPT)


def all_series(db: Session) -> Sequence[Series]:
    """Return every series, by owner and kind."""
    return db.scalars(select(Series).order_by(Series.owner, Series.kind.desc())).all()


def series_of(db: Session, series_id: UUID, *, for_update: bool = False) -> Series:
    """Return a series that is there."""
    statement = select(Series).where(Series.id == series_id)
    return db.scalars(statement.with_for_update() if for_update else statement).one()


def find_series(db: Session, owner: str, kind: str) -> Series | None:
    """Return the series of an owner and a kind."""
    return db.scalars(select(Series).where(Series.owner == owner, Series.kind == kind)).one_or_none()


def report(db: Session, report_id: UUID, *, for_update: bool = False) -> Report | None:
    """Return a report."""
    statement = select(Report).where(Report.id == report_id)
    return db.scalars(statement.with_for_update() if for_update else statement).one_or_none()


def known_ids(db: Session, series_id: UUID) -> set[str]:
    """Return the platform's ids of all reports of a series that were ever found."""
    return set(db.scalars(select(Report.report_id).where(Report.series_id == series_id)))


def to_fetch(db: Session, series_id: UUID, *, now: datetime) -> Sequence[Report]:
    """Return the reports that were found and can still be fetched, the oldest day first."""
    return db.scalars(
        select(Report)
        .where(Report.series_id == series_id, Report.state == ReportState.FOUND, Report.lapses_at > now)
        .order_by(Report.day, Report.made_at)
    ).all()


def lapsed(db: Session, *, now: datetime) -> Sequence[Report]:
    """Return the reports that were never fetched and no longer can be."""
    return db.scalars(select(Report).where(Report.state == ReportState.FOUND, Report.lapses_at <= now)).all()


def outdated(db: Session, series_id: UUID, states: Sequence[str]) -> Sequence[Report]:
    """Return reports in these states of whose day a later one is in these states or taken already."""
    later = aliased(Report)
    newer = (
        select(later.id)
        .where(
            later.series_id == Report.series_id,
            later.day == Report.day,
            later.made_at > Report.made_at,
            later.state.in_([*states, ReportState.TAKEN]),
        )
        .exists()
    )
    return db.scalars(
        select(Report).where(Report.series_id == series_id, Report.state.in_(states), newer)
    ).all()


def to_take(db: Session, series_id: UUID) -> Report | None:
    """Return the next report to take: of the earliest day."""
    return db.scalars(
        select(Report)
        .where(Report.series_id == series_id, Report.state == ReportState.KEPT)
        .order_by(Report.day, Report.made_at.desc())
        .limit(1)
    ).one_or_none()


def head(db: Session, series_id: UUID, *, before: date | None = None) -> Report | None:
    """Return the newest snapshot of a series, or the newest one before a day."""
    statement = select(Report).where(Report.series_id == series_id, Report.state == ReportState.TAKEN)
    if before is not None:
        statement = statement.where(Report.day < before)
    return db.scalars(statement.order_by(Report.day.desc()).limit(1)).one_or_none()


def taken_since(db: Session, series_id: UUID, day: date) -> Sequence[Report]:
    """Return the snapshots of a day and later, in their order."""
    return db.scalars(
        select(Report)
        .where(Report.series_id == series_id, Report.state == ReportState.TAKEN, Report.day >= day)
        .order_by(Report.day)
    ).all()


def never_fetched(db: Session, series_id: UUID, day: date, *, now: datetime) -> Report | None:
    """Return the latest report of a day that a later one kept from being fetched, and that still can be."""
    return db.scalars(
        select(Report)
        .where(
            Report.series_id == series_id,
            Report.day == day,
            Report.state == ReportState.SUPERSEDED,
            Report.file_id.is_(None),
            Report.lapses_at > now,
        )
        .order_by(Report.made_at.desc())
        .limit(1)
    ).one_or_none()


def untold(db: Session, series_id: UUID) -> Report | None:
    """Return the newest snapshot, where nobody was told of it yet."""
    newest = head(db, series_id)
    return newest if newest is not None and newest.told_at is None else None


def count_by_state(db: Session, series_id: UUID) -> dict[str, int]:
    """Return how many reports are in each state."""
    rows = db.execute(
        select(Report.state, func.count()).where(Report.series_id == series_id).group_by(Report.state)
    )
    return {state: count for state, count in rows}  # noqa: C416 - rows are not pairs to mypy


def of_day(db: Session, series_id: UUID, day: date) -> Sequence[Report]:
    """Return every report of a day."""
    return db.scalars(select(Report).where(Report.series_id == series_id, Report.day == day)).all()


def of_series(db: Session, series_id: UUID) -> Sequence[Report]:
    """Return every report of a series, by day."""
    return db.scalars(
        select(Report).where(Report.series_id == series_id).order_by(Report.day, Report.made_at)
    ).all()


def newest(
    db: Session, series_id: UUID, *, state: str | None, after: str | None = None, limit: int
) -> Slice[Report]:
    """Return reports, those that were made last first."""
    statement = select(Report).where(Report.series_id == series_id)
    if state is not None:
        statement = statement.where(Report.state == state)
    return slice_of(db, statement, key=[Report.made_at, Report.id], after=after, limit=limit)


def snapshot(db: Session, series_id: UUID, day: date | None) -> Report | None:
    """Return the snapshot of a day, or the newest one."""
    if day is None:
        return head(db, series_id)
    return db.scalars(
        select(Report).where(
            Report.series_id == series_id, Report.day == day, Report.state == ReportState.TAKEN
        )
    ).one_or_none()

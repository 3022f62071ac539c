"""Versions of claims and assets: as they stand now, as of a day, and through their time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from recoup.areas.rights.models import Report, Version


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
    used = select(Version.report_id).where(Version.series_id == series_id, Version.until.is_(None)).distinct()
    rows = db.execute(
        select(Report.columns, func.array_agg(Report.id)).where(Report.id.in_(used)).group_by(Report.columns)
    ).all()
    return [ColumnGroup(list(columns), list(ids)) for columns, ids in rows]


def in_the_middle(db: Session, series_id: UUID, words: Sequence[str]) -> Iterator[list[Version]]:
    """Yield the versions, newest first, of each claim whose status words have one of these in them today."""
    said = func.upper(Version.status + " " + Version.detail)
    now = (
        select(Version.key)
        .where(
            Version.series_id == series_id,
            Version.until.is_(None),
            or_(*(said.contains(word, autoescape=True) for word in words)),
        )
        .subquery()
    )
    rows = db.scalars(
        select(Version)
        .where(Version.series_id == series_id, Version.key.in_(select(now.c.key)))
        .order_by(Version.key, Version.since.desc())
    )
    for _, versions in groupby(rows, key=lambda version: version.key):
        yield list(versions)

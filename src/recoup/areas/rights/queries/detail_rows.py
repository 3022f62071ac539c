"""Every SELECT of one claim, asset or report in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recoup.areas.rights.models import Report, Series, Thing
from recoup.areas.rights.queries import report_rows
from recoup.areas.rights.rules.facets import COUNTED
from recoup.office.owed import queries as owed
from recoup.office.owed.models import OwedItem


def thing(db: Session, series_id: UUID, key: str) -> Thing | None:
    """Return a claim or an asset as it stands, or as it left."""
    return db.get(Thing, (series_id, key))


def owed_for(db: Session, series: Series, key: str) -> OwedItem | None:
    """Return the open item of a claim that waits for an answer."""
    item = owed.by_key(db, f"rights:{series.owner}:{key}")  # as service/owing.py names them
    return item if item is not None and item.state == "open" else None


def asset_beside(db: Session, series: Series, key: str) -> Thing | None:
    """Return the asset of a claim, where the owner's assets are collected, too."""
    assets = report_rows.find_series(db, series.owner, "asset")
    return thing(db, assets.id, key) if assets is not None and key else None


def report_with_series(db: Session, report_id: UUID) -> tuple[Report, Series] | None:
    """Return a report and whose it is."""
    statement = select(Report, Series).join(Series, Series.id == Report.series_id)
    row = db.execute(statement.where(Report.id == report_id)).one_or_none()
    return None if row is None else (row[0], row[1])


@dataclass(frozen=True, slots=True)
class Counted:
    """How many things have a value of a facet, and how many more than in the snapshot before."""

    value: str
    count: int
    more: int | None


def counted(report: Report, before: Report | None) -> Mapping[str, Sequence[Counted]]:
    """Return the counts of a snapshot by facet, the most frequent first, beside those of the snapshot before."""
    told = {}
    for name in COUNTED:
        now: Mapping[str, int] = report.counts.get(name, {})
        was: Mapping[str, int] = before.counts.get(name, {}) if before else {}
        rows = [
            Counted(value, now.get(value, 0), now.get(value, 0) - was.get(value, 0) if before else None)
            for value in {*now, *was}
        ]
        if rows:
            told[name] = sorted(rows, key=lambda one: (-one.count, one.value))
    return told

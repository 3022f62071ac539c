"""Every SELECT of the trends: what each of the latest snapshots counted."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from recoup.areas.rights.models import Report, ReportState

SNAPSHOTS = 90


def latest(db: Session, series_id: UUID, *, limit: int = SNAPSHOTS) -> Sequence[Report]:
    """Return the latest snapshots of a series, the earliest day first."""
    rows = db.scalars(
        select(Report)
        .where(Report.series_id == series_id, Report.state == ReportState.TAKEN)
        .options(defer(Report.causes), defer(Report.columns))
        .order_by(Report.day.desc())
        .limit(limit)
    ).all()
    return rows[::-1]

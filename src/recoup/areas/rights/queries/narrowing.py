"""What the SELECTs of pages have in common: whose series, which days, which facets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, literal_column
from sqlalchemy.orm import Session

from recoup.areas.rights.models import Report, ReportState, Series, Sort, Thing
from recoup.areas.rights.queries import report_rows
from recoup.areas.rights.rules.facets import COUNTED

EMPTY = "(empty)"
"""What is asked for to find things whose facet holds nothing."""
USUAL_STATUS = "ACTIVE"


def owner_choices(db: Session) -> tuple[tuple[str, str], ...]:
    """Return the content owners that a list can be narrowed to."""
    return tuple({one.owner: one.title for one in report_rows.all_series(db)}.items())


def series(db: Session, filters: Mapping[str, Any], *, kind: str | None = None) -> Sequence[Series]:
    """Return the series that the filters ``owner`` and ``kind`` leave; there are two for each owner."""
    owner, wanted = filters.get("owner"), kind or filters.get("kind")
    return [
        one for one in report_rows.all_series(db) if owner in {None, one.owner} and wanted in {None, one.kind}
    ]


def of_facets(filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """Return the conditions on things that stand now and have what the filters say."""
    wanted: list[ColumnElement[bool]] = [~Thing.is_gone]
    for name in COUNTED:
        if name in filters:
            value = "" if filters[name] == EMPTY else filters[name]
            wanted.append(getattr(Thing, name) == value)
    status = filters.get("status", USUAL_STATUS)
    if status != USUAL_STATUS:
        # Says what the index of the unusual holds; of a parameter alone Postgres cannot know it.
        wanted.append(Thing.status != literal_column(f"'{USUAL_STATUS}'"))
    for name, column in (("asset", Thing.asset_id), ("video", Thing.video_id), ("key", Thing.key)):
        if name in filters:
            wanted.append(column == filters[name])
    return wanted


def of_snapshots(series_ids: Sequence[UUID], filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """Return the conditions on snapshots that have changes such as the filters leave."""
    wanted: list[ColumnElement[bool]] = [
        Report.series_id.in_(series_ids),
        Report.state == ReportState.TAKEN,
        *of_days(filters),
    ]
    counted = {Sort.ADDED: Report.added, Sort.GONE: Report.gone, Sort.CHANGED: Report.changed}
    if "sort" in filters:
        wanted.append(counted[filters["sort"]] > 0)
    else:
        wanted.append(Report.added + Report.gone + Report.changed > 0)
    if "cause" in filters:
        wanted.append(Report.causes.has_key(filters["cause"]))
    return wanted


def of_days(filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """Return the conditions on reports of the days that the filters leave."""
    wanted: list[ColumnElement[bool]] = []
    if "day" in filters:
        wanted.append(Report.day == filters["day"])
    if "since" in filters:
        wanted.append(Report.day >= filters["since"])
    if "until" in filters:
        wanted.append(Report.day <= filters["until"])
    return wanted

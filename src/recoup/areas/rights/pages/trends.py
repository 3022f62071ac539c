"""The page of trends: how many claims and assets stand, and what comes and goes, snapshot by snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Depends, Request
from fastapi.responses import Response

from recoup.areas.rights.lists import DESK, to
from recoup.areas.rights.models import Kind, Report
from recoup.areas.rights.queries import narrowing, report_rows, trend_rows
from recoup.areas.rights.queries.narrowing import USUAL_STATUS
from recoup.web import pages
from recoup.web.auth import may
from recoup.web.deps import Db, Router
from recoup.web.wire import Word

MOST_STATUSES = 6
"""Bars of a stack; what is rarer is added up."""
COLOURS = {"added": "#2f9e6b", "gone": "#d0433a", "changed": "#4f8fd8"}
OTHERS = "others"
NONE = "none"

router = Router(prefix=DESK, dependencies=[Depends(may("rights.look"))])


@router.get("/trends")
def trends(request: Request, db: Db, owner: Word = "", kind: Word = Kind.CLAIM) -> Response:
    """Show the latest snapshots of a series beside one another."""
    known = report_rows.all_series(db)
    owners = narrowing.owner_choices(db)
    chosen = owner if owner in dict(owners) else next(iter(dict(owners)), "")
    kinds = [one.kind for one in known if one.owner == chosen]
    wanted = kind if kind in kinds else next(iter(kinds), "")
    series = next((one for one in known if (one.owner, one.kind) == (chosen, wanted)), None)
    reports = trend_rows.latest(db, series.id) if series else []
    statuses = _statuses(reports)
    return pages.render(
        request,
        "rights/trends.html",
        series=series,
        owners=owners,
        kinds=kinds,
        reports=reports,
        statuses=statuses,
        usual=USUAL_STATUS,
        status_of=_status_of,
        charts=_charts(reports, statuses),
        to=to,
    )


def _charts(reports: Sequence[Report], statuses: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    days = [f"{one.day:%d %b}" for one in reports]
    compared = [one for one in reports if not one.is_baseline]
    return {
        "things": _lines(days, [one.things for one in reports]),
        "views": _lines(days, [one.views for one in reports]),
        "changes": _bars(
            [f"{one.day:%d %b}" for one in compared],
            {name: [getattr(one, name) for one in compared] for name in ("added", "gone", "changed")},
        ),
        "statuses": _bars(
            days,
            {
                name or NONE: [_status_of(one, name, statuses) for one in reports]
                for name in statuses
                if name != USUAL_STATUS  # beside which nothing else would be seen
            },
        ),
    }


def _lines(days: Sequence[str], values: Sequence[int]) -> Mapping[str, Any]:
    return {
        "xAxis": {"type": "category", "data": list(days), "boundaryGap": False},
        "yAxis": {"type": "value", "scale": True},
        "series": [{"type": "line", "data": list(values), "symbolSize": 6, "areaStyle": {"opacity": 0.12}}],
    }


def _bars(days: Sequence[str], values: Mapping[str, Sequence[int]]) -> Mapping[str, Any]:
    return {
        "legend": {"type": "scroll"},
        "xAxis": {"type": "category", "data": list(days)},
        "yAxis": {"type": "value"},
        "series": [
            {
                "name": name,
                "type": "bar",
                "stack": "all",
                "barMaxWidth": 36,
                "data": list(counts),
                **({"itemStyle": {"color": COLOURS[name]}} if name in COLOURS else {}),
            }
            for name, counts in values.items()
        ],
    }


def _statuses(reports: Sequence[Report]) -> list[str]:
    """Return the statuses to tell apart, the most frequent of the newest snapshots first."""
    sums: dict[str, int] = {}
    for one in reports:
        for name, count in one.counts.get("status", {}).items():
            sums[name] = sums.get(name, 0) + int(count)
    ranked = sorted(sums, key=lambda name: (-sums[name], name))
    return ranked if len(ranked) <= MOST_STATUSES else [*ranked[: MOST_STATUSES - 1], OTHERS]


def _status_of(report: Report, name: str, statuses: Sequence[str]) -> int:
    counts: Mapping[str, int] = report.counts.get("status", {})
    if name == OTHERS and name not in counts:
        return sum(int(count) for status, count in counts.items() if status not in statuses)
    return int(counts.get(name, 0))

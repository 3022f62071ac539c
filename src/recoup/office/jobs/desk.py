"""What the desk shows of jobs: what runs, what failed, what waits for a person, and what a search finds."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.core.system import System
from recoup.office.jobs import queries, queries_pages
from recoup.office.jobs.models import RunState
from recoup.office.jobs.rules import trouble
from recoup.web.area import Hit, Tile, Waiting

A_DAY = timedelta(days=1)
MOST_WAITING = 20
MOST_HITS = 5
SHORTEST_PREFIX = 6
ID_DIGITS = 32

_ID_START = re.compile(r"[0-9a-f-]+")


def tiles(db: Session, now: datetime) -> list[Tile]:
    """Say how many runs are running, and how many failed within a day."""
    running, queued = queries.moving(db)
    failed = queries.failed_since(db, now - A_DAY)
    note = f"{queued:,} waiting for a worker" if queued else "nothing waits for a worker"
    failures = "look at what went wrong" if failed else "in the last 24 hours"
    return [
        Tile("Running now", f"{running:,}", note, "/desk/runs?state=running", "activity"),
        Tile(
            "Failed in 24 hours",
            f"{failed:,}",
            failures,
            "/desk/runs?state=failed",
            "alert-circle",
            "bad" if failed else "ok",
        ),
    ]


def waiting(db: Session, now: datetime) -> list[Waiting]:  # noqa: ARG001 - the desk gives every part the time
    """Name the jobs whose latest trouble nobody has looked after, and that have not run well since."""
    found = trouble.needing_a_person(queries_pages.latest_by_kind(db))
    return [
        Waiting(
            f"{run.job} {_HOW.get(RunState(run.state), run.state)}: {trouble.cause(run.summary)[0]}",
            f"/desk/runs/{run.id}",
            "warn" if run.state == RunState.SUCCEEDED else "bad",
            run.finished_at,
        )
        for run in found[:MOST_WAITING]
    ]


_HOW = {
    RunState.SUCCEEDED: "ran, and needs a person",
    RunState.FAILED: "failed",
    RunState.PARKED: "was parked",
}


def search(db: Session, wanted: str) -> list[Hit]:
    """Find runs by the beginning of their id."""
    digits = wanted.lower().replace("-", "")
    if not _ID_START.fullmatch(wanted.lower()) or not SHORTEST_PREFIX <= len(digits) <= ID_DIGITS:
        return []
    first, last = UUID(digits.ljust(ID_DIGITS, "0")), UUID(digits.ljust(ID_DIGITS, "f"))
    return [
        Hit(f"{run.job}, {run.state}", "run", f"/desk/runs/{run.id}", str(run.id))
        for run in queries.runs_between(db, first, last, limit=MOST_HITS)
    ]


def finds(system: System, wanted: str) -> list[Hit]:
    """Find jobs by a part of their name or title."""
    part = wanted.casefold()
    found = [
        Hit(job.title, "job", f"/desk/jobs/{job.name}", job.name)
        for job in system.parts.jobs.values()
        if part in job.name.casefold() or part in job.title.casefold()
    ]
    return found[:MOST_HITS]

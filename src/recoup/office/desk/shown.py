"""Gathers what the overview shows, each piece bounded: parts with a million rows must not make it slow."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from recoup.core.errors import Invalid
from recoup.core.parts import Job
from recoup.core.system import Caller, System
from recoup.office.desk import queries
from recoup.office.jobs import queries as jobs
from recoup.office.jobs.models import Run, Schedule
from recoup.office.jobs.rules import schedules as rules
from recoup.web.area import Area, Step, Tile, Waiting
from recoup.web.health import CheckShown, gathered, report

A_DAY = timedelta(days=1)
MOST_RUNNING = 6
MOST_FAILED = 5
MOST_WAITING = 6
MOST_SLOTS = 10
HEALTH_LIVES = 15.0
"""Seconds for which what the checks said is shown again: the page asks for itself every few seconds."""


@dataclass(frozen=True, slots=True)
class Coming:
    """A slot that a schedule owes next."""

    at: datetime
    job: Job


@dataclass(frozen=True, slots=True)
class Health:
    """What the checks say: what fails, what will soon, and how many there were."""

    failing: Sequence[CheckShown]
    warning: Sequence[CheckShown]
    checks: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How everything stands."""

    running: Sequence[Run]
    running_count: int
    queued: int
    failed: Sequence[Run]
    failed_count: int
    slots: Sequence[Coming]


def parts_for(system: System, me: Caller) -> list[Area]:
    """Return the parts that somebody may look at: by the permission of their first line of the menu."""
    return [area for area in system.parts.desk if me.may(area.menu[0].may if area.menu else "overview.look")]


def standing(db: Session, system: System, *, now: datetime) -> Standing:
    """Return what jobs do: now, lately, next."""
    running_count, queued = queries.moving(db)
    since = now - A_DAY
    failed = queries.ended_badly(db, since=since, limit=MOST_FAILED)
    is_all = len(failed) < MOST_FAILED
    return Standing(
        running=queries.running(db, limit=MOST_RUNNING) if running_count else (),
        running_count=running_count,
        queued=queued,
        failed=failed,
        failed_count=len(failed) if is_all else queries.ended_badly_count(db, since=since),
        slots=coming(db, system, now=now),
    )


def coming(db: Session, system: System, *, now: datetime, limit: int = MOST_SLOTS) -> list[Coming]:
    """Return the slots that come next, over all jobs that are not paused."""
    paused = {row.name for row in jobs.jobs(db) if row.paused}
    streams = [
        _slots(one, system.parts.jobs[one.job], now)
        for one in jobs.schedules(db)
        if one.enabled and one.job in system.parts.jobs and one.job not in paused
    ]
    return list(itertools.islice(heapq.merge(*streams, key=lambda slot: slot.at), limit))


def _slots(schedule: Schedule, job: Job, now: datetime) -> Iterator[Coming]:
    try:
        for at in itertools.islice(rules.slots(schedule.cron, schedule.zone, after=now), MOST_SLOTS):
            yield Coming(at, job)
    except Invalid:  # the check of schedules says so
        return


def waiting(db: Session, parts: Sequence[Area], *, now: datetime) -> list[Waiting]:
    """Return what waits for a person: the bad first, in each what has waited longest."""
    found = [one for area in parts if area.waiting for one in area.waiting(db, now)]
    return sorted(found, key=lambda one: (one.tone != "bad", one.since is None, one.since or now))


def tiles(db: Session, parts: Sequence[Area], *, now: datetime) -> list[Tile]:
    """Return the figures of the parts, the business first; what jobs do stands on the overview in full."""
    business_first = sorted(parts, key=lambda area: _group(area) != "Business")
    told = [area for area in business_first if area.tiles and area.name != "jobs"]
    return [tile for area in told if area.tiles for tile in area.tiles(db, now)]


def first_steps(db: Session, system: System, parts: Sequence[Area]) -> list[Step]:
    """Return what to do first, until a job of a business area went well once."""
    business = [job.name for area in system.parts.desk if _group(area) == "Business" for job in area.jobs]
    if queries.has_succeeded(db, business):
        return []
    business_first = sorted(parts, key=lambda area: _group(area) != "Business")
    return [step for area in business_first if area.first for step in area.first(system, db)]


def _group(area: Area) -> str:
    return area.menu[0].group if area.menu else ""


class Checked:
    """What the checks said a moment ago; each process asks them itself, at most every 15 seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = -HEALTH_LIVES
        self._found = Health((), (), 0)

    def health(self, system: System) -> Health:
        """Return what the checks say, asked again once that is old."""
        with self._lock:
            if time.monotonic() - self._asked >= HEALTH_LIVES:
                lines = report(gathered(system, system.parts.checks)).checks
                failing = [line for line in lines if line.status == "fail"]
                warning = [line for line in lines if line.status == "warn"]
                self._found, self._asked = Health(failing, warning, len(lines)), time.monotonic()
            return self._found

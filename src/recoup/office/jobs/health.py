"""What jobs say of their health: is somebody working, are the schedules readable, what needs a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from recoup.core.errors import Invalid
from recoup.core.parts import Check
from recoup.core.system import System
from recoup.office.jobs import queries
from recoup.office.jobs.models import JobRow, Run, RunState, Schedule
from recoup.office.jobs.rules import schedules as rules

LATE = timedelta(minutes=15)
_START_ONE = "Start `recoup up`, or `recoup worker` beside the server."


def standing(system: System) -> list[Check]:
    """Look at workers, the queue, schedules, and parked runs."""
    now = system.clock()
    with system.sessions.begin() as db:
        alive = queries.workers_alive(db)
        rows = {row.name: row for row in queries.jobs(db)}
        schedules = queries.schedules(db)
        last = [run for name in rows for run in queries.runs(db, job_name=name, limit=1)]
        oldest = queries.oldest_due(db, now=now)
    awaited = oldest is not None or any(_is_due(one, rows) for one in schedules)
    return [
        _workers(alive, awaited=awaited),
        _queue_age("oldest run", oldest, now=now),
        *_schedules(schedules, now=now),
        *(_ended_badly(run) for run in last if run.needs_person),
    ]


def queue(system: System) -> list[Check]:
    """Say how old the oldest run is that should have started: a number, never a reason to take the server away."""
    now = system.clock()
    with system.sessions.begin() as db:
        oldest = queries.oldest_due(db, now=now)
    found = _queue_age("queue", oldest, now=now)
    return [Check(found.name, ok=True, detail=found.detail, fix=found.fix)]


def _queue_age(name: str, oldest: datetime | None, *, now: datetime) -> Check:
    age = max(now - oldest, timedelta(0)) if oldest is not None else timedelta(0)
    detail = f"The oldest run that is due waits for {int(age.total_seconds())} s."
    late = age > LATE
    return Check(name, ok=not late, detail=detail, fix=_START_ONE if late else None)


def _workers(alive: int, *, awaited: bool) -> Check:
    if alive:
        return Check("workers", ok=True, detail=f"{alive} at work.")
    detail = "No worker runs, so schedules, mails and retries wait."
    return Check("workers", ok=not awaited, detail=detail, fix=_START_ONE)


def _is_due(schedule: Schedule, rows: dict[str, JobRow]) -> bool:
    row = rows.get(schedule.job)
    return schedule.enabled and row is not None and not row.paused


def _schedules(schedules: Sequence[Schedule], *, now: datetime) -> list[Check]:
    checks = []
    for one in schedules:
        try:
            rules.check_schedule(one.cron, one.zone)
            coming = next(rules.slots(one.cron, one.zone, after=now), None)
        except Invalid as error:
            fix = f"`recoup jobs schedule {one.job} --cron …`"
            checks.append(Check(f"schedule {one.job}", ok=False, detail=error.detail, fix=fix))
            continue
        when = f"due next at {coming:%Y-%m-%d %H:%M} UTC" if coming else "never due again"
        checks.append(Check(f"schedule {one.job}", ok=True, detail=f"{one.cron} {one.zone}, {when}."))
    return checks


def _ended_badly(run: Run) -> Check:
    """Say how a job stands whose last run left something to a person; one that failed or was parked fails."""
    fix = f"See `recoup runs tail {run.id}`."
    ok = run.state == RunState.SUCCEEDED
    return Check(f"last run of {run.job}", ok=ok, detail=f"It {run.state}: {run.summary}", fix=fix)

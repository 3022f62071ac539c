"""Use cases of jobs: set up, schedule, tick, start, cancel, run again, pause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.orm import Session

from recoup.core.errors import Conflict, Forbidden, Invalid, NotFound
from recoup.core.ids import new_id
from recoup.core.parts import Job, Missed
from recoup.core.tasks import defer
from recoup.core.workers import is_dead
from recoup.office.jobs import queries
from recoup.office.jobs.models import JobRow, Run, RunState, Schedule, Slot
from recoup.office.jobs.rules import schedules
from recoup.office.journal import service as journal

TASK = "jobs.run"
FORMS = frozenset({"api", "page"})
"""The triggers of the doors that take parameters for any job."""


def find(jobs: Mapping[str, Job], name: str) -> Job:
    """Return the job called ``name``, or raise NotFound with the names there are."""
    if name not in jobs:
        raise NotFound(f"There is no job {name!r}.", fix=f"There are: {', '.join(sorted(jobs)) or 'none'}.")
    return jobs[name]


def checked_params(job: Job, params: Mapping[str, Any]) -> dict[str, Any]:
    """Check parameters against the job's model; return them as JSON values, or raise Invalid naming the first."""
    try:
        return job.params.model_validate(dict(params)).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the parameters"
        raise Invalid(f"{job.name}: {where}: {first['msg']}.") from None


def set_up(db: Session, jobs: Mapping[str, Job], *, tell: Sequence[str] = (), now: datetime) -> None:
    """Give each job that is new here its row and its default schedule. What a person changed stays.

    ``tell``: who hears of failures until somebody says otherwise.
    """
    there = set(queries.job_names(db))
    new = [job for job in jobs.values() if job.name not in there]
    db.add_all(
        JobRow(name=job.name, paused=False, notify_success=[], notify_failure=list(tell)) for job in new
    )
    db.flush()
    for job in new:
        if job.schedule is not None:
            db.add(
                Schedule(
                    id=new_id(),
                    job=job.name,
                    cron=job.schedule.cron,
                    zone=job.schedule.zone,
                    missed=job.schedule.missed,
                    params=checked_params(job, {}),
                    enabled=True,
                    watermark=now,
                )
            )


def change_schedule(
    db: Session, job: Job, *, cron: str, zone: str, missed: Missed, actor: str, now: datetime
) -> Schedule:
    """Give a job another schedule from ``now`` on; slots before it stay what they were."""
    schedules.check_schedule(cron, zone)
    existing = queries.schedules(db, job_name=job.name)
    schedule = (
        existing[0] if existing else Schedule(id=new_id(), job=job.name, params=checked_params(job, {}))
    )
    was = f"{schedule.cron} {schedule.zone}" if existing else "none"
    schedule.cron, schedule.zone, schedule.missed = cron, zone, missed
    schedule.enabled, schedule.watermark = True, now
    db.add(schedule)
    journal.record(
        db,
        "jobs.schedule_changed",
        f"jobs/job/{job.name}",
        actor=actor,
        now=now,
        was=was,
        cron=cron,
        zone=zone,
    )
    return schedule


def pause(db: Session, job: Job, *, paused: bool, actor: str, now: datetime) -> JobRow:
    """Stop or resume what a job's schedules start; a person may still run it."""
    row = queries.job(db, job.name)
    if row is None:
        raise NotFound(f"{job.name} is not set up yet.", fix="Run `recoup migrate`.")
    row.paused = paused
    journal.record(
        db, "jobs.paused" if paused else "jobs.resumed", f"jobs/job/{job.name}", actor=actor, now=now
    )
    return row


def notify(
    db: Session, job: Job, *, success: Sequence[str], failure: Sequence[str], actor: str, now: datetime
) -> JobRow:
    """Say who gets a mail when a run of the job succeeds, or fails or needs a person."""
    row = queries.job(db, job.name)
    if row is None:
        raise NotFound(f"{job.name} is not set up yet.", fix="Run `recoup migrate`.")
    row.notify_success, row.notify_failure = list(success), list(failure)
    journal.record(
        db,
        "jobs.notify_changed",
        f"jobs/job/{job.name}",
        actor=actor,
        now=now,
        success=list(success),
        failure=list(failure),
    )
    return row


def tick_schedule(db: Session, schedule_id: UUID, *, now: datetime) -> list[Run]:
    """Write the slots of one schedule that have become due, and start what is owed. Any number may tick at once."""
    schedule = queries.locked_schedule(db, schedule_id)
    if schedule is None or not schedule.enabled or schedule.watermark >= now:
        return []
    row = queries.job(db, schedule.job)
    moments = schedules.due(schedule.cron, schedule.zone, after=schedule.watermark, until=now)
    plans = schedules.plan_slots(
        moments, missed=Missed(schedule.missed), paused=row is not None and row.paused, now=now
    )
    started = []
    for plan in plans:
        run = None
        if plan.state != "skipped":
            run = _queue(
                db, schedule.job, schedule.params, trigger="schedule", actor="schedule", now=now, slot=plan.at
            )
            started.append(run)
        slot = Slot(
            schedule_id=schedule.id,
            at=plan.at,
            state=plan.state,
            reason=plan.reason,
            run_id=run.id if run else None,
            written_at=now,
        )
        db.add(slot)
    if moments:
        schedule.watermark = moments[-1]
    return started


def start(
    db: Session, job: Job, params: Mapping[str, Any], *, trigger: str, actor: str, now: datetime
) -> Run:
    """Queue a run; a worker takes it after the commit."""
    if not job.by_hand and trigger in FORMS:
        raise Forbidden(
            f"{job.name} is not started by hand.", fix="Use the page or the route that is made for it."
        )
    return _queue(db, job.name, checked_params(job, params), trigger=trigger, actor=actor, now=now)


def run_again(db: Session, jobs: Mapping[str, Job], run_id: UUID, *, actor: str, now: datetime) -> Run:
    """Queue a new run with the parameters of an old one that is over; whoever does that looked after the old one."""
    run = _existing(db, run_id)
    if run.state in {RunState.QUEUED, RunState.RUNNING}:
        raise Conflict(f"Run {run_id} is still {run.state}.", fix="Wait for it, or cancel it first.")
    if run.needs_person:
        _looked_after(run, actor=actor, now=now)
    return start(db, find(jobs, run.job), run.params, trigger="again", actor=actor, now=now)


def cancel(db: Session, run_id: UUID, *, actor: str, now: datetime) -> Run:
    """Ask a run to stop: at once when it is queued, at its next step when it runs."""
    run = _existing(db, run_id)
    if run.state == RunState.QUEUED:
        run.state, run.finished_at, run.summary = RunState.CANCELLED, now, "Cancelled before it started."
    elif run.state == RunState.RUNNING:
        run.cancel_requested = True
    else:
        raise Conflict(f"Run {run_id} is over: it {run.state}.")
    journal.record(db, "jobs.run_cancelled", f"jobs/run/{run.id}", actor=actor, now=now, job=run.job)
    return run


def look_after(db: Session, run_id: UUID, *, note: str = "", actor: str, now: datetime) -> Run:
    """Say that somebody looked after a run that needed a person, and on request what they found."""
    run = _existing(db, run_id)
    if not run.needs_person:
        raise Conflict(f"Run {run_id} does not wait for a person.")
    _looked_after(run, actor=actor, now=now)
    journal.record(db, "jobs.run_looked_after", f"jobs/run/{run.id}", actor=actor, now=now, note=note)
    return run


def sweep(db: Session, now: datetime) -> None:
    """Defer again every run that should be moving and is not; twice is harmless."""
    orphans = [run.id for run in queries.running(db) if is_dead(run.worker)]
    for run_id in {*queries.standing_still(db, now=now), *orphans}:
        defer(db, TASK, once=f"run:{run_id}", run_id=str(run_id))


def _looked_after(run: Run, *, actor: str, now: datetime) -> None:
    run.needs_person, run.looked_after_at, run.looked_after_by = False, now, actor


def _existing(db: Session, run_id: UUID) -> Run:
    run = queries.run(db, run_id, for_update=True)
    if run is None:
        raise NotFound(f"There is no run {run_id}.", fix="See `recoup runs list`.")
    return run


def _queue(
    db: Session,
    job_name: str,
    params: Mapping[str, Any],
    *,
    trigger: str,
    actor: str,
    now: datetime,
    slot: datetime | None = None,
) -> Run:
    run = Run(
        id=new_id(),
        job=job_name,
        params=dict(params),
        state=RunState.QUEUED,
        trigger=trigger,
        actor=actor,
        slot=slot,
        attempt=0,
        not_before=now,
        cancel_requested=False,
        queued_at=now,
        done=0,
        label="",
        counts={},
        summary="",
        needs_person=False,
    )
    db.add(run)
    db.flush()
    defer(db, TASK, once=f"run:{run.id}", run_id=str(run.id))
    return run

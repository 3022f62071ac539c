"""Routes of jobs and runs."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from recoup.office.jobs import queries, service
from recoup.office.jobs.models import RunState
from recoup.office.jobs.schemas import (
    JobShown,
    LineShown,
    LookedAfter,
    NotifyAsked,
    RunAsked,
    RunInFull,
    RunShown,
    ScheduleAsked,
)
from recoup.office.jobs.shown import job_in_full, run_in_full
from recoup.office.messages import rules as messages
from recoup.web.auth import Actor, SignedIn, may
from recoup.web.deps import Db, Now, Router, Running
from recoup.web.paging import Before, Limit
from recoup.web.wire import Page, Word, found, page_of

router = Router(tags=["jobs"], dependencies=[Depends(may("jobs.look"))])

_START = "0-0"


@router.get("/jobs", summary="What can run")
def jobs(db: Db, system: Running, now: Now) -> Page[JobShown]:
    """Return every job with its schedules and its last run."""
    known = sorted(system.parts.jobs.values(), key=lambda job: job.name)
    return Page[JobShown](items=[job_in_full(db, job, now=now) for job in known])


@router.get("/jobs/{name}", summary="One job")
def one_job(db: Db, system: Running, now: Now, name: str) -> JobShown:
    """Return a job with its schedules and its last run."""
    return job_in_full(db, service.find(system.parts.jobs, name), now=now)


@router.post(
    "/jobs/{name}/runs", summary="Run a job", status_code=202, dependencies=[Depends(may("jobs.run"))]
)
def start(
    *, db: Db, system: Running, actor: Actor, now: Now, name: str, asked: RunAsked, response: Response
) -> RunShown:
    """Queue a run; a worker takes it at once."""
    job = service.find(system.parts.jobs, name)
    run = service.start(db, job, asked.params, trigger="api", actor=actor, now=now)
    response.headers["Location"] = f"/runs/{run.id}"
    return RunShown.model_validate(run)


@router.put(
    "/jobs/{name}/schedule", summary="Give a job another schedule", dependencies=[Depends(may("jobs.change"))]
)
def schedule(*, db: Db, system: Running, actor: Actor, now: Now, name: str, asked: ScheduleAsked) -> JobShown:
    """Change when a job is owed, from now on."""
    job = service.find(system.parts.jobs, name)
    service.change_schedule(
        db, job, cron=asked.cron, zone=asked.zone, missed=asked.missed, actor=actor, now=now
    )
    return job_in_full(db, job, now=now)


@router.post(
    "/jobs/{name}/pause",
    summary="Stop what a job's schedules start",
    dependencies=[Depends(may("jobs.change"))],
)
def pause(*, db: Db, system: Running, actor: Actor, now: Now, name: str) -> JobShown:
    """Pause a job; a person may still run it."""
    job = service.find(system.parts.jobs, name)
    service.pause(db, job, paused=True, actor=actor, now=now)
    return job_in_full(db, job, now=now)


@router.post(
    "/jobs/{name}/resume",
    summary="Let a job's schedules start runs again",
    dependencies=[Depends(may("jobs.change"))],
)
def resume(*, db: Db, system: Running, actor: Actor, now: Now, name: str) -> JobShown:
    """Resume a paused job."""
    job = service.find(system.parts.jobs, name)
    service.pause(db, job, paused=False, actor=actor, now=now)
    return job_in_full(db, job, now=now)


@router.put(
    "/jobs/{name}/notify", summary="Say who is told how runs end", dependencies=[Depends(may("jobs.change"))]
)
def notify(*, db: Db, system: Running, actor: Actor, now: Now, name: str, asked: NotifyAsked) -> JobShown:
    """Replace both lists of addresses."""
    job = service.find(system.parts.jobs, name)
    success = [messages.address(to).addr_spec for to in asked.success]
    failure = [messages.address(to).addr_spec for to in asked.failure]
    service.notify(db, job, success=success, failure=failure, actor=actor, now=now)
    return job_in_full(db, job, now=now)


@router.get("/runs", summary="What ran and runs, newest first")
def runs(
    db: Db, job: Word | None = None, state: RunState | None = None, before: Before = None, limit: Limit = 50
) -> Page[RunShown]:
    """Return runs."""
    rows = queries.runs(db, job_name=job, state=state, before=before, limit=limit + 1)
    return page_of(RunShown, rows, limit=limit)


@router.get("/runs/{run_id}", summary="One run and what it left behind")
def one_run(db: Db, system: Running, now: Now, me: SignedIn, run_id: UUID) -> RunInFull:
    """Return a run; links to its files live for an hour."""
    run = found(queries.run(db, run_id), f"run {run_id}", see="runs list")
    return run_in_full(db, system, run, me=me, now=now)


@router.get("/runs/{run_id}/lines", summary="A run's log, oldest line first")
def lines(
    db: Db,
    run_id: UUID,
    after: Annotated[
        str, Query(pattern=r"^[0-9]{1,9}-[0-9]{1,9}$", description="Go on after this line.")
    ] = _START,
    limit: Limit = 200,
) -> Page[LineShown]:
    """Return lines; ``next`` is where they end, whether or not there are more yet: ask again while the run runs."""
    found(queries.run(db, run_id), f"run {run_id}", see="runs list")
    attempt, number = map(int, after.split("-"))
    rows = queries.lines(db, run_id, after=(attempt, number), limit=limit)
    end = f"{rows[-1].attempt}-{rows[-1].number}" if rows else after
    return Page[LineShown](items=page_of(LineShown, rows).items, next=end)


@router.post("/runs/{run_id}/cancel", summary="Ask a run to stop", dependencies=[Depends(may("jobs.run"))])
def cancel(db: Db, actor: Actor, now: Now, run_id: UUID) -> RunShown:
    """Stop a run: at once while it is queued, at its next step while it runs."""
    return RunShown.model_validate(service.cancel(db, run_id, actor=actor, now=now))


@router.post(
    "/runs/{run_id}/looked-after",
    summary="Say that somebody looked after a run",
    dependencies=[Depends(may("jobs.run"))],
)
def looked_after(*, db: Db, actor: Actor, now: Now, run_id: UUID, asked: LookedAfter) -> RunShown:
    """Take a run that needs a person off the list of what waits; the note stands in the journal."""
    return RunShown.model_validate(service.look_after(db, run_id, note=asked.note, actor=actor, now=now))


@router.post(
    "/runs/{run_id}/again",
    summary="Run the same again",
    status_code=202,
    dependencies=[Depends(may("jobs.run"))],
)
def again(*, db: Db, system: Running, actor: Actor, now: Now, run_id: UUID) -> RunShown:
    """Queue a new run with the parameters of one that is over."""
    return RunShown.model_validate(service.run_again(db, system.parts.jobs, run_id, actor=actor, now=now))

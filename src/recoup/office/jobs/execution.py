"""A run being executed: claimed under a lease, fenced by its attempt, finished in one transaction.

Like the outbox's hand-over this opens transactions of its own: it is the door through which the engine comes in.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recoup.core.db import is_connection_lost, lock
from recoup.core.errors import Lost, RecoupError, Unavailable
from recoup.core.parts import Cancelled, Job, Outcome
from recoup.core.system import System
from recoup.core.tasks import defer
from recoup.core.workers import is_dead
from recoup.office.jobs import notices, queries, service
from recoup.office.jobs.models import Run, RunState
from recoup.office.jobs.rules import attempts
from recoup.office.jobs.running import RunningRun
from recoup.office.journal import service as journal

log = logging.getLogger("recoup.jobs")

COMMAND = "command"
_PAUSE = timedelta(minutes=1)
_ALONE_SOON = timedelta(seconds=2)


def execute(system: System, run_id: UUID) -> Run | None:
    """Claim a run and execute it here; None when it is over, not due, or another worker holds it."""
    run = _claim(system, run_id)
    return None if run is None else _execute(system, run)


def execute_here(system: System, job: Job, params: dict[str, Any], *, actor: str) -> Run:
    """Start a run and execute it in this process at once: what a command or a crontab does."""
    now = system.clock()
    with system.sessions.begin() as db:
        for orphan in queries.running(db, job_name=job.name):
            if orphan.trigger == COMMAND and is_dead(orphan.worker):
                _finish(
                    db,
                    system,
                    orphan,
                    RunState.FAILED,
                    Outcome("Its process died; what it began is done again."),
                )
        run = service.start(db, job, params, trigger=COMMAND, actor=actor, now=now)
        _take(system, run, job)
    return _execute(system, run)


def _claim(system: System, run_id: UUID) -> Run | None:
    now = system.clock()
    with system.sessions.begin() as db:
        run = queries.run(db, run_id, for_update=True)
        if run is None or not _is_free(db, run, now=now):
            return None
        job = system.parts.jobs.get(run.job)
        if job is None:
            gone = Outcome(f"There is no job {run.job} any more.", needs_person=True)
            _finish(db, system, run, RunState.FAILED, gone)
            return None
        if run.attempt >= job.max_attempts:
            text = f"Parked: its worker died or gave up {run.attempt} times. Run it again when you know why."
            _finish(db, system, run, RunState.PARKED, Outcome(text, needs_person=True))
            return None
        lock(
            db, f"recoup.runs of {system.worker}"
        )  # two claims of one process would not see each other's run
        alone = attempts.is_alone(run.attempt, job.max_attempts, was_lost=run.state == RunState.RUNNING)
        if attempts.has_to_wait(alone=alone, beside=queries.beside(db, run.id, worker=system.worker)):
            defer(db, service.TASK, once=f"run:{run.id}", at=now + _ALONE_SOON, run_id=str(run.id))
            return None
        _take(system, run, job, alone=alone)
        return run


def _is_free(db: Session, run: Run, *, now: datetime) -> bool:
    """Say whether a run is due, or lost by whoever ran it."""
    if run.state == RunState.RUNNING:
        return is_dead(run.worker) or db.execute(select(func.now() > run.lease_until)).scalar_one()
    return run.state == RunState.QUEUED and run.not_before <= now


def _take(system: System, run: Run, job: Job, *, alone: bool = False) -> None:
    run.state = RunState.RUNNING
    run.alone = alone
    run.attempt += 1
    run.worker = system.worker
    run.lease_until = func.now() + job.lease
    run.started_at = run.started_at or system.clock()


def _execute(system: System, run: Run) -> Run:
    job = system.parts.jobs[run.job]
    running = RunningRun(system, run, job)
    running.begin()
    state, outcome = RunState.FAILED, Outcome("It did not finish.", needs_person=True)
    try:
        outcome = job.run(running, job.params.model_validate(run.params))
        state = RunState.SUCCEEDED
    except Lost:
        running.end()
        return run
    except Cancelled:
        state, outcome = RunState.CANCELLED, Outcome("Cancelled by a person; what was committed stays.")
    except Unavailable as error:
        if run.attempt < job.max_attempts and run.trigger != COMMAND:
            running.log(f"{error.sentence()} It will be tried again.", level="warning")
            running.end()
            return _queue_again(system, run, error)
        outcome = Outcome(error.sentence(), needs_person=True)
    except RecoupError as error:
        outcome = Outcome(error.sentence(), needs_person=True)
    except Exception as error:
        if is_connection_lost(error):  # the lease runs out, and the sweep brings the run back
            log.warning("Run %s lost the database: %s", run.id, error)
            running.end()
            return run
        log.exception("Run %s failed", run.id)
        outcome = Outcome(
            f"It stopped on something unforeseen: {type(error).__name__}: {error}", needs_person=True
        )
    running.log(outcome.summary, level="error" if state == RunState.FAILED else "info")
    running.end()
    with system.sessions.begin() as db:
        if not queries.holds(db, run.id, run.attempt):
            return run
        held = queries.run(db, run.id, for_update=True)
        if held is not None:
            held.counts = running.counts
            _finish(db, system, held, state, outcome)
            return held
    return run


def _queue_again(system: System, run: Run, error: Unavailable) -> Run:
    now = system.clock()
    pause = timedelta(seconds=error.retry_after) if error.retry_after else _PAUSE * run.attempt
    with system.sessions.begin() as db:
        if not queries.holds(db, run.id, run.attempt):
            return run
        held = queries.run(db, run.id, for_update=True)
        if held is None:
            return run
        held.state, held.lease_until, held.not_before = RunState.QUEUED, None, now + pause
        held.summary = error.sentence()
        defer(db, service.TASK, once=f"run:{run.id}", at=held.not_before, run_id=str(run.id))
        return held


def _finish(db: Session, system: System, run: Run, state: RunState, outcome: Outcome) -> None:
    now: datetime = system.clock()
    run.state, run.lease_until, run.finished_at = state, None, now
    run.summary, run.needs_person = outcome.summary, outcome.needs_person
    journal.record(
        db,
        f"jobs.run_{state}",
        f"jobs/run/{run.id}",
        actor=system.worker,
        now=now,
        job=run.job,
        summary=outcome.summary,
    )
    notices.run_finished(db, system, run, now=now)

"""A run being executed: claimed under a lease, fenced by its attempt, finished in one transaction.

Like the outbox's hand-over this opens transactions of its own: it is the door through which the engine comes in.
"""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, BinaryIO
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from recoup.core.db import is_connection_lost, lock
from recoup.core.errors import Lost, RecoupError, Unavailable
from recoup.core.parts import Cancelled, Job, Outcome
from recoup.core.system import System
from recoup.core.tasks import defer
from recoup.core.workers import is_dead
from recoup.office.files import service as files
from recoup.office.jobs import notices, queries, service
from recoup.office.jobs.models import Run, RunArtifact, RunLine, RunState
from recoup.office.jobs.rules import attempts
from recoup.office.journal import service as journal

log = logging.getLogger("recoup.jobs")

COMMAND = "command"
FLUSH_EVERY = 0.5
RENEW_EVERY = 2.0
MOST_LINES = 10_000
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


class RunningRun:
    """What a job's code sees of its own run; safe to use from several threads."""

    def __init__(self, system: System, run: Run, job: Job) -> None:
        self.system = system
        self.id = run.id
        self.attempt = run.attempt
        self._job = job
        self._lock = threading.Lock()
        self._lines: list[dict[str, Any]] = []
        self._number = 0
        self._progress: tuple[int, int | None, str] = (0, None, "")
        self._counts: dict[str, int] = {}
        self._written: tuple[object, ...] = ()
        self._renewed = 0.0
        self._over = threading.Event()
        self._lost = threading.Event()
        self._cancelled = threading.Event()
        self._beat = threading.Thread(target=self._keep_alive, name=f"run-{run.id}", daemon=True)

    @property
    def counts(self) -> dict[str, int]:
        """The counters so far."""
        with self._lock:
            return dict(self._counts)

    def log(self, text: str, *, level: str = "info") -> None:
        """Add a line to the live log; past 10,000 lines only warnings and errors are kept."""
        log.log(logging.getLevelName(level.upper()), "%s", text)
        with self._lock:
            if self._number >= MOST_LINES and level == "info":
                return
            self._number += 1
            line = {"number": self._number, "at": self.system.clock(), "level": level, "text": text}
            self._lines.append({"run_id": self.id, "attempt": self.attempt, **line})

    def progress(self, done: int, total: int | None = None, label: str = "") -> None:
        """Say how far the run is."""
        with self._lock:
            self._progress = (done, total, label)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a named counter of the run."""
        with self._lock:
            self._counts[name] = self._counts.get(name, 0) + by

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a transaction that commits only while this attempt holds the run; else raise Lost."""
        with self.system.sessions.begin() as db:
            if not queries.holds(db, self.id, self.attempt):
                self._lost.set()
                raise Lost(f"Run {self.id} was taken over by another worker.")
            yield db

    def checkpoint(self) -> None:
        """Raise Lost when another worker took the run, and Cancelled when a person asked it to stop."""
        if self._lost.is_set():
            raise Lost(f"Run {self.id} was taken over by another worker.")
        if self._cancelled.is_set():
            raise Cancelled

    def artifact(self, name: str, body: bytes | BinaryIO, *, media_type: str, may: str = "") -> UUID:
        """Keep a file with the run, a large one from where it lies; return the file's id."""
        with self.transaction() as db:
            file = files.keep(
                db,
                self.system.ports.files,
                name=name,
                body=io.BytesIO(body) if isinstance(body, bytes) else body,
                media_type=media_type,
                subject=f"jobs/run/{self.id}",
                actor=self.system.worker,
                now=self.system.clock(),
                may=may,
            )
            db.flush()
            db.add(RunArtifact(run_id=self.id, name=name, file_id=file.id))
            return file.id

    def begin(self) -> None:
        """Start renewing the lease and writing the log."""
        self._beat.start()

    def end(self) -> None:
        """Stop renewing; write what is left of the log."""
        self._over.set()
        self._beat.join(timeout=30)
        try:
            self.flush()
        except SQLAlchemyError:
            log.warning("The last log lines of run %s could not be written.", self.id)

    def flush(self) -> None:
        """Write log lines, progress and the lease; notice when another worker took the run."""
        with self._lock:
            lines, self._lines = self._lines, []
            done, total, label = self._progress
            counts = dict(self._counts)
        state = (done, total, label, counts)
        if not lines and state == self._written and time.monotonic() - self._renewed < RENEW_EVERY:
            return
        try:
            with self.system.sessions.begin() as db:
                if lines:
                    db.execute(insert(RunLine), lines)
                renewed = db.execute(
                    update(Run)
                    .where(Run.id == self.id, Run.attempt == self.attempt, Run.state == RunState.RUNNING)
                    .values(
                        done=done,
                        total=total,
                        label=label,
                        counts=counts,
                        lease_until=func.now() + self._job.lease,
                    )
                    .returning(Run.cancel_requested)
                ).one_or_none()
        except SQLAlchemyError:
            with self._lock:
                self._lines = lines + self._lines
            raise
        self._written, self._renewed = state, time.monotonic()
        if renewed is None:
            if not self._over.is_set():
                self._lost.set()
        elif renewed.cancel_requested:
            self._cancelled.set()

    def _keep_alive(self) -> None:
        while not self._over.wait(FLUSH_EVERY):
            try:
                self.flush()
            except SQLAlchemyError as error:
                log.warning("Run %s could not renew its lease and tries again: %s", self.id, error)


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

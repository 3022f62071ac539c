"""A run as its job's code sees it: log lines, progress, counters, and a lease that is renewed while it goes on."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from uuid import UUID

from sqlalchemy import func, insert, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from recoup.core.errors import Lost
from recoup.core.parts import Cancelled, Job
from recoup.core.system import System
from recoup.office.files import service as files
from recoup.office.jobs import queries
from recoup.office.jobs.models import Run, RunArtifact, RunLine, RunState

log = logging.getLogger("recoup.jobs")

FLUSH_EVERY = 0.5
RENEW_EVERY = 2.0
MOST_LINES = 10_000


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
    def transaction(self, *, late: bool = False) -> Iterator[Session]:
        """Open a transaction that commits only while this attempt holds the run; else raise Lost.

        ``late``: that is looked at in the end only; looking locks the run's row, which renewing its lease writes to.
        """
        with self.system.sessions.begin() as db:
            if not late:
                self._hold(db)
            yield db
            if late:
                self._hold(db)

    def _hold(self, db: Session) -> None:
        if not queries.holds(db, self.id, self.attempt):
            self._lost.set()
            raise Lost(f"Run {self.id} was taken over by another worker.")

    def checkpoint(self) -> None:
        """Raise Lost when another worker took the run, and Cancelled when a person asked it to stop."""
        if self._lost.is_set():
            raise Lost(f"Run {self.id} was taken over by another worker.")
        if self._cancelled.is_set():
            raise Cancelled

    def artifact(self, name: str, body: bytes | BinaryIO, *, media_type: str, may: str = "") -> UUID:
        """Keep a file with the run, a large one from where it lies; return the file's id.

        What an earlier attempt kept under this name, before its worker died, is withdrawn.
        """
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
            earlier = queries.artifact(db, self.id, name)
            if earlier is None:
                db.add(RunArtifact(run_id=self.id, name=name, file_id=file.id))
            else:
                old, earlier.file_id = files.get(db, earlier.file_id), file.id
                reason, now = "A later attempt wrote it again.", self.system.clock()
                files.withdraw(db, old, reason=reason, actor=self.system.worker, now=now)
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

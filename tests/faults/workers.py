"""Real workers for a test: started, watched, stopped, woken and ended; and a house that they share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from faults.engine_worker import SlowClock, WorkerOrder, with_jobs
from faults.kill_sweep import Evidence, Usages, lay_out, settings_of
from recoup import app
from recoup.core.clock import HOUR, hour_of, utc_now
from recoup.core.system import System
from recoup.office.jobs import queries
from recoup.office.jobs import service as jobs
from recoup.office.jobs.models import Run
from recoup.sandbox.clazar import ClazarStandIn
from support.postgres import Database

LONGEST = 60.0
EXPORT = "metering.export"
MOVING = ["planned", "leased", "handing", "unknown"]


class WorkerProcess:
    """One worker; killed at the end of the test if nothing else ended it."""

    def __init__(self, name: str, order: WorkerOrder, log: Path) -> None:
        self.name, self.log = name, log
        with log.open("ab") as said:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("engine_worker.py")), order.to_text()],
                stdout=subprocess.PIPE,
                stderr=said,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        self.pid = self._process.pid
        assert self._process.stdout.readline() == b"working\n", log.read_text()

    @property
    def ended(self) -> int | None:
        """How it ended, if it has."""
        return self._process.poll()

    @property
    def is_stopped(self) -> bool:
        """Whether SIGSTOP holds it."""
        stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace")
        return stat.rpartition(")")[2].split()[0] == "T"

    def wake(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def leave(self) -> int:
        """Ask it to finish what it does, and return how it ended."""
        self._process.terminate()
        return self._process.wait(timeout=LONGEST)

    def close(self) -> None:
        """Make sure that it is gone."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait(timeout=LONGEST)
        self._process.stdout.close()


@dataclass(kw_only=True)
class House(Evidence):
    """A Recoup that several workers work for, seen from here; ``system`` hands nothing to Clazar by itself."""

    system: System
    database: Database
    behind: float
    stack: ExitStack

    def hire(self, name: str, **befalls: Any) -> WorkerProcess:
        """Start a worker; its sessions at the server carry its name."""
        environ = settings_of(self.home, self.usages, self.clazar)
        order = WorkerOrder(
            cwd=str(self.home),
            environ=environ,
            owner_url=self.database.owner_url,
            app_url=f"{self.database.app_url}&application_name={name}",
            behind=self.behind,
            **befalls,
        )
        worker = WorkerProcess(name, order, self.home / f"{name}.log")
        self.stack.callback(worker.close)
        return worker

    def queue(self, job: str = EXPORT, **params: object) -> Run:
        """Queue a run."""
        with self.system.sessions.begin() as db:
            return jobs.start(
                db,
                self.system.parts.jobs[job],
                params,
                trigger="person",
                actor="alice",
                now=self.system.clock(),
            )

    def run(self, one: Run) -> Run:
        """Return how a run stands."""
        with self.system.sessions.begin() as db:
            found = queries.run(db, one.id)
            assert found is not None
            return found

    def is_done(self) -> bool:
        """Say whether every run is over, and every delivery has left."""
        return not self._any("runs", ["queued", "running"]) and not self._any("deliveries", MOVING)

    def is_quiet(self) -> bool:
        """Say whether it is done, and no task of the engine waits or runs."""
        return self.is_done() and not self.tasks_left()

    def tasks_left(self) -> list[str]:
        """Describe the engine's tasks that wait or run."""
        found = text("select cast(t as text) from procrastinate_jobs t where status in ('todo', 'doing')")
        with self.system.sessions.begin() as db:
            return list(db.execute(found).scalars())

    def _any(self, table: str, states: list[str]) -> bool:
        with self.system.sessions.begin() as db:
            found = text(f"select exists (select from {table} where state = any(:states))")
            return bool(db.execute(found, {"states": states}).scalar_one())


@contextmanager
def open_house(database: Database, home: Path) -> Iterator[House]:
    """Open a house whose clock says five past some hour, so that no hour ends while a test goes on.

    It is behind ours, never ahead: what the engine runs later goes by the database's clock.
    """
    home.mkdir()
    behind = ((utc_now() - timedelta(minutes=5)).timestamp()) % HOUR.total_seconds()
    clock = SlowClock(behind)
    now = hour_of(clock())
    usages = lay_out(home / "usage", [now - 2 * HOUR, now - HOUR])
    with ExitStack() as stack:
        clazar = stack.enter_context(ClazarStandIn(clock=clock))
        system = stack.enter_context(_composed(database, home, usages, clazar, clock))
        with system.sessions.begin() as db:
            told = ["alice@example.test"]
            job = system.parts.jobs[EXPORT]
            jobs.notify(db, job, success=told, failure=told, actor="bob", now=clock())
        yield House(
            usages=usages,
            clazar=clazar,
            home=home,
            system=system,
            database=database,
            behind=behind,
            stack=stack,
        )


@contextmanager
def _composed(
    database: Database, home: Path, usages: Usages, clazar: ClazarStandIn, clock: Callable[[], datetime]
) -> Iterator[System]:
    settings = app.read_settings(cwd=home, environ=settings_of(home, usages, clazar))
    settings.home.mkdir()
    databases = app.Databases(database.owner_url, database.app_url)
    with app.composed(settings, databases, clock=clock, channels={}) as system:
        yield with_jobs(system)


def wait_until(true: Callable[[], bool], what: str, *, seconds: float = LONGEST) -> None:
    """Wait until something is true; fail after a while with ``what`` it was."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain until {what}"
        time.sleep(0.05)

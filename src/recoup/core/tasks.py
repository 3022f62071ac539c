"""The engine (Procrastinate), wrapped: work is queued in the caller's transaction and run by any worker process.

The engine is only the muscle. What is owed stands in our own rows (runs, deliveries), which carry attempt and lease;
deferring twice, or running a task twice, is harmless by design. See docs/decisions/0001.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job, JobDeferrer, Status
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from recoup.core.db import try_lock
from recoup.core.errors import RecoupError

if TYPE_CHECKING:
    from recoup.core.system import System

log = logging.getLogger("recoup.engine")

QUEUE = "recoup"
HEARTBEAT = timedelta(seconds=5)
STALLED_AFTER = timedelta(seconds=20)
TICK_EVERY = timedelta(seconds=5)
SWEEP_EVERY = timedelta(seconds=30)

_BRING_FORWARD = text(
    "update procrastinate_jobs set scheduled_at = :at where queueing_lock = :once and status = 'todo' "
    "and scheduled_at is not null and (cast(:at as timestamptz) is null or scheduled_at > :at)"
)

_deferrer = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())


def defer(
    db: Session, task: str, *, at: datetime | None = None, once: str | None = None, **args: str
) -> None:
    """Queue ``task`` in the caller's transaction: rolled back, it never was.

    ``once``: fold into a task with the same word that waits already; one that runs already does not count, so
    what was planned after it looked is still picked up. ``at``: not before this instant.
    """
    if once is None:
        _configured(db, task, at=at, once=None).defer(**args)
        return
    savepoint = db.begin_nested()
    try:
        _configured(db, task, at=at, once=once).defer(**args)
    except AlreadyEnqueued:
        savepoint.rollback()
        db.execute(_BRING_FORWARD, {"once": once, "at": at})
    else:
        savepoint.commit()


def _configured(db: Session, task: str, *, at: datetime | None, once: str | None) -> JobDeferrer:
    # Asked for here, after the savepoint: a session opens its savepoint with the first use of its connection.
    connection = db.connection().connection.driver_connection
    return _deferrer.configure_task(
        task, queue=QUEUE, queueing_lock=once, schedule_at=at, connection=connection, allow_unknown=True
    )


class Worker:
    """Runs tasks of every part until told to stop; ticks schedules and sweeps what stands still."""

    def __init__(self, system: System, *, threads: int, tick_every: timedelta = TICK_EVERY) -> None:
        self.system = system
        self.threads = threads
        self.tick_every = tick_every
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._in_hand: set[int] = set()
        self._engine_knows_us_as: int | None = None

    def run(self) -> None:
        """Work until ``stop`` is called. A database that goes away is waited for."""
        ticker = threading.Thread(target=self._tick_until_stopped, name="ticker", daemon=True)
        ticker.start()
        while not self._stop.is_set():
            try:
                asyncio.run(self._work())
            except (ConnectorException, OSError, SQLAlchemyError) as error:
                log.warning("The engine lost the database and tries again: %s", error)
                self._stop.wait(1)
        ticker.join(timeout=30)

    def stop(self) -> None:
        """Finish the tasks that run, start no more, and let ``run`` return. May be called from a signal handler."""
        self._stop.set()
        loop, main = self._loop, self._main
        if loop is not None and main is not None and not loop.is_closed():
            loop.call_soon_threadsafe(main.cancel)

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(self.threads + 4, thread_name_prefix="task"))
        connector = procrastinate.PsycopgConnector(conninfo=self.system.conninfo, min_size=1, max_size=6)
        app = procrastinate.App(connector=connector)
        for name, function in self.system.parts.tasks.items():
            run = functools.partial(self._run_task, name, function)
            app.task(name=name, queue=QUEUE, pass_context=True)(run)
        async with app.open_async():
            sweeper = asyncio.create_task(self._sweep_engine(app))
            self._main = asyncio.create_task(
                app.run_worker_async(
                    queues=[QUEUE],
                    name=self.system.worker,
                    concurrency=self.threads,
                    fetch_job_polling_interval=2.0,
                    update_heartbeat_interval=HEARTBEAT.total_seconds(),
                    stalled_worker_timeout=STALLED_AFTER.total_seconds(),
                    delete_jobs="always",
                    install_signal_handlers=False,
                )
            )
            if self._stop.is_set():
                self._main.cancel()
            try:
                await self._main
            except asyncio.CancelledError:
                if not self._stop.is_set():
                    raise
            finally:
                sweeper.cancel()

    def _run_task(self, name: str, function: Callable[..., None], context: JobContext, **args: Any) -> None:
        job = context.job
        self._engine_knows_us_as = job.worker_id
        self._in_hand.add(job.id or 0)
        try:
            function(self.system, **args)
        except RecoupError as error:
            log.warning("Task %s ended early: %s", name, error.sentence())
        except Exception:  # the row behind the task tells the story; the sweep brings it back
            log.exception("Task %s failed", name)
        finally:
            self._in_hand.discard(job.id or 0)

    async def _sweep_engine(self, app: procrastinate.App) -> None:
        """Give tasks of dead workers back to the queue, and what the engine believes to be in this one's hands.

        It believes so where the connection broke on which a task's end was to be written. Running a task twice is
        harmless: their rows are fenced.
        """
        suspects: set[int] = set()
        while True:
            await asyncio.sleep(STALLED_AFTER.total_seconds() / 2)
            try:
                stalled = await app.job_manager.get_stalled_jobs(
                    seconds_since_heartbeat=STALLED_AFTER.total_seconds()
                )
                mine = await self._not_in_hand(app)
                for job in [*stalled, *(job for job in mine if job.id in suspects)]:
                    await _give_back(app, job)
                suspects = {job.id or 0 for job in mine} - suspects
            except ConnectorException as error:
                log.warning("The engine's sweep will try again: %s", error)

    async def _not_in_hand(self, app: procrastinate.App) -> list[Job]:
        """Return the tasks that the engine takes for this worker's, and that it does not run: it ends some just now."""
        if self._engine_knows_us_as is None:
            return []
        status, worker = Status.DOING.value, self._engine_knows_us_as
        found = await app.job_manager.list_jobs_async(queue=QUEUE, status=status, worker_id=worker)
        return [job for job in found if job.id not in self._in_hand]

    def _tick_until_stopped(self) -> None:
        next_sweep = 0.0
        while not self._stop.is_set():
            try:
                now = self.system.clock()
                for tick in self.system.parts.ticks:
                    tick(self.system, now)
                if time.monotonic() >= next_sweep:
                    sweep(self.system, now)
                    next_sweep = time.monotonic() + SWEEP_EVERY.total_seconds()
            except SQLAlchemyError as error:
                log.warning("The tick will try again: %s", error)
            except Exception:  # the clock must not stop because one part stumbled
                log.exception("The tick failed")
            self._stop.wait(self.tick_every.total_seconds())


async def _give_back(app: procrastinate.App, job: Job) -> None:
    """Queue a dead worker's task again; one with the same word that waits already takes its place."""
    try:
        await app.job_manager.retry_job(job)
    except UniqueViolation:
        await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)


def sweep(system: System, now: datetime) -> bool:
    """Let every part defer again what should be moving and is not; say whether it was this process's turn."""
    with system.sessions.begin() as db:
        if not try_lock(db, "recoup.sweep"):
            return False
        for part in system.parts.sweeps:
            part(db, now)
    return True

"""Execute a job in this process, as a command does: with a bar where somebody watches, and a way to stop."""

from __future__ import annotations

import functools
import queue
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Self

from recoup.core.errors import Conflict
from recoup.core.parts import Job
from recoup.core.system import System
from recoup.office.jobs import execution, queries, service
from recoup.office.jobs.models import Run
from recoup.web import output
from recoup.web.progress import Bars

LOOK_EVERY = 0.5


def run_here(system: System, job: Job, params: dict[str, Any], *, actor: str) -> Run:
    """Start a run, execute it here at once, and return it when it is over.

    The first Ctrl-C (or SIGTERM) asks it to stop at its next step, so that it ends in good order; the second raises
    KeyboardInterrupt and leaves it as a kill would, which loses nothing.
    """
    ended: queue.SimpleQueue[Run | BaseException] = queue.SimpleQueue()
    work = functools.partial(_outcome, system, job, params, actor)
    thread = threading.Thread(target=lambda: ended.put(work()), name=job.name, daemon=True)
    result: Run | BaseException | None = None
    asked = False
    with Bars() as bars, _Interrupts() as interrupts:
        thread.start()
        while result is None:
            with suppress(queue.Empty):
                result = ended.get(timeout=LOOK_EVERY)
            if bars.drawn:
                _draw(bars, system, job)
            if interrupts.new():
                output.note("It stops at its next step. Press Ctrl-C again to stop at once.")
            if interrupts.seen and not asked:  # again and again: the run may not have begun yet
                asked = _ask_to_stop(system, job, actor)
    if isinstance(result, BaseException):
        raise result
    return result


class _Interrupts:
    """Meanwhile the first signal to stop is noted, wherever it comes in; the second does what it did before."""

    def __init__(self) -> None:
        self._before: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self.seen = self._told = 0

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # no other may say what signals do
            for number in (signal.SIGINT, signal.SIGTERM):
                before = signal.signal(number, self._note)
                self._before[number] = before if callable(before) else signal.default_int_handler
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def new(self) -> bool:
        """Say whether one came in since this was asked last."""
        told, self._told = self._told, self.seen
        return told < self.seen

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.seen += 1
        if self.seen > 1:
            self._before[number](number, frame)


def _outcome(system: System, job: Job, params: dict[str, Any], actor: str) -> Run | BaseException:
    try:
        return execution.execute_here(system, job, params, actor=actor)
    except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
        return error


def _mine(system: System, job: Job) -> list[Run]:
    with system.sessions.begin() as db:
        return [run for run in queries.running(db, job_name=job.name) if run.worker == system.worker]


def _draw(bars: Bars, system: System, job: Job) -> None:
    for run in _mine(system, job):
        bars.update(run.label, run.done, run.total)


def _ask_to_stop(system: System, job: Job, actor: str) -> bool:
    mine = _mine(system, job)
    for run in mine:
        with suppress(Conflict), system.sessions.begin() as db:  # a run that just ended is over either way
            service.cancel(db, run.id, actor=actor, now=system.clock())
    return bool(mine)

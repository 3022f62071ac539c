"""Execute a job in this process, as a command does: with a bar where somebody watches, and a way to stop."""

from __future__ import annotations

import functools
import queue
import threading
from contextlib import suppress
from typing import Any

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

    The first Ctrl-C asks it to stop at its next step, so that it ends in good order; the second raises
    KeyboardInterrupt and leaves it as a kill would, which loses nothing.
    """
    ended: queue.SimpleQueue[Run | BaseException] = queue.SimpleQueue()
    work = functools.partial(_outcome, system, job, params, actor)
    threading.Thread(target=lambda: ended.put(work()), name=job.name, daemon=True).start()
    asked_to_stop = False
    with Bars() as bars:
        while True:
            try:
                result = ended.get(timeout=LOOK_EVERY)
            except queue.Empty:
                if bars.drawn:
                    _draw(bars, system, job)
                continue
            except KeyboardInterrupt:
                if asked_to_stop:
                    raise
                asked_to_stop = True
                output.note("It stops at its next step. Press Ctrl-C again to stop at once.")
                _ask_to_stop(system, job, actor)
                continue
            break
    if isinstance(result, BaseException):
        raise result
    return result


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


def _ask_to_stop(system: System, job: Job, actor: str) -> None:
    for run in _mine(system, job):
        with suppress(Conflict), system.sessions.begin() as db:  # a run that just ended is over either way
            service.cancel(db, run.id, actor=actor, now=system.clock())

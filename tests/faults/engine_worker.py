"""A real worker in a process of its own, which can be told to stop or die at a step, and to have a poisonous job.

Its one argument is an order of JSON: see ``WorkerOrder``. It works until SIGTERM.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel

from faults.steps import Steps, watch_database, watch_requests
from recoup import app
from recoup.core.clock import Clock, utc_now
from recoup.core.parts import Job, Outcome, RunningRun
from recoup.core.system import System
from recoup.core.tasks import Worker

TICK_EVERY = timedelta(seconds=0.2)
THREADS = 4
POISON_EXIT = 66


@dataclass(frozen=True)
class WorkerOrder:
    """Where a worker works, and what befalls it.

    ``behind``: how many seconds its clock is behind ours. ``at``: the beginning of a step's label at which the first
    worker that comes to it sends itself ``signal``, after writing its number into ``mark``, which must not be there.
    """

    cwd: str
    environ: dict[str, str]
    owner_url: str
    app_url: str
    behind: float
    at: str = ""
    signal: int = 0
    mark: str = ""

    def to_text(self) -> str:
        """Write as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what ``to_text`` wrote."""
        return cls(**json.loads(text))


class SlowClock:
    """A clock that is behind ours by a fixed time, and goes on."""

    def __init__(self, behind: float) -> None:
        self._behind = timedelta(seconds=behind)

    def __call__(self) -> datetime:
        return utc_now() - self._behind


class Nothing(BaseModel):
    """No parameters."""


class Errand(BaseModel):
    """How long an errand takes, in seconds."""

    seconds: float = 0.0


def _poison(_run: RunningRun, _params: Nothing) -> Outcome:
    os._exit(POISON_EXIT)


def _errand(_run: RunningRun, params: Errand) -> Outcome:
    time.sleep(params.seconds)
    return Outcome("Done.")


JOBS: Mapping[str, Job] = {
    job.name: job
    for job in (
        Job("test.poison", "Poison", "Kills its worker.", Nothing, _poison),
        Job("test.errand", "Errand", "Takes a while.", Errand, _errand),
    )
}


def with_jobs(system: System) -> System:
    """Return the system with the jobs of this module besides its own."""
    return replace(system, parts=replace(system.parts, jobs={**system.parts.jobs, **JOBS}))


def main() -> None:
    """Work."""
    order = WorkerOrder.from_text(sys.argv[1])
    settings = app.read_settings(cwd=Path(order.cwd), environ=order.environ)
    clock: Clock = SlowClock(order.behind)
    databases = app.Databases(order.owner_url, order.app_url)
    steps = Steps(
        lambda _, label: bool(order.at) and label.startswith(order.at) and _first(order), _befall(order)
    )
    with app.composed(settings, databases, clock=clock) as system:
        watch_database(steps, system.sessions.kw["bind"])
        system.sessions.kw["bind"].dispose()
        watch_requests(steps, system.ports.channels["clazar"]._client)  # type: ignore[attr-defined]
        worker = Worker(with_jobs(system), threads=THREADS, tick_every=TICK_EVERY)
        signal.signal(signal.SIGTERM, lambda *_: worker.stop())
        print("working", flush=True)  # noqa: T201 - whoever started it waits for that
        steps.arm()
        worker.run()


def _first(order: WorkerOrder) -> bool:
    with suppress(FileExistsError), open(order.mark, "x", encoding="ascii") as mark:  # noqa: PTH123 - as short
        mark.write(str(os.getpid()))
        return True
    return False


def _befall(order: WorkerOrder) -> Any:
    return lambda _label: os.kill(os.getpid(), order.signal)


if __name__ == "__main__":
    main()

"""A process that syncs rights in children of its own: see foreman.py.

Besides how it ended, a child tells ``at`` (the label of the step at which it happened), ``labels`` of all steps where it
came to an end by itself, and ``error`` where that end was a failure.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from faults.foreman import Order, Tell, as_a_crontab_does, dying, moved_into, serve, work_off
from faults.steps import Steps, watch_database, watch_files, watch_requests
from recoup.areas.rights.reading import comparing
from recoup.areas.rights.reading.engine import Bounds, engine
from recoup.core import tasks
from recoup.core.system import System
from recoup.office.jobs.running import RunningRun

JOB = "rights.sync"


class OwnSteps(Steps):
    """The steps of a run, but for the renewal of its lease: that comes at any time, and would move their numbers."""

    def take(self, kind: str, what: str) -> None:
        """Take a step."""
        if not threading.current_thread().name.startswith("run-"):
            super().take(kind, what)


def watch_work(steps: Steps) -> None:
    """Count looks at whether to go on (one for each portion that is fetched) and what the engine is asked."""
    checkpoint = RunningRun.checkpoint

    def counted(run: RunningRun) -> None:
        steps.take("work", "checkpoint")
        checkpoint(run)

    @contextmanager
    def watched(work: Path, bounds: Bounds) -> Iterator[Any]:
        with engine(work, bounds) as connection:
            yield _Watched(connection, steps)

    RunningRun.checkpoint = counted  # type: ignore[assignment, method-assign]
    comparing.engine = watched  # type: ignore[attr-defined]


class _Watched:
    """A connection to the engine whose statements are steps."""

    def __init__(self, connection: Any, steps: Steps) -> None:
        self._connection, self._steps = connection, steps

    def execute(self, statement: str) -> Any:
        self._steps.take("engine", f"before {statement}")
        done = self._connection.execute(statement)
        self._steps.take("engine", f"after {statement}")
        return done

    def cursor(self) -> _Watched:
        return _Watched(self._connection.cursor(), self._steps)


def obey(system: System, order: Order, tell: Tell) -> int:
    """Sync in a house, up to the step of an order."""
    labels: list[str] = []

    def is_now(number: int, label: str) -> bool:
        labels.append(label)
        if order.label:
            return label == order.label and labels.count(label) == order.at
        return number == order.at

    steps = OwnSteps(is_now, dying(order, tell))
    try:
        moved = moved_into(system, order.house)
        watch_database(steps, moved.sessions.kw["bind"])
        source = moved.ports.reports._source  # type: ignore[union-attr]
        watch_requests(steps, source._clients.of(source._reporting.address))
        watch_files(steps)
        watch_work(steps)
        steps.arm()
        if order.sweeps:
            tasks.sweep(moved, moved.clock())
            work_off(moved)
        run = as_a_crontab_does(moved, JOB)
        steps.disarm()
        tell(state=run.state, summary=run.summary)
    except Exception:  # noqa: BLE001 - how it failed is what the test wants to know
        tell(error=traceback.format_exc())
        return 1
    finally:
        steps.disarm()
        tell(labels=labels)
    return 0


if __name__ == "__main__":
    serve(JOB, obey)

"""A process that syncs rights in children of its own, one per line on its standard input, each ended at a step.

Like export_worker.py: it syncs once by itself, then forks. Each order is answered by one line of JSON: ``ended`` (the
child's exit status, negative for a signal), ``at`` (the label of the step at which it happened), ``labels`` of all
steps where it came to an end by itself, and ``error`` where that end was a failure.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from faults.export_worker import House
from faults.steps import Steps, watch_database, watch_files, watch_requests
from recoup import app
from recoup.areas.rights.reading import comparing
from recoup.areas.rights.reading.engine import Bounds, engine
from recoup.core import tasks
from recoup.core.system import Ports, System
from recoup.core.workers import worker_name
from recoup.office.jobs import execution
from recoup.office.jobs.models import Run
from recoup.office.jobs.running import RunningRun
from recoup.office.outbox import handover
from support.postgres import kill_server


@dataclass(frozen=True)
class Order:
    """What one child does in a house: at step ``at`` (0: never) it kills itself, or the Postgres of home ``server``.

    ``label``: only steps of that label count. ``sweeps``: a worker takes up first what others left behind.
    """

    house: House
    at: int
    label: str = ""
    server: str | None = None
    sweeps: bool = False

    def to_line(self) -> str:
        """Write as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Read one line."""
        fields = json.loads(line)
        return cls(House(**fields.pop("house")), **fields)


class OwnSteps(Steps):
    """The steps of a run, but for the renewal of its lease: that comes at any time, and would move their numbers."""

    def take(self, kind: str, what: str) -> None:
        """Take a step."""
        if not threading.current_thread().name.startswith("run-"):
            super().take(kind, what)


def moved_into(system: System, house: House) -> System:
    """Return the system with the settings, the ports and the clock of a house, as this process."""
    settings = app.read_settings(cwd=Path(house.cwd), environ=house.environ)
    settings.home.mkdir(exist_ok=True)
    ports = Ports(
        files=system.ports.open_store(app._files_address(settings)),
        open_store=system.ports.open_store,
        channels=app._channels(settings, system.sessions, house.clock),
        reports=app._reports(settings, house.clock),
    )
    return replace(system, settings=settings, clock=house.clock, ports=ports, worker=worker_name())


def sync_as_a_crontab_does(system: System) -> Run:
    """Sync once in this process, and let the mails out that it planned, as a worker does."""
    run = execution.execute_here(system, system.parts.jobs["rights.sync"], {}, actor="crontab")
    handover.drain(system, "mail")
    return run


def take_up(system: System) -> None:
    """Run what killed processes left, as a worker does that finds their leases over."""
    tasks.sweep(system, system.clock())
    while task := _next_task(system):
        name, args = task
        system.parts.tasks[name](system, **args)


def _next_task(system: System) -> tuple[str, dict[str, Any]] | None:
    take = (
        "delete from procrastinate_jobs where id = (select min(id) from procrastinate_jobs where status = 'todo') "
        "returning task_name, args"
    )
    with system.sessions.begin() as db:
        found = db.connection().exec_driver_sql(take).first()
    return (found.task_name, found.args) if found else None


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


def main() -> None:
    """Serve orders until standard input ends."""
    house = House(**json.loads(sys.stdin.readline()))
    settings = app.read_settings(cwd=Path(house.cwd), environ=house.environ)
    with app.composed(settings, app.Databases(house.owner_url, house.app_url), clock=house.clock) as system:
        run = sync_as_a_crontab_does(system)
        assert run.state == "succeeded", run.summary
        system.sessions.kw["bind"].dispose()
        assert threading.active_count() == 1
        print("{}", flush=True)  # noqa: T201 - warm
        for line in sys.stdin:
            print(json.dumps(_in_a_child(system, Order.from_line(line))), flush=True)  # noqa: T201 - the answer


def _in_a_child(system: System, order: Order) -> dict[str, Any]:
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        os._exit(_obey(system, order, theirs))
    os.close(theirs)
    outcome: dict[str, Any] = {}
    with os.fdopen(ours) as told:
        for each in told:
            outcome |= json.loads(each)
    _, status = os.waitpid(child, 0)
    return {**outcome, "ended": os.waitstatus_to_exitcode(status)}


def _obey(system: System, order: Order, told: int) -> int:
    labels: list[str] = []

    def tell(**facts: object) -> None:
        os.write(told, json.dumps(facts).encode() + b"\n")

    def act(label: str) -> None:
        tell(at=label)
        if order.server is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            kill_server(Path(order.server))

    def is_now(number: int, label: str) -> bool:
        labels.append(label)
        if order.label:
            return label == order.label and labels.count(label) == order.at
        return number == order.at

    steps = OwnSteps(is_now, act)
    try:
        moved = moved_into(system, order.house)
        watch_database(steps, moved.sessions.kw["bind"])
        source = moved.ports.reports._source  # type: ignore[union-attr]
        watch_requests(steps, source._clients.of(source._reporting.address))
        watch_files(steps)
        watch_work(steps)
        steps.arm()
        if order.sweeps:
            take_up(moved)
        run = sync_as_a_crontab_does(moved)
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
    main()

"""A process that exports in children of its own, one per line on its standard input, each ended at the step it names.

It imports everything and exports once by itself, then forks: a child costs milliseconds, and starts warm. Its first
line is the house to warm up in; each later one is an order of JSON (see ``Order``), answered by another: ``ended``
(the child's exit status, negative for a signal), ``at`` (the label of the step at which it happened), ``steps`` and
``kinds`` where the child came to an end by itself, and ``error`` where that end was a failure.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from faults.steps import Steps, watch_database, watch_files, watch_requests
from recoup import app
from recoup.core.system import Ports, System
from recoup.core.workers import worker_name
from recoup.office.jobs import execution
from recoup.office.jobs.models import Run
from recoup.office.outbox import handover
from support.postgres import kill_server


@dataclass(frozen=True)
class House:
    """Where a Recoup lives, and what time it is there. The database of all of a process's houses is the same."""

    cwd: str
    environ: dict[str, str]
    owner_url: str
    app_url: str
    now: str

    def clock(self) -> datetime:
        """Tell the time."""
        return datetime.fromisoformat(self.now)


@dataclass(frozen=True)
class Order:
    """What one child does in a house: at step ``at`` (0: never) it kills itself, or the Postgres of home ``server``."""

    house: House
    at: int
    server: str | None = None

    def to_line(self) -> str:
        """Write as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Read one line."""
        fields = json.loads(line)
        return cls(House(**fields.pop("house")), **fields)


def moved_into(system: System, house: House) -> System:
    """Return the system with the settings, the ports and the clock of a house, as this process.

    The connections to the database stay, and with them what SQLAlchemy has compiled.
    """
    settings = app.read_settings(cwd=Path(house.cwd), environ=house.environ)
    settings.home.mkdir(exist_ok=True)
    ports = Ports(
        files=system.ports.open_store(app._files_address(settings)),
        open_store=system.ports.open_store,
        channels=app._channels(settings, system.sessions, house.clock),
    )
    return replace(system, settings=settings, clock=house.clock, ports=ports, worker=worker_name())


def export_as_a_crontab_does(system: System) -> Run:
    """Export once in this process, and let the mails out that it planned, as a worker does."""
    run = execution.execute_here(system, system.parts.jobs["metering.export"], {}, actor="crontab")
    handover.drain(system, "mail")
    return run


def main() -> None:
    """Serve orders until standard input ends."""
    house = House(**json.loads(sys.stdin.readline()))
    settings = app.read_settings(cwd=Path(house.cwd), environ=house.environ)
    with app.composed(settings, app.Databases(house.owner_url, house.app_url), clock=house.clock) as system:
        assert export_as_a_crontab_does(system).state == "succeeded"
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
    def tell(**facts: object) -> None:
        os.write(told, json.dumps(facts).encode() + b"\n")

    def act(label: str) -> None:
        tell(at=label)
        if order.server is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            kill_server(Path(order.server))

    steps = Steps(lambda number, _: number == order.at, act)
    try:
        moved = moved_into(system, order.house)
        watch_database(steps, moved.sessions.kw["bind"])
        watch_requests(steps, moved.ports.channels["clazar"]._client)  # type: ignore[attr-defined]
        watch_files(steps)
        steps.arm()
        export_as_a_crontab_does(moved)
        steps.disarm()
    except Exception:  # noqa: BLE001 - how it failed is what the test wants to know
        tell(error=traceback.format_exc())
        return 1
    finally:
        tell(steps=steps.taken, kinds=steps.kinds)
    return 0


if __name__ == "__main__":
    main()

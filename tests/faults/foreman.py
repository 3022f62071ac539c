"""Processes that work in children of their own, one per line on their standard input, each ended at the step it names.

Such a process imports everything and works once by itself, then forks: a child costs milliseconds, and starts warm.
Its first line is the house to warm up in; each later one is an order of JSON, answered by another line: ``ended`` (the
child's exit status, negative for a signal) and whatever the child told.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import text

from recoup import app
from recoup.core.system import Ports, System
from recoup.core.workers import worker_name
from recoup.office.jobs import execution
from recoup.office.jobs.models import Run
from recoup.office.outbox import handover
from support.postgres import kill_server

Tell = Callable[..., None]
"""Tells the process that forked: facts by name."""


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


class Foreman:
    """The process, seen from the test that gives the orders."""

    def __init__(self, script: Path, house: House) -> None:
        self._script = script
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
            bufsize=1,
        )
        self._say(json.dumps(asdict(house)))

    def obey(self, order: Order) -> dict[str, Any]:
        """Let one child work, and return how it ended."""
        return self._say(order.to_line())

    def close(self) -> None:
        """Let it end, and wait for that."""
        with self._process:
            assert self._process.stdin
            self._process.stdin.close()

    def _say(self, line: str) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        answer = self._process.stdout.readline()
        assert answer, f"{self._script.name} ended with {self._process.wait(timeout=30)}"
        return dict(json.loads(answer))


@contextmanager
def composed(house: House) -> Iterator[System]:
    """Compose the system of a house."""
    settings = app.read_settings(cwd=Path(house.cwd), environ=house.environ)
    databases = app.Databases(house.owner_url, house.app_url)
    with app.composed(settings, databases, clock=house.clock) as system:
        yield system


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
        reports=app._reports(settings, house.clock),
    )
    return replace(system, settings=settings, clock=house.clock, ports=ports, worker=worker_name())


def as_a_crontab_does(system: System, job: str) -> Run:
    """Run a job once in this process, and let the mails out that it planned, as a worker does."""
    run = execution.execute_here(system, system.parts.jobs[job], {}, actor="crontab")
    handover.drain(system, "mail")
    return run


def serve(job: str, obey: Callable[[System, Order, Tell], int]) -> None:
    """Run a job once to be warm, and then serve orders until standard input ends, each in a child."""
    house = House(**json.loads(sys.stdin.readline()))
    with composed(house) as system:
        run = as_a_crontab_does(system, job)
        assert run.state == "succeeded", run.summary
        system.sessions.kw["bind"].dispose()
        assert threading.active_count() == 1
        print("{}", flush=True)  # noqa: T201 - warm
        for line in sys.stdin:
            answer = _in_a_child(system, Order.from_line(line), obey)
            print(json.dumps(answer), flush=True)  # noqa: T201 - the answer


def dying(order: Order, tell: Tell) -> Callable[[str], None]:
    """Return what happens at the step of an order: this process is killed, or the server."""

    def act(label: str) -> None:
        tell(at=label)
        if order.server is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            kill_server(Path(order.server))

    return act


def _in_a_child(system: System, order: Order, obey: Callable[[System, Order, Tell], int]) -> dict[str, Any]:
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        os._exit(obey(system, order, lambda **facts: _write(theirs, facts)))
    os.close(theirs)
    outcome: dict[str, Any] = {}
    with os.fdopen(ours) as told:
        for each in told:
            outcome |= json.loads(each)
    _, status = os.waitpid(child, 0)
    return {**outcome, "ended": os.waitstatus_to_exitcode(status)}


def _write(told: int, facts: dict[str, Any]) -> None:
    os.write(told, json.dumps(facts).encode() + b"\n")


def work_off(system: System) -> None:
    """Run what the engine has queued until nothing is left, as a worker does."""
    take = text(
        "delete from procrastinate_jobs where id = (select min(id) from procrastinate_jobs where status = 'todo') "
        "returning task_name, args"
    )
    while True:
        with system.sessions.begin() as db:
            task = db.execute(take).first()
        if task is None:
            return
        system.parts.tasks[task.task_name](system, **task.args)

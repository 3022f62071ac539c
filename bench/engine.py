"""The engine: defers a second, coarse tasks a second, and how long a task waits on an idle queue.

Floors, in the same run on the same server: a bare INSERT and commit per row for deferring, and a bare claim and commit
per row for running. Run: ``python bench/engine.py [--tasks 2000]``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import psycopg

from recoup import app
from recoup.core.parts import Parts
from recoup.core.postgres import EmbeddedPostgres
from recoup.core.system import System
from recoup.core.tasks import Worker, defer

FLOOR_TABLE = (
    "create table floor (id bigserial primary key, state text not null default 'todo', at timestamptz)"
)
CLAIM = (
    "update floor set state = 'done', at = now() where id = any(array(select id from floor where state = 'todo' "
    "order by id limit 1 for update skip locked)) returning id"
)


class Counter:
    """Counts tasks as they run, and when each began."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self._lock = threading.Lock()
        self._reached = threading.Condition(self._lock)

    def __call__(self, _system: System, **_args: str) -> None:
        """Run as a task."""
        with self._reached:
            self.began.append(time.perf_counter())
            self._reached.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until so many tasks have begun."""
        with self._reached:
            self._reached.wait_for(lambda: len(self.began) >= count, timeout=300)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=2_000)
    parser.add_argument("--latencies", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
        settings = app.read_settings(cwd=Path(folder), environ={"RECOUP_HOME": folder})
        with EmbeddedPostgres(settings.home) as postgres:
            roles = postgres.provision(database="bench")
            databases = app.Databases(roles.owner_url, roles.app_url)
            with app.composed(settings, databases, channels={}) as system:
                measure(system, roles.owner_url, tasks=options.tasks, latencies=options.latencies)


def measure(system: System, owner_url: str, *, tasks: int, latencies: int) -> None:
    """Compare the engine with its floors on one server."""
    counter = Counter()
    system = replace(system, parts=Parts(tasks={"bench.count": counter}))
    floor_defer, floor_run = floors(owner_url.replace("+psycopg", ""), tasks)

    start = time.perf_counter()
    for number in range(tasks):
        with system.sessions.begin() as db:
            defer(db, "bench.count", number=str(number))
    deferred = tasks / (time.perf_counter() - start)

    worker = Worker(system, threads=8)
    thread = threading.Thread(target=worker.run)
    start = time.perf_counter()
    thread.start()
    counter.wait_for(tasks)
    ran = tasks / (time.perf_counter() - start)

    waits = []
    for number in range(latencies):
        time.sleep(0.01)
        with system.sessions.begin() as db:
            defer(db, "bench.count", number=f"late {number}")
        committed = time.perf_counter()
        counter.wait_for(tasks + number + 1)
        waits.append((counter.began[-1] - committed) * 1_000)
    worker.stop()
    thread.join()
    assert len(counter.began) == tasks + latencies, "a task was lost or ran twice"

    waits.sort()
    print(
        f"defer, one per transaction   {deferred:8.0f}/s   floor {floor_defer:8.0f}/s   {deferred / floor_defer:.2f} x"
    )
    print(f"run, one worker process      {ran:8.0f}/s   floor {floor_run:8.0f}/s   {ran / floor_run:.2f} x")
    print(
        f"idle queue, {latencies} tasks: median {statistics.median(waits):.1f} ms, "
        f"95 % {waits[int(latencies * 0.95) - 1]:.1f} ms, most {waits[-1]:.1f} ms"
    )


def floors(conninfo: str, rows: int) -> tuple[float, float]:
    """Return rows inserted and rows claimed a second, each in a transaction of its own, by bare psycopg."""
    with psycopg.connect(conninfo) as connection:
        connection.execute(FLOOR_TABLE)
        connection.commit()
        start = time.perf_counter()
        for _ in range(rows):
            connection.execute("insert into floor default values")
            connection.commit()
        inserted = rows / (time.perf_counter() - start)
        start = time.perf_counter()
        for _ in range(rows):
            connection.execute(CLAIM)
            connection.commit()
        return inserted, rows / (time.perf_counter() - start)


if __name__ == "__main__":
    main()

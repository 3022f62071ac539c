"""The portal under load: the list of runs over a million rows, beside a bare FastAPI app on the same database.

The bare app renders one template from the same query, and does nothing else: no sign-in, no frame, no filters, no
headers. Both run as one server process; whoever asks runs in two others, on the same machine. Printed are requests per
second with eight connections (and the ratio, wanted: at least 0.5), and the answer times at fifty requests a second.
"""

from __future__ import annotations

import http.client
import math
import multiprocessing
import os
import queue
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from recoup import app
from recoup.core.clock import utc_now
from recoup.core.postgres import EmbeddedPostgres
from recoup.office.people.models import Factor
from recoup.office.people.permissions import Role
from recoup.office.people.rules.limits import Client
from recoup.office.people.service import people
from recoup.office.people.service.sessions import open_session

RUNS = 1_000_000
CONNECTIONS, ASKERS = 8, 2
SECONDS, ROUNDS = 5.0, 3
RATE, RATE_SECONDS = 50, 20.0
FLOOR = Path(__file__).with_name("_portal_floor.py")
PAGES = {
    "runs": "/desk/runs",
    "runs, failed": "/desk/runs?state=failed",
    "API, runs": "/runs",
    "overview": "/desk",
    "jobs": "/desk/jobs",
    "outbox": "/desk/outbox",
    "journal": "/desk/journal",
}
"""What is asked at fifty requests a second."""

ROWS = """
insert into runs (id, job, params, state, trigger, actor, attempt, not_before, cancel_requested, queued_at, started_at,
  finished_at, done, label, counts, summary, needs_person)
select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3) || 'a'
    || substr(md5(n::text), 4, 15))::uuid,
  (array['metering.export', 'journal.seal', 'files.sweep'])[1 + n % 3], '{}',
  case when n % 50 = 0 then 'failed' else 'succeeded' end, 'schedule', 'schedule', 1, at, false, at, at,
  at + interval '7 s', 24, '', '{"hours": 24, "records": 3077}', '24 hours exported: 3,077 records in 192 entries.',
  n % 400 = 0
from (select n, now() - (:rows - n) * interval '1 minute' as at from generate_series(1, :rows) n) made
"""


def main() -> None:
    """Measure, and print."""
    with ExitStack() as stack:
        house = stack.enter_context(laid_out())
        home, environ, headers = house.home, house.environ, house.headers
        ours, floor = stack.enter_context(served(home, environ)), stack.enter_context(bare(home, environ))
        print(f"{RUNS:,} runs, {os.cpu_count()} cores, {CONNECTIONS} connections, median of {ROUNDS} rounds")
        ahead, behind = [], []
        for _ in range(ROUNDS):  # in turns, so that whatever else the machine does meets both
            behind.append(throughput(floor, "/", {}))
            ahead.append(throughput(ours, "/desk/runs", headers))
        bare_rate, our_rate = statistics.median(behind), statistics.median(ahead)
        print(f"bare app                 {bare_rate:7.0f} requests/s")
        print(f"ours, the runs list      {our_rate:7.0f} requests/s")
        print(f"ours / bare              {our_rate / bare_rate:7.2f}     (wanted: at least 0.50)")
        print(f"\nat {RATE} requests/s      p50      p99     most  (ms; wanted: p99 under 50)")
        for name, path in PAGES.items():
            times = steady(ours, path, headers)
            print(f"{name:22} {times[len(times) // 2]:7.1f}  {percentile(times, 99):7.1f}  {times[-1]:7.1f}")


@dataclass(frozen=True, slots=True)
class House:
    """A database with the runs in it, and an administrator who is signed in."""

    home: Path
    environ: dict[str, str]
    owner_url: str
    headers: dict[str, str]


@contextmanager
def laid_out() -> Iterator[House]:
    """Lay out a house; everything of it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
        home = Path(folder)
        with EmbeddedPostgres(home / "postgres-home") as postgres:
            roles = postgres.provision(database="bench")
            environ = {
                **os.environ,
                "RECOUP_HOME": str(home),
                "RECOUP_PORT": "0",
                "DATABASE_URL": roles.app_url,
                "DATABASE_OWNER_URL": roles.owner_url,
            }
            token = prepared(home, environ, app.Databases(roles.owner_url, roles.app_url))
            yield House(home, environ, roles.owner_url, {"Cookie": f"recoup={token}"})


def prepared(home: Path, environ: dict[str, str], databases: app.Databases) -> str:
    """Lay out the rows, and sign an administrator in; return the session's token."""
    settings = app.read_settings(cwd=home, environ=environ)
    now = utc_now()
    with app.composed(settings, databases, channels={}) as system:
        with system.sessions.begin() as db:
            db.execute(text(ROWS), {"rows": RUNS})
        with system.sessions.begin() as db:
            person = people.add(
                db, address="a@b.test", role=Role.ADMINISTRATOR, name="", actor="bench", now=now
            )
            client = Client("127.0.0.1", "bench")
            opened = open_session(
                db, person, kind="browser", client=client, now=now, factor=Factor.CONSOLE, how="bench"
            )
    return opened.token


@contextmanager
def served(home: Path, environ: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Run `recoup server`."""
    with listening() as door:
        words = [sys.executable, "-m", "recoup.entry.cli", "server", "--fd", str(door.fileno())]
        with running(words, home, environ, door):
            yield door.getsockname()[:2]


@contextmanager
def bare(home: Path, environ: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Run the bare app."""
    with listening() as door, running([sys.executable, str(FLOOR), str(door.fileno())], home, environ, door):
        yield door.getsockname()[:2]


@contextmanager
def listening() -> Iterator[socket.socket]:
    """Open a port."""
    with socket.create_server(("127.0.0.1", 0), backlog=1_024) as door:
        door.set_inheritable(True)
        yield door


@contextmanager
def running(words: list[str], home: Path, environ: dict[str, str], door: socket.socket) -> Iterator[None]:
    """Run a server on a port until it is not needed any more."""
    with subprocess.Popen(words, cwd=home, env=environ, pass_fds=[door.fileno()]) as process:
        try:
            wait_for(door.getsockname()[:2])
            yield
        finally:
            process.terminate()


def wait_for(where: tuple[str, int]) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection(*where, timeout=5)
            connection.request("GET", "/livez")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the server does not answer")


def throughput(where: tuple[str, int], path: str, headers: dict[str, str]) -> float:
    """Ask as fast as the connections take it; return requests per second."""
    results: multiprocessing.Queue[int] = multiprocessing.Queue()
    each = CONNECTIONS // ASKERS
    askers = [
        multiprocessing.Process(target=ask_on, args=(where, path, headers, each, results))
        for _ in range(ASKERS)
    ]
    for asker in askers:
        asker.start()
    count = sum(results.get() for _ in askers)
    for asker in askers:
        asker.join()
    return count / SECONDS


def ask_on(
    where: tuple[str, int],
    path: str,
    headers: dict[str, str],
    connections: int,
    results: multiprocessing.Queue[int],
) -> None:
    """Ask on several connections of one process; put the number of answers."""
    counts: queue.Queue[int] = queue.Queue()

    def ask() -> None:
        connection = http.client.HTTPConnection(*where, timeout=30)
        once(connection, path, headers)  # connected, and warm
        end, count = time.monotonic() + SECONDS, 0
        while time.monotonic() < end:
            once(connection, path, headers)
            count += 1
        counts.put(count)

    threads = [threading.Thread(target=ask) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(sum(counts.get() for _ in threads))


def steady(where: tuple[str, int], path: str, headers: dict[str, str]) -> list[float]:
    """Ask at a fixed rate, each request on time whatever became of those before; return times in ms, sorted.

    A request that starts late because an earlier one took long counts from when it was due.
    """
    times: list[float] = []
    due: queue.Queue[float | None] = queue.Queue()

    def ask() -> None:
        connection = http.client.HTTPConnection(*where, timeout=30)
        once(connection, path, headers)
        ready.wait()
        while (at := due.get()) is not None:
            once(connection, path, headers)
            times.append((time.perf_counter() - at) * 1000)

    ready = threading.Barrier(
        CONNECTIONS + 1
    )  # each connection has asked once: what is made at first is made
    threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for number in range(int(RATE * RATE_SECONDS)):
        at = start + number / RATE
        time.sleep(max(0.0, at - time.perf_counter()))
        due.put(at)
    for _ in threads:
        due.put(None)
    for thread in threads:
        thread.join()
    return sorted(times)


def once(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> None:
    """Ask once; an answer that is not the page is a mistake of the benchmark."""
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {answer.headers.get('location')} {body[:200]!r}")


def percentile(ordered: list[float], percent: int) -> float:
    """Return a percentile of sorted values."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


if __name__ == "__main__":
    main()

"""Two workers on one database: one sleeps through its lease or dies, the other takes over; nothing happens twice."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from faults import findings
from faults.workers import EXPORT, House, WorkerProcess, open_house, wait_until
from recoup.core import tasks
from recoup.office.jobs import execution
from recoup.office.jobs.queries import workers_alive
from support.postgres import Cluster, Database

ROWS = (
    "runs",
    "deliveries",
    "metering_windows",
    "metering_entries",
    "metering_remainders",
    "owed_items",
    "events",
)


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[House]:
    with open_house(database, tmp_path / "house") as opened:
        yield opened


def prepare(house: House) -> None:
    """Take one hour with nobody to hand its submissions over: they wait; and queue the export of the other."""
    first = execution.execute_here(
        house.system, house.system.parts.jobs[EXPORT], {"max_hours": 1}, actor="test"
    )
    assert first.counts["hours"] == 1, first.summary
    assert not house.clazar.ledger
    house.queue()


def rows(house: House) -> dict[str, list[Any]]:
    """Return everything that counts."""
    with house.system.sessions.begin() as db:
        found = {
            table: db.execute(text(f"select cast(t as text) from {table} t")).scalars() for table in ROWS
        }
        return {table: sorted(lines) for table, lines in found.items()}


def happened(house: House) -> Counter[tuple[str, str]]:
    """Count in the journal what must happen once, by kind and subject."""
    kinds = ["outbox.accepted", "metering.window_taken", "jobs.run_succeeded"]
    with house.system.sessions.begin() as db:
        found = db.execute(
            text("select kind, subject from events where kind = any(:kinds)"), {"kinds": kinds}
        )
        return Counter((kind, subject) for kind, subject in found)


def let_leases_end(house: House, sleeper: WorkerProcess, cluster: Cluster) -> None:
    """Let time pass for a sleeper: its leases end, and Postgres ends the transactions that it left open.

    Postgres does so after ten minutes (idle_in_transaction_session_timeout); until then others wait for its locks.
    """
    with cluster.postgres.ensure_running().connect(house.database.name) as server:
        wait_until(lambda: _no_transaction(server, sleeper.name), "no transaction of the sleeper stands open")
    with house.system.sessions.begin() as db:
        for table, condition in (
            ("runs", "worker like :name"),
            ("deliveries", "worker like :name"),
            (
                "metering_streams",
                "lease_run = (select id || ':' || attempt from runs where worker like :name)",
            ),
        ):
            statement = (
                f"update {table} set lease_until = now() - interval '1 second' where lease_until is not null"
            )
            db.execute(text(f"{statement} and {condition}"), {"name": f"%:{sleeper.pid}:%"})


def _no_transaction(server: psycopg.Connection, name: str) -> bool:
    """End what stands open of an application, and say whether nothing did."""
    ended = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s and state <> 'idle'"
    return not server.execute(ended, [name]).fetchall()


@pytest.mark.parametrize(
    "at",
    [
        "http: before the request /metering",
        "http: after the answer /metering",
        'copy: after COPY "metering_entries"',
    ],
    ids=["before the request", "after the answer", "amid a transaction"],
)
def test_a_worker_that_slept_through_its_lease_changes_nothing(
    house: House, cluster: Cluster, tmp_path: Path, at: str
) -> None:
    """Its lease is over, and the sweep, which comes twice a minute, comes now."""
    prepare(house)
    sleeper, other = befall(house, tmp_path / "mark", at=at, signal=signal.SIGSTOP)
    let_leases_end(house, sleeper, cluster)
    tasks.sweep(house.system, house.system.clock())
    wait_until(house.is_done, "the other worker has done it all")
    before = rows(house)
    sleeper.wake()
    wait_until(house.is_quiet, "the sleeper has given up what it held")
    assert rows(house) == before
    all_is_well(house, sleeper, other)


def test_a_sleeper_that_the_engine_took_for_dead_changes_nothing_and_works_again(
    house: House, cluster: Cluster, tmp_path: Path
) -> None:
    """It sleeps while its request is under way, so long that the engine gives its tasks away and forgets its name."""
    prepare(house)
    sleeper, other = befall(
        house, tmp_path / "mark", at="http: after the request /metering", signal=signal.SIGSTOP
    )
    let_leases_end(house, sleeper, cluster)
    wait_until(house.is_quiet, "the other worker and the engine have done it all")
    before = rows(house)
    third = house.hire("three")
    wait_until(lambda: engine_knows(house) == 2, "the engine has counted its workers anew")
    sleeper.wake()
    assert third.leave() == 0
    assert rows(house) == before
    all_is_well(house, sleeper, other)


def test_when_a_worker_is_killed_the_other_finishes_by_itself(house: House, tmp_path: Path) -> None:
    """Nobody helps: the dead one's leases are worth nothing, and the sweeps find what it left."""
    prepare(house)
    killed, other = befall(
        house, tmp_path / "mark", at="http: after the request /metering", signal=signal.SIGKILL
    )
    wait_until(house.is_quiet, "the other worker has done it all")
    assert killed.ended == -signal.SIGKILL
    assert other.leave() == 0
    what_is_left_is_well(house)


def befall(house: House, mark: Path, **what: Any) -> tuple[WorkerProcess, WorkerProcess]:
    """Start two workers; return the one that it befell, and the other."""
    workers = [house.hire(name, mark=str(mark), **what) for name in ("one", "two")]
    wait_until(lambda: mark.exists() and mark.read_text(encoding="ascii") != "", "a worker came to its step")
    pid = int(mark.read_text(encoding="ascii"))
    workers.sort(key=lambda one: one.pid != pid)
    victim, other = workers
    assert victim.pid == pid
    wait_until(lambda: victim.ended is not None or victim.is_stopped, "it has befallen one")
    house.look(house.system)
    return victim, other


def engine_knows(house: House) -> int:
    """Count the workers that the engine knows of and has heard of lately."""
    with house.system.sessions.begin() as db:
        return workers_alive(db)


def all_is_well(house: House, sleeper: WorkerProcess, other: WorkerProcess) -> None:
    """Check that the sleeper alone can go on, and everything else."""
    assert other.leave() == 0
    again = house.queue()
    wait_until(lambda: house.run(again).state == "succeeded", "the sleeper has done another run")
    wait_until(house.is_quiet, "nothing is left to do")
    assert sleeper.leave() == 0
    what_is_left_is_well(house)


def what_is_left_is_well(house: House) -> None:
    """Check what was done, and that each thing was done once."""
    problems = findings.after(house, house.system)
    assert not problems, "\n".join(problems)
    assert set(happened(house).values()) == {1}

"""Two workers on one database: one sleeps through its lease or dies, the other takes over; nothing happens twice."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from faults import findings
from faults.workers import EXPORT, House, WorkerProcess, open_house, wait_until
from recoup.core import tasks
from recoup.office.jobs import execution
from support.postgres import Cluster, Database

SNAPSHOTS = (
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
        return {
            table: sorted(db.execute(text(f"select cast(t as text) from {table} t")).scalars())
            for table in SNAPSHOTS
        }


def events(house: House) -> Counter[tuple[str, str]]:
    """Count what the journal says happened, by kind and subject."""
    kinds = ("outbox.accepted", "metering.window_taken", "jobs.run_succeeded")
    with house.system.sessions.begin() as db:
        found = db.execute(
            text("select kind, subject from events where kind = any(:kinds)"), {"kinds": list(kinds)}
        )
        return Counter((kind, subject) for kind, subject in found)


def end_leases_of(house: House, worker: WorkerProcess, cluster: Cluster) -> None:
    """Let time pass for one worker: its leases end, and Postgres ends the transactions that it left open.

    Postgres would do so after ten minutes (idle_in_transaction_session_timeout); until then, others wait for its locks.
    """
    with cluster.postgres.ensure_running().connect(house.database.name) as server:
        wait_until(
            lambda: (
                not server.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
                    "and state like 'idle in transaction%' and state_change < now() - interval '2 seconds'"
                ).fetchall()
            ),
            "no transaction stands open",
        )
    over = "now() - interval '1 second'"
    with house.system.sessions.begin() as db:
        for statement in (
            f"update runs set lease_until = {over} where lease_until is not null and worker like :name",
            f"update deliveries set lease_until = {over} where lease_until is not null and worker like :name",
            f"update metering_streams set lease_until = {over} where lease_until is not null and cast(:name as text) <> ''",
        ):
            db.execute(text(statement), {"name": f"%:{worker.pid}:%"})


@pytest.mark.parametrize(
    ("at", "helped"),
    [
        ("http: before the request /metering", True),
        ("http: after the request /metering", False),
        ("http: after the answer /metering", True),
        ('copy: after COPY "metering_entries"', True),
    ],
    ids=["before the request", "awaiting the answer", "after the answer", "amid a transaction"],
)
def test_a_worker_that_slept_through_its_lease_changes_nothing(
    house: House, cluster: Cluster, tmp_path: Path, at: str, helped: bool
) -> None:
    """``helped``: the sweep comes at once, and not when it is due; else the engine, too, takes the sleeper for dead."""
    prepare(house)
    mark = tmp_path / "mark"
    workers = [house.hire(at=at, signal=signal.SIGSTOP, mark=str(mark)) for _ in range(2)]
    wait_until(mark.exists, "a worker came to its step")
    (sleeper,) = (one for one in workers if str(one.pid) == mark.read_text())
    (other,) = (one for one in workers if one is not sleeper)
    wait_until(lambda: sleeper.is_stopped, "it sleeps")
    house.look(house.system)
    end_leases_of(house, sleeper, cluster)
    if helped:
        tasks.sweep(house.system, house.system.clock())
    wait_until(lambda: all_done(house), "the other worker has done it all")
    before = rows(house)
    sleeper.wake()
    wait_until(house.is_quiet, "the sleeper has given up what it held")
    assert rows(house) == before
    assert other.leave() == 0
    again = house.queue()
    wait_until(lambda: house.run(again).state == "succeeded", "the sleeper works again")
    assert sleeper.leave() == 0
    problems = findings.after(house, house.system)
    assert not problems, "\n".join(problems)
    assert set(events(house).values()) == {1}


def all_done(house: House) -> bool:
    """Say whether everything is over but for the engine's own rows of a sleeper."""
    with house.system.sessions.begin() as db:
        moving = db.execute(
            text(
                "select count(*) from runs where state in ('queued', 'running') union all "
                "select count(*) from deliveries where state in ('planned', 'leased', 'handing', 'unknown')"
            )
        )
        return not any(moving.scalars())

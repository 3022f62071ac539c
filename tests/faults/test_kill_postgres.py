"""Postgres is killed amid an export and starts again: what was committed stays, a normal run makes the rest right."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import TEMPLATE
from faults.findings import Tally
from faults.kill_sweep import Scenario
from recoup.migrations import schema
from support.postgres import Cluster, running_cluster

EVERY = 31
DURABLE = {"max_connections": "60", "shared_buffers": "64MB"}
"""As it is in use, with fsync and all, but for its size."""


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Scenario]:
    """An export on a server of its own, which may be killed."""
    with running_cluster(tmp_path / "server", settings=DURABLE) as cluster:
        made = cluster.create_database(name=TEMPLATE)
        schema.upgrade(made.owner_url, app_url=made.app_url)
        folder = tmp_path / "kills"
        folder.mkdir()
        with Scenario(cluster, folder, template=TEMPLATE) as scenario:
            yield scenario


def test_an_export_survives_its_database(mortal: Scenario, tally: Tally, tmp_path: Path) -> None:
    """The server is back at once, as under a supervisor, or only when the export has given up."""
    server = tmp_path / "server"
    at = 7
    while True:
        at_once = tally.points % 2 == 0
        with mortal.trial() as trial:
            with supervised(mortal.cluster) if at_once else nobody_minds():
                outcome = trial.run(at, server=server)
            if "at" not in outcome:
                break
            assert outcome["ended"] in {0, 1}, outcome
            mortal.server_came_back()
            trial.look(mortal.system)
            tally.follow_up(trial, outcome["at"], elsewhere=tally.points % 4 < 2)
        at += EVERY
    tally.steps = outcome["steps"]
    assert not tally.problems, "\n".join(tally.problems)
    assert (tally.lost, tally.doubled) == (0, 0)
    assert tally.points >= 15
    assert check_pages(mortal) == ""


@contextmanager
def supervised(cluster: Cluster) -> Iterator[None]:
    """Start the server again as soon as it is dead."""
    over = threading.Event()

    def supervise() -> None:
        while not over.wait(0.02):
            cluster.postgres.ensure_running()

    supervisor = threading.Thread(target=supervise)
    supervisor.start()
    try:
        yield
    finally:
        over.set()
        supervisor.join()


@contextmanager
def nobody_minds() -> Iterator[None]:
    """Leave the server as it is."""
    yield


def check_pages(scenario: Scenario) -> str:
    """Let Postgres's own tool look at every table and index; return what it says of them, if anything."""
    postgres = scenario.cluster.postgres
    address = postgres.ensure_running()
    done = subprocess.run(
        [
            str(postgres._programs.bin_dir / "pg_amcheck"),
            f"--host={address.socket_dir}",
            f"--port={address.port}",
            "--username=postgres",
            "--install-missing",
            "--heapallindexed",
            scenario.database.name,
        ],
        env={**os.environ, "PGPASSWORD": address.password},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode else ""

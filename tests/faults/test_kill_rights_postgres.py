"""Postgres is killed amid a sync and starts again: what was committed stays, a normal run makes the rest right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import TEMPLATE
from faults.test_kill_postgres import DURABLE, nobody_minds, supervised
from faults.test_kill_rights import Scenario
from recoup.migrations import schema
from support.postgres import running_cluster

MOST = 8
BY_COMMIT = 4


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Scenario]:
    """A scenario on a server of its own, which may be killed."""
    with running_cluster(tmp_path / "server", settings=DURABLE) as cluster:
        made = cluster.create_database(name=TEMPLATE)
        schema.upgrade(made.owner_url, app_url=made.app_url)
        folder = tmp_path / "kills"
        folder.mkdir()
        with Scenario(cluster, folder, template=TEMPLATE) as scenario:
            yield scenario


def test_a_sync_survives_its_database(mortal: Scenario, tmp_path: Path) -> None:
    """The server is back at once, as under a supervisor, or only when the sync has given up."""
    labels, problems = mortal.labels, []
    commits = [place for place, label in enumerate(labels, start=1) if label == "commit: before"]
    others = [place for place, label in enumerate(labels, start=1) if not label.startswith("commit")]
    places = [*commits[2 :: len(commits) // BY_COMMIT], *others[50 :: len(others) // (MOST - BY_COMMIT)]]
    for number, at in enumerate(places):
        with mortal.trial() as trial:
            with supervised(mortal.cluster) if number % 2 == 0 else nobody_minds():
                outcome = trial.run(at, server=tmp_path / "server")
            assert outcome["ended"] in {0, 1}, outcome
            assert "at" in outcome
            mortal.put_back.came_back()
            ends = f"the server killed {outcome['at']}"
            problems += [f"{ends}: {one}" for one in trial.problems(elsewhere=number % 4 < 2)]
    assert not problems, "\n".join(problems)
    assert len(places) >= MOST

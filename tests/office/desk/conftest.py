"""A house and its desk: a client of the portal, a way to run what was started, and the exports of it read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import httpx2
import pytest

from recoup.core.system import System
from recoup.office.jobs import execution, queries
from recoup.office.jobs.models import Run
from support.desk import desk


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with desk(system, zone="Europe/Berlin") as served:
        yield served


@pytest.fixture
def worked(system: System) -> Callable[[httpx2.Response], Run]:
    """Execute the run that a form led to, as a worker would."""

    def work(answer: httpx2.Response) -> Run:
        assert "location" in answer.headers, answer.text
        run_id = UUID(answer.headers["location"].rpartition("/")[2])
        execution.execute(system, run_id)
        with system.sessions.begin() as db:
            run = queries.run(db, run_id)
            assert run is not None
            return run

    return work

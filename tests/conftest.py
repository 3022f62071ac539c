"""What every test may ask for: a database of its own on a real Postgres, sessions on it, a fixed instant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from recoup.core.db import connect, session_factory
from recoup.core.system import System
from recoup.migrations import schema
from support.house import MovableClock, ScriptedChannel, opened
from support.postgres import Cluster, Database, running_cluster

TEMPLATE = "migrated"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One server per test process, with a migrated database to copy."""
    home: Path = tmp_path_factory.mktemp("postgres")
    with running_cluster(home) as running:
        made = running.create_database(name=TEMPLATE)
        schema.upgrade(made.owner_url, app_url=made.app_url)
        yield running


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    """A migrated database of this test's own."""
    with cluster.database(TEMPLATE) as made:
        yield made


@pytest.fixture
def sessions(database: Database) -> Iterator[sessionmaker[Session]]:
    """Sessions as the application's role."""
    engine = connect(database.app_url)
    yield session_factory(engine)
    engine.dispose()


@pytest.fixture
def owner_sessions(database: Database) -> Iterator[sessionmaker[Session]]:
    """Sessions as the owner of the tables, for tests that tamper."""
    engine = connect(database.owner_url)
    yield session_factory(engine)
    engine.dispose()


@pytest.fixture
def now() -> datetime:
    """A fixed instant."""
    return datetime(2025, 7, 24, 16, 30, tzinfo=UTC)


@pytest.fixture
def clock() -> MovableClock:
    """The time of a test's system, which moves when told."""
    return MovableClock()


@pytest.fixture
def system(database: Database, tmp_path: Path, clock: MovableClock) -> Iterator[System]:
    """A whole Recoup on the test's database, with a far side for mails that takes everything."""
    channels = {"mail": ScriptedChannel("mail", dedupes=False)}
    with opened(database, tmp_path, clock=clock, channels=channels) as running:
        yield running

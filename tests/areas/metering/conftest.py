"""What tests of metering may ask for beside the rest: a transaction on a database that stays empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session, sessionmaker

from recoup.core.db import connect, session_factory
from support.postgres import Cluster

MIGRATED = "migrated"


@pytest.fixture(scope="session")
def empty_database(cluster: Cluster) -> Iterator[sessionmaker[Session]]:
    """Sessions on one database for many tests: whoever commits there disturbs the others."""
    with cluster.database(MIGRATED) as made:
        engine = connect(made.app_url)
        yield session_factory(engine)
        engine.dispose()


@pytest.fixture
def db(empty_database: sessionmaker[Session]) -> Iterator[Session]:
    """One transaction, rolled back in the end."""
    with empty_database() as session:
        yield session

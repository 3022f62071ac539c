"""A house that can tell people, and two of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from support.claims import CARL, DORA, populate
from support.house import MovableClock
from support.notices import Notices, notices_on
from support.postgres import Database


@pytest.fixture
def notices(database: Database, tmp_path: Path, clock: MovableClock) -> Iterator[Notices]:
    with notices_on(database, tmp_path, clock) as found:
        yield found


@pytest.fixture
def people(notices: Notices) -> dict[str, UUID]:
    return populate(notices.system)


@pytest.fixture
def carl(people: dict[str, UUID]) -> UUID:
    return people[CARL]


@pytest.fixture
def dora(people: dict[str, UUID]) -> UUID:
    return people[DORA]

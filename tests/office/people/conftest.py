"""A house with people in it: an administrator, an analyst; a mailbox that keeps what arrived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recoup.core.system import System
from recoup.office.people.models import Person
from recoup.office.people.permissions import Role
from recoup.office.people.secrets import Keys
from recoup.office.people.service import people
from support.house import MovableClock, opened
from support.people import ADA, BOB, Mailbox
from support.postgres import Database


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def system(database: Database, tmp_path: Path, clock: MovableClock, mailbox: Mailbox) -> Iterator[System]:
    with opened(database, tmp_path, clock=clock, channels={"mail": mailbox}) as running:
        yield running


@pytest.fixture
def keys(system: System) -> Keys:
    return Keys.of(system.settings)


@pytest.fixture
def known(system: System) -> Callable[[str, Role], Person]:
    """Add somebody."""

    def add(address: str, role: Role) -> Person:
        with system.sessions.begin() as db:
            return people.add(db, address=address, role=role, name="", actor="test", now=system.clock())

    return add


@pytest.fixture
def ada(known: Callable[[str, Role], Person]) -> Person:
    """An administrator."""
    return known(ADA, Role.ADMINISTRATOR)


@pytest.fixture
def bob(known: Callable[[str, Role], Person]) -> Person:
    """An analyst, who needs no second factor."""
    return known(BOB, Role.ANALYST)

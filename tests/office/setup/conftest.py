"""A house with its portal, and the three files as the old program had them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from recoup.core.system import System
from support.desk import desk
from support.house import MovableClock, opened
from support.postgres import Database


@pytest.fixture
def system(database: Database, tmp_path: Path, clock: MovableClock) -> Iterator[System]:
    """Its channels are the real ones: without a mail server, mails are files."""
    with opened(database, tmp_path, clock=clock) as composed:
        yield composed


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with desk(system) as served:
        served.headers["Sec-Fetch-Site"] = "same-origin"
        yield served

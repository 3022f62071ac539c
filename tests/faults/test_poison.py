"""A run that kills its worker is parked after the third time, and everything else is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.engine_worker import POISON_EXIT
from faults.workers import House, open_house, wait_until
from support.postgres import Database

ERRANDS = 5
MOST_DEATHS = 3


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[House]:
    with open_house(database, tmp_path / "house") as opened:
        yield opened


def test_a_poisonous_run_is_parked_after_three_workers_and_others_go_on(house: House) -> None:
    """Each time its worker dies another is started, as systemd would."""
    errands = [house.queue("test.errand") for _ in range(ERRANDS)]
    poison = house.queue("test.poison")
    errands += [house.queue("test.errand") for _ in range(ERRANDS)]
    export = house.queue()
    deaths = 0
    worker = house.hire("first")
    while house.run(poison).state != "parked":
        wait_until(
            lambda: worker.ended is not None or house.run(poison).state == "parked", "it died or was parked"
        )
        if worker.ended is not None:
            assert worker.ended == POISON_EXIT
            deaths += 1
            assert deaths <= MOST_DEATHS
            worker = house.hire(f"after-{deaths}")
    assert deaths == MOST_DEATHS
    wait_until(house.is_quiet, "everything else is done")
    assert {house.run(one).state for one in (*errands, export)} == {"succeeded"}
    parked = house.run(poison)
    assert parked.attempt == MOST_DEATHS
    assert parked.needs_person
    assert worker.leave() == 0

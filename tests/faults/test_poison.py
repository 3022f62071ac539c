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
BESIDE = 3


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[House]:
    with open_house(database, tmp_path / "house") as opened:
        yield opened


def test_a_poisonous_run_is_parked_after_three_workers_and_others_go_on(house: House) -> None:
    """Each time its worker dies another is started, as systemd would; long errands die with it twice."""
    errands = [house.queue("test.errand", seconds=1.5) for _ in range(BESIDE)]
    errands += [house.queue("test.errand") for _ in range(ERRANDS)]
    poison = house.queue("test.poison")
    errands += [house.queue("test.errand") for _ in range(ERRANDS)]
    export = house.queue()
    for number in range(MOST_DEATHS):
        victim = house.hire(f"victim-{number}")
        wait_until(lambda victim=victim: victim.ended is not None, "it has died of the poison")
        assert victim.ended == POISON_EXIT
    worker = house.hire("survivor")
    wait_until(house.is_done, "the poison is parked and everything else is done")
    assert worker.ended is None
    assert {house.run(one).state for one in (*errands, export)} == {"succeeded"}
    parked = house.run(poison)
    assert (parked.state, parked.attempt) == ("parked", MOST_DEATHS)
    assert parked.needs_person
    assert worker.leave() == 0

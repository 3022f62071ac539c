"""An export is killed at every step there is, and a normal run makes everything right: nothing lost, nothing twice."""

from __future__ import annotations

import os
from random import Random

import pytest

from faults.findings import Tally
from faults.kill_sweep import LATER, Scenario

CHUNKS = 10
ALL = os.environ.get("RECOUP_KILLS") == "all"
APART = CHUNKS if ALL else 4 * CHUNKS
"""Between two kills of a chunk: all chunks together meet each step, or every fourth."""
PAIRS = 6
SEED = 20250724
KINDS = {"sql", "commit", "copy", "http", "file"}


@pytest.mark.parametrize("chunk", range(1, CHUNKS + 1))
def test_killed_at_any_step_an_export_loses_nothing_and_doubles_nothing(
    scenario: Scenario, tally: Tally, chunk: int
) -> None:
    """Of all, chunk 3 of 10 kills at the steps 3, 13, 23 … until an export ends before it comes so far."""
    at = chunk * (APART // CHUNKS)
    while True:
        with scenario.trial() as trial:
            outcome = trial.run(at)
            if outcome["ended"] == 0:
                break
            assert outcome["ended"] == -9, outcome
            tally.follow_up(trial, outcome["at"], elsewhere=at % 2 == 0)
        at += APART
    tally.steps = outcome["steps"]
    assert not tally.problems, "\n".join(tally.problems)
    assert (tally.lost, tally.doubled) == (0, 0)
    assert set(outcome["kinds"]) == KINDS
    assert tally.points >= outcome["steps"] // APART - 1
    assert tally.unknown > 0  # else no kill came between the fence and the answer, and nothing was proved


def test_killed_again_while_it_recovers_it_loses_nothing_either(scenario: Scenario, tally: Tally) -> None:
    random = Random(SEED)
    while tally.points < PAIRS:
        first, second = random.randrange(1, 500), random.randrange(1, 300)
        with scenario.trial() as trial:
            export = trial.run(first)
            assert export["ended"] == -9, export
            recovery = trial.run(second, now=LATER)
            if recovery["ended"] == 0:  # it was over before its step
                continue
            tally.follow_up(trial, export["at"], recovery["at"], elsewhere=tally.points % 2 == 0)
    assert not tally.problems, "\n".join(tally.problems)
    assert (tally.lost, tally.doubled) == (0, 0)

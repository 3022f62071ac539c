"""An export is killed at every step there is, and a normal run makes everything right: nothing lost, nothing twice."""

from __future__ import annotations

from random import Random

import pytest

from faults import findings
from faults.findings import Tally
from faults.kill_sweep import LATER, Scenario

CHUNKS = 10
PAIRS = 12
SEED = 20250724
KINDS = {"sql", "commit", "copy", "http", "file"}


@pytest.mark.parametrize("chunk", range(1, CHUNKS + 1))
def test_killed_at_any_step_an_export_loses_nothing_and_doubles_nothing(
    scenario: Scenario, tally: Tally, chunk: int
) -> None:
    """Chunk 3 of 10 kills at the steps 3, 13, 23 … until an export ends before it comes so far."""
    at = chunk
    while True:
        with scenario.trial() as trial:
            outcome = trial.run(at)
            if outcome["ended"] == 0:
                break
            assert outcome["ended"] == -9, outcome
            trial.look()
            system = trial.system()
            run = trial.recover(system, elsewhere=at % 2 == 0)
            tally.note(outcome, trial, findings.after(trial, system, run))
        at += CHUNKS
    tally.steps = outcome["steps"]
    assert not tally.problems, "\n".join(tally.problems)
    assert (tally.lost, tally.doubled) == (0, 0)
    assert set(outcome["kinds"]) == KINDS
    assert tally.points >= outcome["steps"] // CHUNKS - 1
    assert tally.unknown > 0  # else no kill came between the fence and the answer, and nothing was proved


def test_killed_again_while_it_recovers_it_loses_nothing_either(scenario: Scenario, tally: Tally) -> None:
    random = Random(SEED)
    while tally.points < PAIRS:
        first, second = random.randrange(1, 500), random.randrange(1, 300)
        with scenario.trial() as trial:
            assert trial.run(first)["ended"] == -9
            trial.look()
            outcome = trial.run(second, now=LATER)
            if outcome["ended"] == 0:  # the recovery was over before its step
                continue
            trial.look()
            system = trial.system()
            run = trial.recover(system, elsewhere=tally.points % 2 == 0)
            label = f"{first}, then {second}"
            tally.note(outcome, trial, (f"{label}: {each}" for each in findings.after(trial, system, run)))
    assert not tally.problems, "\n".join(tally.problems)
    assert (tally.lost, tally.doubled) == (0, 0)

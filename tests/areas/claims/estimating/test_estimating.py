from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from recoup.areas.claims import confined
from recoup.areas.claims.documents.limits import Limits
from recoup.areas.claims.estimating import estimator, model, trial
from recoup.areas.claims.estimating.cases import Asked, Case, Similar, sha256_of
from recoup.core.errors import Invalid, Misconfigured, Unavailable

pytestmark = pytest.mark.skipif(not estimator.available(), reason="the extra ml is not installed")
SHARES = {"theft": 0.5, "fire": 0.9, "medical": 0.75}


def telling(count: int, *, seed: int = 1, currency: str = "EUR") -> list[Case]:
    """Cases of which the type and the sum tell what is approved, give or take a tenth; one in ten is rejected."""
    chance = random.Random(seed)
    cases = []
    for number in range(count):
        kind = chance.choice(sorted(SHARES))
        claimed = chance.randrange(10_000, 2_000_000)
        share = 0.0 if chance.random() < 0.1 else SHARES[kind] * chance.uniform(0.9, 1.1)
        cases.append(
            Case(
                claim_type=kind,
                policy_kind="home",
                currency=currency,
                claimed_minor=claimed,
                description_length=chance.randrange(20, 900),
                documents=chance.randrange(1, 6),
                days_from_start=None if number % 5 else chance.randrange(0, 900),
                month=chance.randrange(1, 13),
                approved_minor=min(claimed, round(claimed * share)),
            )
        )
    return cases


def noise(count: int, *, seed: int) -> list[Case]:
    """Cases of which nothing tells what is approved."""
    chance = random.Random(seed)
    return [
        replace(case, claimed_minor=100_000, approved_minor=chance.randrange(100_001))
        for case in telling(count, seed=seed)
    ]


def open_claim(case: Case, **other: Any) -> Asked:
    said = {name: value for name, value in asdict(case).items() if name != "approved_minor"}
    return Asked(**(said | other))


def test_where_cases_tell_claims_are_estimated_better_than_by_the_median() -> None:
    cases = telling(600)
    asked = [(number, open_claim(case)) for number, case in enumerate(telling(200, seed=2))]
    training = estimator.train(cases, asked)
    [card] = training.cards
    assert card.is_used
    assert (card.currency, card.rows, card.data_sha256) == ("EUR", 600, sha256_of(cases))
    assert card.error < 0.5 * card.median_error
    assert card.note.startswith("Estimates in EUR: on the newest 120 of 600 claims they were off by ")
    held = 0
    for (number, one), case in zip(asked, telling(200, seed=2), strict=True):
        expected = training.estimates[number]
        assert 0 <= expected.low_minor <= expected.expected_minor <= expected.high_minor <= one.claimed_minor
        assert expected.similar == Similar(cases).to(one)
        held += expected.low_minor <= case.approved_minor <= expected.high_minor
    assert held >= 140  # of 200, where the range says eight of ten


def test_where_cases_tell_nothing_there_are_no_estimates() -> None:
    by_seed = {"CHF": 3, "EUR": 4, "GBP": 5, "PLN": 6}
    cases = [
        replace(case, currency=currency)
        for currency, seed in by_seed.items()
        for case in noise(300, seed=seed)
    ]
    training = estimator.train(
        cases, [(number, open_claim(case)) for number, case in enumerate(cases[::300])]
    )
    assert [card.currency for card in training.cards] == list(by_seed)
    for card in training.cards:
        assert not card.is_used
        assert card.error > 0
        assert "no clear gain" in card.note
    assert training.estimates == {}


def test_199_cases_are_too_few_and_200_are_enough() -> None:
    cases = telling(200)
    asked = [(7, open_claim(cases[0]))]
    few, enough = estimator.train(cases[1:], asked), estimator.train(cases, asked)
    assert few.estimates == {}
    [card] = few.cards
    assert not card.is_used
    assert (card.rows, card.error, card.median_error) == (199, 0, 0)
    assert card.note == "No estimates in EUR: there are 199 decided claims, and 200 are needed."
    assert enough.cards[0].is_used
    assert set(enough.estimates) == {7}


def test_each_currency_is_tried_and_estimated_by_itself() -> None:
    cases = telling(220) + telling(40, currency="PLN")
    asked = [(1, open_claim(cases[0])), (2, open_claim(cases[-1]))]
    training = estimator.train(cases, asked)
    assert [(card.currency, card.rows, card.is_used) for card in training.cards] == [
        ("EUR", 220, True),
        ("PLN", 40, False),
    ]
    assert set(training.estimates) == {1}


def test_the_same_cases_give_the_same_numbers() -> None:
    cases = telling(250)
    asked = [(number, open_claim(case)) for number, case in enumerate(cases[:40])]
    assert estimator.train(cases, asked) == estimator.train(cases, asked)


def test_the_back_test_never_sees_what_came_later(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = telling(250)
    seen: list[tuple[list[Case], list[Case]]] = []

    class Noting:
        def __init__(self, known: Sequence[Case]) -> None:
            self.known = list(known)

        def shares(self, asked: Sequence[Case]) -> list[model.Shares]:
            seen.append((self.known, list(asked)))
            return [(0.2, 0.5, 0.8)] * len(asked)

    monkeypatch.setattr(trial, "Model", Noting)
    assert trial.trial(cases).tried == 50
    assert seen == [(cases[:150], cases[150:200]), (cases[:200], cases[200:])]


def test_a_claim_like_none_before_is_not_estimated() -> None:
    cases = telling(220)
    asked = [
        (1, open_claim(cases[0], claim_type="flood")),
        (2, open_claim(cases[0], claimed_minor=10**12)),
        (3, open_claim(cases[0], policy_kind="boat")),
    ]
    assert set(estimator.train(cases, asked).estimates) == {3}


def test_similar_cases_are_of_the_type_and_claim_about_as_much() -> None:
    [one, *_] = telling(1)
    cases = [replace(one, claimed_minor=minor, approved_minor=0) for minor in (499, 500, 1000, 1500, 1501)]
    cases.append(replace(one, claim_type="flood", claimed_minor=1000, approved_minor=0))
    assert Similar(cases).to(open_claim(one, claimed_minor=1000)) == 3


@pytest.mark.parametrize(("claimed", "approved"), [(0, 0), (100, 101), (100, -1)])
def test_a_case_that_cannot_be_is_refused(claimed: int, approved: int) -> None:
    with pytest.raises(Invalid):
        replace(telling(1)[0], claimed_minor=claimed, approved_minor=approved)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "is_installed", lambda: False)
    with pytest.raises(Misconfigured) as refused:
        estimator.train(telling(1), [])
    assert "pip install 'recoup[ml]'" in refused.value.sentence()


def test_a_child_that_is_killed_takes_nothing_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "killed_child.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(estimator, "CHILD", "killed_child")
    with pytest.raises(Unavailable, match="Estimating claims was stopped"):
        estimator.train(telling(200), [])


def test_a_training_that_takes_too_long_is_ended() -> None:
    limits = Limits(memory=estimator.LIMITS.memory, processor=60, clock=0.3)
    with pytest.raises(Invalid, match="longer than"):
        estimator.train(telling(400), [], limits=limits)


@pytest.mark.parametrize(
    "estimates",
    [
        [[99, {"low_minor": 1, "expected_minor": 2, "high_minor": 3, "similar": 1}]],
        [[1, {"low_minor": 3, "expected_minor": 2, "high_minor": 3, "similar": 1}]],
        [[1, {"low_minor": 1, "expected_minor": 2, "high_minor": 10**15, "similar": 1}]],
        [[1, {}]],
    ],
)
def test_what_a_child_says_is_looked_at(monkeypatch: pytest.MonkeyPatch, estimates: list[Any]) -> None:
    monkeypatch.setattr(confined, "ask", lambda *_, **__: {"cards": [], "estimates": estimates})
    case = telling(1)[0]
    with pytest.raises(Unavailable):
        estimator.train([case], [(1, open_claim(case))])

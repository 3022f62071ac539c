"""Real and simulated claims, back-tested: floors, a little under what was measured (decision 14)."""

from __future__ import annotations

import csv
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from recoup.areas.claims.estimating import estimator
from recoup.areas.claims.estimating.cases import Case
from support.shared_data import shared_data

pytestmark = pytest.mark.skipif(not estimator.available(), reason="the extra ml is not installed")


def minor(text: str) -> int:
    return 0 if text == "NA" else round(Decimal(text) * 100)


def flood_claims(folder: Path) -> list[Case]:
    """What was damaged is taken for what was claimed; in the order of the floods, as no day of decision is known."""
    cases = []
    with (folder / "FimaNfipClaims.csv").open(newline="") as body:
        for row in csv.DictReader(body):
            claimed = minor(row["buildingDamageAmount"]) + minor(row["contentsDamageAmount"])
            paid = minor(row["netBuildingPaymentAmount"]) + minor(row["netContentsPaymentAmount"])
            lost, began = (date.fromisoformat(row[name][:10]) for name in ("dateOfLoss", "originalNBDate"))
            if claimed > 0:
                case = Case(
                    claim_type=f"cause {row['causeOfDamage']}",
                    policy_kind=f"occupancy {row['occupancyType']}",
                    currency="USD",
                    claimed_minor=claimed,
                    description_length=0,
                    documents=1,
                    days_from_start=(lost - began).days,
                    month=lost.month,
                    approved_minor=max(0, min(paid, claimed)),
                )
                cases.append((lost, case))
    return [case for _, case in sorted(cases, key=lambda pair: pair[0])]


def simulated_claims(folder: Path) -> list[Case]:
    """Nothing says what was claimed, so the limit of the policy stands for it, which tells next to nothing."""
    cases = []
    with (folder / "prism.csv").open(newline="") as body:
        for row in csv.DictReader(body):
            limit = minor(row["Limit"])
            case = Case(
                claim_type=row["Type"],
                policy_kind=row["Line"],
                currency="USD",
                claimed_minor=limit,
                description_length=0,
                documents=1,
                days_from_start=None,
                month=date.fromisoformat(row["AccidentDate"]).month,
                approved_minor=min(minor(row["TotalPayment"]), limit),
            )
            cases.append((datetime.strptime(row["CloseDate"], "%m/%d/%Y").date(), case))  # noqa: DTZ007 - a day
    return [case for _, case in sorted(cases, key=lambda pair: pair[0])]


def test_real_flood_claims_are_estimated_far_better_than_by_the_median() -> None:
    cases = flood_claims(shared_data("claims/nfip"))
    [card] = estimator.train(cases, []).cards
    assert card.rows >= 990
    assert card.is_used
    assert card.error < 0.15 * card.median_error


def test_simulated_claims_whose_sums_are_unknown_are_not_estimated() -> None:
    newest = simulated_claims(shared_data("claims/prism"))[-12_000:]
    [card] = estimator.train(newest, []).cards
    assert card.rows == 12_000
    assert not card.is_used

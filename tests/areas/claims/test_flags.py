"""Flags: what is raised and what is not, against claims made for it; they decide nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.areas.claims.models import FlagKind, Policy
from recoup.areas.claims.queries import flag_rows
from recoup.areas.claims.rules import flags
from recoup.areas.claims.rules.flags import Facts, Seen, Usual
from recoup.core.money import Money
from recoup.core.system import System
from support.claims import (
    ANA,
    CARL,
    DORA,
    INCIDENT,
    REA,
    as_,
    claims_api,
    file_claim,
    looked_at,
    pdf,
    picture,
    policy_of,
    populate,
    stored,
)

FILED = datetime(2025, 7, 24, 16, 30, tzinfo=UTC)
LARGE, MANY = Decimal(10_000), 3


def facts(**other: Any) -> Facts:
    """Return a claim that nothing is odd about, but for what is given."""
    usual: dict[str, Any] = {
        "amount": Money(123_45, "EUR"),
        "incident": INCIDENT,
        "filed_at": FILED,
        "policy_start": date(2025, 1, 1),
        "earlier": 0,
    }
    return Facts(**{**usual, **other})


def kinds(made: Facts) -> set[str]:
    """Return the kinds of flags that a claim raises."""
    return {str(one.kind) for one in flags.raised(made, large=LARGE, many=MANY)}


def seen(**other: Any) -> Seen:
    """Return a document."""
    return Seen(**{"id": 7, "name": "photo.jpg", "facts": {}, **other})


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (facts(), set()),
        (facts(policy_start=INCIDENT), {"early"}),
        (facts(policy_start=INCIDENT - timedelta(days=5)), {"early"}),
        (facts(policy_start=INCIDENT - timedelta(days=6)), set()),
        (facts(policy_start=INCIDENT + timedelta(days=1)), {"before_start"}),
        (facts(policy_start=None), set()),
        (facts(amount=Money(10_000_00, "EUR")), {"round"}),
        (facts(amount=Money(10_000_01, "EUR")), {"large"}),
        (facts(amount=Money(10_001, "JPY")), {"large"}),
        (facts(amount=Money(1_000_00, "EUR")), {"round"}),
        (facts(amount=Money(1_500_00, "EUR")), {"round"}),
        (facts(amount=Money(1_250_00, "EUR")), set()),
        (facts(amount=Money(500_00, "EUR")), set()),
        (facts(earlier=3), {"velocity"}),
        (facts(earlier=2), set()),
        (facts(documents=[seen(same=["CLM-1"])]), {"same_document"}),
        (facts(documents=[seen(near=["CLM-1", "CLM-2"])]), {"similar_picture"}),
        (facts(documents=[seen(facts={"made_at": "2025-07-10T10:00:00", "camera": "X"})]), {"file_date"}),
        (facts(documents=[seen(facts={"made_at": "2025-07-10T10:00:00"})]), set()),
        (facts(documents=[seen(facts={"made_at": "2025-07-19T10:00:00", "camera": "X"})]), set()),
        (facts(documents=[seen(facts={"made_at": "2026-01-01"})]), {"file_date"}),
        (facts(documents=[seen(facts={"made_at": "yesterday"})]), set()),
        (facts(amount=Money(901_00, "EUR"), usual=Usual(30, 100_00, 300_00)), {"outlier"}),
        (facts(amount=Money(900_00, "EUR"), usual=Usual(30, 100_00, 300_00)), set()),
        (facts(amount=Money(901_00, "EUR"), usual=Usual(29, 100_00, 300_00)), set()),
    ],
)
def test_a_flag_is_raised_where_something_is_odd(made: Facts, expected: set[str]) -> None:
    assert kinds(made) == expected


@given(
    amount=st.integers(1, 10**15),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
    days=st.integers(-400, 4000),
    earlier=st.integers(0, 50),
    first=st.integers(1, 10**9),
    spread=st.integers(0, 10**9),
)
def test_every_flag_has_one_sentence_and_its_own_place(
    *, amount: int, currency: str, days: int, earlier: int, first: int, spread: int
) -> None:
    made = facts(
        amount=Money(amount, currency),
        policy_start=INCIDENT - timedelta(days=days),
        earlier=earlier,
        usual=Usual(50, first, first + spread),
        documents=[seen(id=1, same=["A"], near=["B"]), seen(id=2, same=["A", "B"])],
    )
    found = flags.raised(made, large=LARGE, many=MANY)
    assert all(one.reason.endswith(".") and "\n" not in one.reason for one in found)
    assert len({(one.kind, one.about) for one in found}) == len(found)


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with claims_api(system) as client:
        yield client


def raised_on(client: httpx2.Client, claim: int) -> dict[str, dict[str, Any]]:
    """Return the flags of a claim as a reviewer sees them, by kind."""
    shown = client.get(f"/claims/{claim}", headers=as_(REA)).json()
    return {one["flag_reason"]: one for one in shown["fraud_flags"]}


def test_the_same_document_and_a_near_picture_are_found_on_other_claims(
    system: System, client: httpx2.Client
) -> None:
    ids = populate(system)
    mine, theirs = policy_of(system, ids[CARL]), policy_of(system, ids[DORA], "D-1")
    photo, scaled = picture(size=(320, 240)), picture(size=(320, 240), quality=40)
    assert photo != scaled
    first = file_claim(
        client,
        theirs,
        by=DORA,
        claim_amount="123.45",
        files=[("files", ("bill.pdf", pdf(), "application/pdf")), ("files", ("a.jpg", photo, "image/jpeg"))],
    ).json()
    second = file_claim(
        client,
        mine,
        claim_amount="123.45",
        files=[
            ("files", ("renamed.pdf", pdf(), "application/pdf")),
            ("files", ("b.jpg", scaled, "image/jpeg")),
            ("files", ("other.jpg", picture(seed=11), "image/jpeg")),
        ],
    ).json()
    looked_at(system, second["id"])
    found = raised_on(client, second["id"])
    assert set(found) == {"same_document", "similar_picture"}
    assert (
        found["same_document"]["flag_details"] == f"renamed.pdf came with claim {first['claim_number']}, too."
    )
    assert stored(system, second["id"]).open_flags == 2
    shown = client.get(f"/claims/{second['id']}", headers=as_(CARL)).json()
    assert shown["fraud_flags"] == []
    looked_at(system, second["id"])
    assert len(raised_on(client, second["id"])) == 2


def test_a_flag_is_resolved_with_a_note_and_counted(system: System, client: httpx2.Client) -> None:
    claim = file_claim(client, policy_of(system, populate(system)[CARL])).json()
    looked_at(system, claim["id"])
    (flag,) = raised_on(client, claim["id"]).values()
    assert flag["flag_reason"] == "round"
    path = f"/claims/{claim['id']}/flags/{flag['id']}"
    for who, status in ((CARL, 403), (ANA, 403)):
        body = {"finding": "wrong", "note": "A round bill."}
        assert client.post(path, json=body, headers=as_(who)).status_code == status
    assert client.post(path, json={"finding": "wrong", "note": ""}, headers=as_(REA)).status_code == 422
    assert client.post(path, json={"finding": "maybe", "note": "x"}, headers=as_(REA)).status_code == 422
    assert (
        client.post(f"{path}9", json={"finding": "wrong", "note": "x"}, headers=as_(REA)).status_code == 404
    )
    done = client.post(path, json={"finding": "wrong", "note": "A round bill."}, headers=as_(REA))
    assert (done.json()["is_resolved"], done.json()["finding"]) == (True, "wrong")
    again = client.post(path, json={"finding": "right", "note": "Or not."}, headers=as_(REA))
    assert again.status_code == 409
    assert stored(system, claim["id"]).open_flags == 0
    looked_at(system, claim["id"])
    assert stored(system, claim["id"]).open_flags == 0
    with system.sessions.begin() as db:
        (precision,) = flag_rows.precision(db)
    assert (precision.kind, precision.raised, precision.right, precision.wrong, precision.percent) == (
        FlagKind.ROUND,
        1,
        0,
        1,
        0,
    )


def test_an_incident_before_the_start_is_seen_when_the_policy_turns_out_to_begin_later(
    system: System, client: httpx2.Client
) -> None:
    policy = policy_of(system, populate(system)[CARL])
    claim = file_claim(client, policy, claim_amount="123.45").json()
    looked_at(system, claim["id"])
    assert raised_on(client, claim["id"]) == {}
    with system.sessions.begin() as db:
        db.get_one(Policy, policy).start_date = INCIDENT + timedelta(days=3)
    looked_at(system, claim["id"])
    assert raised_on(client, claim["id"])["before_start"]["flag_details"].startswith(
        "The incident was 3 days before"
    )

"""Many claims at once: each by itself, from the queue and over the API, with a result for each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import func, select

from recoup.areas.claims.models import Payment
from recoup.areas.claims.rules.bulk import WAYS, why_not
from recoup.core.ids import new_id
from recoup.core.system import System
from recoup.office.journal.models import Event
from support.claim_rows import written
from support.claims import ANA, CARL, REA, RON, as_, claims_api, populate, stored
from support.desk import text_of

DESK = "/desk/claims"


@pytest.fixture
def ids(system: System) -> dict[str, UUID]:
    return populate(system)


@pytest.fixture
def client(system: System, ids: dict[str, UUID]) -> Iterator[httpx2.Client]:
    assert ids
    with claims_api(system) as client:
        yield client


def chosen(client: httpx2.Client, way: str, claims: list[int], **typed: Any) -> httpx2.Response:
    data = {"way": way, "id": [str(one) for one in claims], **typed}
    return client.post(f"{DESK}/bulk", data=data, headers=as_(REA))


def applied(client: httpx2.Client, way: str, review: httpx2.Response, **typed: Any) -> httpx2.Response:
    seen = re.findall(r'name="seen" value="([^"]+)"', review.text)
    return client.post(f"{DESK}/bulk/apply", data={"way": way, "seen": seen, **typed}, headers=as_(REA))


# ---------------------------------------------------------------- from the queue


def test_what_will_happen_is_shown_first_and_what_happened_to_each_afterwards(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    first, second, third = (written(system, ids[CARL]) for _ in range(3))
    reviewed, own = written(system, ids[CARL], status="under_review"), written(system, ids[REA])
    review = chosen(client, "review", [first, second, third, reviewed, own])
    text = text_of(review)
    assert "Take under review: 3 claims" in text
    assert "It is under review." in text
    assert "Nobody decides on their own claim." in text
    assert stored(system, first).status == "pending"
    client.patch(f"/claims/{second}/status", json={"status": "under_review"}, headers=as_(RON))
    done = applied(client, "review", review, notes="We look at it.")
    page = client.get(done.headers["location"], headers=as_(REA))
    told = text_of(page)
    assert "done to 2. 1 stay as they are." in told
    assert "was changed meanwhile" in told
    assert [stored(system, one).status for one in (first, second, third, own)] == [
        "under_review",
        "under_review",
        "under_review",
        "pending",
    ]
    assert stored(system, first).status_notes == "We look at it."
    assert stored(system, second).status_notes == ""
    for other in (RON, ANA):
        assert client.get(done.headers["location"], headers=as_(other)).status_code == 200


def test_rejecting_duplicates_needs_notes(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    claim = written(system, ids[CARL])
    review = chosen(client, "duplicate", [claim], queue="type=medical")
    assert 'value="type=medical"' in review.text
    bare = applied(client, "duplicate", review)
    assert bare.status_code == 422
    assert "The claimants have to be told why." in text_of(bare)
    assert applied(client, "duplicate", bare, notes="It came with CLM-1.").status_code == 303
    assert (stored(system, claim).status, stored(system, claim).reason_code) == ("rejected", "duplicate")


def test_claims_are_taken_given_back_and_completed_together(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    one, two = written(system, ids[CARL]), written(system, ids[CARL], assignee_id=ids[RON])
    applied(client, "take", chosen(client, "take", [one, two]))
    assert {stored(system, claim).assignee_id for claim in (one, two)} == {ids[REA]}
    applied(client, "give_back", chosen(client, "give_back", [one]))
    assert stored(system, one).assignee_id is None
    paid, owed = (written(system, ids[CARL], status="approved") for _ in range(2))
    with system.sessions.begin() as db:
        rest = {"reference": "", "ended_at": None, "ended_by": "", "opened_at": system.clock()}
        sum_ = {"amount_minor": 10_000, "currency": "EUR", "state": "open"}
        db.add(Payment(id=new_id(), claim_id=owed, person_id=ids[CARL], **sum_, **rest))
    review = chosen(client, "complete", [paid, owed])
    assert "The approved amount is not paid yet." in text_of(review)
    applied(client, "complete", review)
    assert (stored(system, paid).status, stored(system, owed).status) == ("completed", "approved")


def test_what_cannot_be_chosen_is_said(client: httpx2.Client, system: System, ids: dict[str, UUID]) -> None:
    nothing = chosen(client, "review", [], queue="type=fire")
    assert nothing.headers["location"] == f"{DESK}?type=fire"
    assert chosen(client, "dance", [1]).status_code == 422
    assert client.post(f"{DESK}/bulk", data={"way": "review", "id": "x"}, headers=as_(REA)).status_code == 422
    assert chosen(client, "review", list(range(1, 202))).status_code == 422
    assert "1 of what you chose is not there." in text_of(chosen(client, "review", [999]))
    twice = {"way": "review", "seen": ["1 1", "1 1"]}
    assert client.post(f"{DESK}/bulk/apply", data=twice, headers=as_(REA)).status_code == 422
    claim = written(system, ids[CARL])
    for path in ("bulk", "bulk/apply"):
        typed = {"way": "review", "id": str(claim), "seen": f"{claim} 1"}
        assert client.post(f"{DESK}/{path}", data=typed, headers=as_(ANA)).status_code == 403
    assert client.get(f"{DESK}/bulk/{new_id()}", headers=as_(REA)).status_code == 404
    assert stored(system, claim).status == "pending"


def test_what_a_way_can_be_done_to() -> None:
    usual: dict[str, Any] = {"is_own": False, "waits": False, "has_open_payment": False, "is_history": False}

    def open_to(way: str, **changes: Any) -> list[str]:
        statuses = ("pending", "under_review", "approved", "rejected", "completed")
        return [one for one in statuses if why_not(WAYS[way], status=one, **{**usual, **changes}) is None]

    assert open_to("take") == open_to("give_back") == ["pending", "under_review"]
    assert open_to("review") == ["pending", "rejected"]
    assert open_to("duplicate") == ["pending", "under_review"]
    assert open_to("complete") == ["approved"]
    assert open_to("complete", has_open_payment=True) == []
    assert open_to("review", waits=True) == []
    assert open_to("take", waits=True) == ["pending", "under_review"]
    assert open_to("take", is_own=True) == open_to("take", is_history=True) == []


# ---------------------------------------------------------------- over the API


def test_the_api_moves_each_claim_by_itself(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    small = written(system, ids[CARL], status="under_review", claim_minor=50_000)
    large = written(system, ids[CARL], status="under_review", claim_minor=900_000)
    stale = written(system, ids[CARL], status="under_review")
    asked = {
        "status": "approved",
        "status_notes": "As the documents show.",
        "claims": [
            {"id": large, "approved_amount": "9000"},
            {"id": small, "version": 2, "approved_amount": 499.99},
            {"id": stale, "version": 1, "approved_amount": 1},
            {"id": 999, "approved_amount": 1},
        ],
    }
    answer = client.post("/claims/bulk-status", json=asked, headers=as_(REA))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["done"], body["waiting"], body["refused"]) == (1, 1, 2)
    assert [(one["id"], one["outcome"]) for one in body["results"]] == [
        (large, "waiting"),
        (small, "done"),
        (stale, "refused"),
        (999, "refused"),
    ]
    assert body["results"][1]["status"] == "approved"
    assert "was changed meanwhile" in body["results"][2]["detail"]
    assert body["results"][3]["detail"] == "There is no claim 999."
    assert stored(system, small).approved_minor == 49_999
    with system.sessions() as db:
        event = db.scalars(select(Event).where(Event.kind == "claims.moved_together")).one()
        assert event.detail["count"] == 1
        moved = select(func.count()).where(Event.kind == "claims.moved")
        assert db.execute(moved).scalar_one() == 1
    page = text_of(client.get(f"{DESK}/bulk/{body['id']}", headers=as_(REA)))
    assert "Waits for a second person (1)" in page


def test_the_api_refuses_what_is_no_bulk(client: httpx2.Client, system: System, ids: dict[str, UUID]) -> None:
    claim = written(system, ids[CARL])
    under_review = {"status": "under_review", "claims": [{"id": claim}]}
    assert client.post("/claims/bulk-status", json=under_review, headers=as_(CARL)).status_code == 403
    assert client.post("/claims/bulk-status", json=under_review, headers=as_(ANA)).status_code == 403
    for wrong in (
        {"status": "under_review", "claims": []},
        {"status": "under_review", "claims": [{"id": claim}, {"id": claim}]},
        {"status": "under_review", "claims": [{"id": number} for number in range(1, 202)]},
        {"status": "lost", "claims": [{"id": claim}]},
        {"status": "approved", "claims": [{"id": claim, "approved_amount": "1.999"}]},
        {"status": "under_review", "claims": [{"id": claim, "colour": "red"}]},
    ):
        assert client.post("/claims/bulk-status", json=wrong, headers=as_(REA)).status_code == 422, wrong
    assert stored(system, claim).version == 1

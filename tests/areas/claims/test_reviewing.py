"""Deciding claims over real HTTP: who may, what is told, who wins, and what is owed afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from recoup.areas.claims import controls
from recoup.areas.claims.models import History
from recoup.core.system import System
from recoup.office.controls import service as house
from recoup.office.messages.models import Message
from recoup.office.outbox.models import Delivery
from recoup.office.owed import queries as owed
from support.claims import (
    ADA,
    ANA,
    CARL,
    DORA,
    REA,
    RON,
    as_,
    claims_api,
    file_claim,
    looked_at,
    policy_of,
    populate,
    stored,
)


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with claims_api(system) as client:
        yield client


@pytest.fixture
def claim(system: System, client: httpx2.Client) -> dict[str, Any]:
    """A claim of 5,000.00 EUR, the most that a reviewer may approve alone."""
    answer = file_claim(client, policy_of(system, populate(system)[CARL]))
    assert answer.status_code == 200, answer.text
    looked_at(system, answer.json()["id"])
    return dict(answer.json())


def move(
    client: httpx2.Client, claim: dict[str, Any], status: str, *, by: str = REA, **more: Any
) -> httpx2.Response:
    headers = more.pop("headers", {})
    return client.patch(
        f"/claims/{claim['id']}/status", json={"status": status, **more}, headers={**as_(by), **headers}
    )


def under_review(client: httpx2.Client, claim: dict[str, Any]) -> None:
    assert move(client, claim, "under_review").status_code == 200


def mails(system: System, claim: dict[str, Any]) -> list[str]:
    """Return the subjects of what the claimant is written about a claim, in order."""
    with system.sessions.begin() as db:
        statement = (
            select(Message.subject)
            .join(Delivery, Delivery.id == Message.delivery_id)
            .where(Delivery.key.startswith(f"claims:{claim['id']}:"))
        )
        return list(db.scalars(statement.order_by(Delivery.id)))


def test_a_claim_is_reviewed_approved_paid_and_completed(
    system: System, client: httpx2.Client, claim: dict[str, Any]
) -> None:
    number = claim["claim_number"]
    under_review(client, claim)
    approved = move(client, claim, "approved", approved_amount=4800.5, status_notes="Without the deductible.")
    assert approved.status_code == 200, approved.text
    shown = approved.json()
    assert (shown["status"], shown["approved_amount"], shown["status_notes"]) == (
        "approved",
        4800.5,
        "Without the deductible.",
    )
    assert b'"approved_amount":4800.50' in approved.content
    with system.sessions.begin() as db:
        item = owed.by_key(db, f"claims:{number}")
        assert item is not None
        assert (item.state, item.amount_minor, item.currency, item.party) == ("open", 480_050, "EUR", "Carl")
        assert item.lapses_at is not None
    early = move(client, claim, "completed")
    assert (early.status_code, "not paid" in early.json()["detail"]) == (409, True)
    paid = client.post(
        f"/claims/{claim['id']}/payment", json={"state": "paid", "reference": "SEPA 17"}, headers=as_(RON)
    )
    assert paid.json()["payments"][0]["state"] == "paid"
    with system.sessions.begin() as db:
        item = owed.by_key(db, f"claims:{number}")
        assert item is not None
        assert (item.state, item.reason) == ("settled", "paid: SEPA 17")
    done = move(client, claim, "completed")
    assert done.json()["status"] == "completed"
    assert [one["status"] for one in done.json()["history"]] == [
        "pending",
        "under_review",
        "approved",
        "completed",
    ]
    assert mails(system, claim) == [
        f"Claim Submitted Successfully - {number}",
        *[f"Claim Status Updated - {number}"] * 3,
    ]


@pytest.mark.parametrize("word", ["paid", "", "Approved", "approved ", "x" * 5_000])
def test_a_word_that_is_no_status_is_a_bad_request(
    client: httpx2.Client, claim: dict[str, Any], word: str
) -> None:
    answer = move(client, claim, word)
    assert (answer.status_code, "under_review" in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize(("who", "status"), [(CARL, 403), (DORA, 404), (ANA, 403)])
def test_only_reviewers_move_claims(
    system: System, client: httpx2.Client, claim: dict[str, Any], who: str, status: int
) -> None:
    answer = move(client, claim, "under_review", by=who)
    assert answer.status_code == status, answer.text
    assert stored(system, claim["id"]).status == "pending"
    assert len(mails(system, claim)) == 1


def test_nobody_decides_on_their_own_claim(system: System, client: httpx2.Client) -> None:
    mine = file_claim(client, policy_of(system, populate(system)[REA]), by=REA).json()
    answer = move(client, mine, "under_review", by=REA)
    assert (answer.status_code, "own claim" in answer.json()["detail"]) == (403, True)
    assert move(client, mine, "under_review", by=RON).status_code == 200


def test_of_two_reviewers_at_the_same_moment_one_wins(
    system: System, client: httpx2.Client, claim: dict[str, Any]
) -> None:
    under_review(client, claim)
    ready, answers = threading.Barrier(2), {}

    def decide(who: str, status: str, **more: Any) -> None:
        ready.wait()
        answers[who] = move(client, claim, status, by=who, status_notes="Decided.", **more).status_code

    threads = [
        threading.Thread(target=decide, args=(REA, "approved"), kwargs={"approved_amount": "100"}),
        threading.Thread(target=decide, args=(RON, "rejected")),
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(answers.values()) == [200, 409]
    winner = "approved" if answers[REA] == 200 else "rejected"
    assert stored(system, claim["id"]).status == winner
    assert len(mails(system, claim)) == 3
    with system.sessions.begin() as db:
        moves = db.scalars(
            select(History.status).where(History.claim_id == claim["id"]).order_by(History.id)
        ).all()
    assert moves == ["pending", "under_review", winner]


@pytest.mark.parametrize("how", ["body", "header"])
def test_a_decision_on_a_stale_claim_is_refused(
    client: httpx2.Client, claim: dict[str, Any], how: str
) -> None:
    under_review(client, claim)
    seen = {"version": 1} if how == "body" else {"headers": {"If-Match": '"1"'}}
    stale = move(client, claim, "rejected", status_notes="No.", **seen)
    assert (stale.status_code, "version 2 now" in stale.json()["detail"]) == (412, True)
    fresh = {"version": 2} if how == "body" else {"headers": {"If-Match": '"2"'}}
    assert move(client, claim, "rejected", status_notes="No.", **fresh).status_code == 200


NO_AMOUNTS: tuple[Any, ...] = (
    *(5000.01, "5000.01", -1, 0, "0.001", "1.000000000001", "\uff11\uff10\uff10", "1e3"),
    *("NaN", "Infinity", "1e309", "", True, [], 1e300),
)


def test_an_approved_amount_is_an_amount_within_the_claim(
    system: System, client: httpx2.Client, claim: dict[str, Any]
) -> None:
    under_review(client, claim)
    for amount in NO_AMOUNTS:
        answer = move(client, claim, "approved", approved_amount=amount)
        assert answer.status_code == 422, (amount, answer.text)
    assert stored(system, claim["id"]).status == "under_review"


@pytest.mark.parametrize(
    "body",
    [b'{"status": "approved", "approved_amount": NaN}', b'{"status": "approved", "approved_amount": 1e309}'],
)
def test_numbers_that_json_does_not_have_are_refused(
    client: httpx2.Client, claim: dict[str, Any], body: bytes
) -> None:
    under_review(client, claim)
    headers = as_(REA, **{"Content-Type": "application/json"})
    assert client.patch(f"/claims/{claim['id']}/status", content=body, headers=headers).status_code == 422


def test_a_move_takes_no_other_field(client: httpx2.Client, claim: dict[str, Any]) -> None:
    for field in ("user_id", "role", "is_admin", "created_at", "claim_amount", "person_id"):
        assert move(client, claim, "under_review", **{field: "1"}).status_code == 422


def test_more_than_the_policy_pays_is_refused(system: System, client: httpx2.Client) -> None:
    policy = policy_of(system, populate(system)[CARL], "H-2", insured=100_000)
    claim = file_claim(client, policy).json()
    under_review(client, claim)
    assert move(client, claim, "approved", approved_amount=1000.01).status_code == 422
    assert move(client, claim, "approved", approved_amount=1000).status_code == 200


class TestAboveTheLimit:
    @pytest.fixture
    def waiting(self, system: System, client: httpx2.Client) -> dict[str, Any]:
        claim = file_claim(client, policy_of(system, populate(system)[CARL]), claim_amount="9000").json()
        looked_at(system, claim["id"])
        under_review(client, claim)
        answer = move(client, claim, "approved", approved_amount=5000.01, status_notes="As billed.")
        assert answer.status_code == 202, answer.text
        assert answer.json()["status"] == "under_review"
        assert answer.json()["waiting"]["amount"] == 5000.01
        return dict(answer.json())

    def say(self, client: httpx2.Client, claim: dict[str, Any], by: str, **body: Any) -> httpx2.Response:
        return client.post(f"/claims/{claim['id']}/decision", json=body, headers=as_(by))

    def test_a_second_person_confirms(
        self, system: System, client: httpx2.Client, waiting: dict[str, Any]
    ) -> None:
        assert len(mails(system, waiting)) == 2
        first = self.say(client, waiting, REA, confirm=True)
        assert (first.status_code, "another one" in first.json()["detail"]) == (403, True)
        second = self.say(client, waiting, RON, confirm=True)
        assert (second.status_code, second.json()["status"]) == (200, "approved")
        assert second.json()["approved_amount"] == 5000.01
        assert len(mails(system, waiting)) == 3
        assert self.say(client, waiting, RON, confirm=True).status_code == 409

    def test_or_sends_it_back(self, system: System, client: httpx2.Client, waiting: dict[str, Any]) -> None:
        assert self.say(client, waiting, RON, confirm=False).status_code == 422
        back = self.say(client, waiting, RON, confirm=False, note="The bill is from last year.")
        assert (back.json()["status"], back.json()["waiting"]) == ("under_review", None)
        assert len(mails(system, waiting)) == 2
        assert move(client, waiting, "rejected", status_notes="Too old.").status_code == 200

    def test_nothing_else_happens_meanwhile(self, client: httpx2.Client, waiting: dict[str, Any]) -> None:
        for status in ("approved", "rejected", "pending"):
            amount = {"approved_amount": 1} if status == "approved" else {}
            answer = move(client, waiting, status, by=RON, status_notes="Now.", **amount)
            assert (answer.status_code, "second person" in answer.json()["detail"]) == (409, True)

    def test_a_customer_is_not_the_second_person(
        self, client: httpx2.Client, waiting: dict[str, Any]
    ) -> None:
        assert self.say(client, waiting, CARL, confirm=True).status_code == 403
        shown = client.get(f"/claims/{waiting['id']}", headers=as_(CARL)).json()
        assert shown["waiting"] is None

    def test_a_reviewer_with_a_higher_limit_approves_alone(
        self, system: System, client: httpx2.Client, waiting: dict[str, Any]
    ) -> None:
        with system.sessions.begin() as db:
            house.change(
                db,
                controls.AUTHORITIES,
                [f"{RON} 9000"],
                expected_version=0,
                actor="test",
                now=system.clock(),
            )
        self.say(client, waiting, RON, confirm=False, note="I do it myself.")
        assert move(client, waiting, "approved", by=RON, approved_amount=9000).status_code == 200


def test_parts_are_approved_one_by_one(system: System, client: httpx2.Client) -> None:
    lines = '[{"title": "Operation", "amount": "900.00"}, {"title": "Single room", "amount": "100.00"}]'
    policy = policy_of(system, populate(system)[CARL])
    assert file_claim(client, policy, claim_amount="1001", lines=lines).status_code == 422
    claim = file_claim(client, policy, claim_amount="1000", lines=lines).json()
    under_review(client, claim)
    whole, nothing = {"position": 1, "approved_amount": 900}, {"position": 2, "approved_amount": 0}
    refused = [
        [whole],
        [whole, nothing],
        [whole, {**nothing, "reason_code": "because"}],
        [whole, whole],
        [{**whole, "approved_amount": 900.01}, {**nothing, "reason_code": "not_covered"}],
    ]
    for parts in refused:
        answer = move(client, claim, "approved", approved_amount=900, lines=parts)
        assert answer.status_code == 422, (parts, answer.text)
    good = [whole, {**nothing, "reason_code": "not_covered"}]
    assert move(client, claim, "approved", approved_amount=901, lines=good).status_code == 422
    answer = move(client, claim, "approved", approved_amount=900, lines=good)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert [(one["approved_amount"], one["reason_code"]) for one in shown["lines"]] == [
        (900, ""),
        (0, "not_covered"),
    ]


def test_a_rejection_is_appealed_while_that_is_possible(
    client: httpx2.Client, claim: dict[str, Any], clock: Any
) -> None:
    under_review(client, claim)
    path = f"/claims/{claim['id']}/appeal"
    assert client.post(path, json={"note": "Why not?"}, headers=as_(CARL)).status_code == 409
    move(client, claim, "rejected", status_notes="Not covered.")
    assert client.post(path, json={"note": ""}, headers=as_(CARL)).status_code == 422
    assert client.post(path, json={"note": "It is."}, headers=as_(DORA)).status_code == 404
    assert client.post(path, json={"note": "It is."}, headers=as_(CARL)).json()["status"] == "under_review"
    move(client, claim, "rejected", status_notes="Still not.")
    clock.advance(days=31)
    late = client.post(path, json={"note": "It is!"}, headers=as_(CARL))
    assert (late.status_code, "is over" in late.json()["detail"]) == (409, True)
    assert move(client, claim, "under_review", status_notes="A court says so.").status_code == 200


def test_a_claim_is_withdrawn_while_nobody_reviews_it(
    system: System, client: httpx2.Client, claim: dict[str, Any]
) -> None:
    path = f"/claims/{claim['id']}/withdrawal"
    assert client.post(path, json={}, headers=as_(DORA)).status_code == 404
    answer = client.post(path, json={}, headers=as_(CARL))
    assert (answer.json()["status"], answer.json()["reason_code"]) == ("rejected", "withdrawn")
    assert client.post(path, json={}, headers=as_(CARL)).status_code == 409
    other = file_claim(client, policy_of(system, populate(system)[CARL], "H-9")).json()
    under_review(client, other)
    assert client.post(f"/claims/{other['id']}/withdrawal", json={}, headers=as_(CARL)).status_code == 409


def test_notes_on_a_claim_that_stays_send_no_mail(
    system: System, client: httpx2.Client, claim: dict[str, Any]
) -> None:
    answer = move(client, claim, "pending", status_notes="Called the claimant.")
    assert answer.json()["status_notes"] == "Called the claimant."
    assert [one["notes"] for one in answer.json()["history"]] == ["", "Called the claimant."]
    assert len(mails(system, claim)) == 1


def test_an_administrator_reviews_and_does_not_file(
    system: System, client: httpx2.Client, claim: dict[str, Any]
) -> None:
    assert move(client, claim, "under_review", by=ADA).status_code == 200
    assert file_claim(client, policy_of(system, populate(system)[ADA], "A-1"), by=ADA).status_code == 403

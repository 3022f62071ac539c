"""My claims and my policies: what a claimant sees, is asked, and can do; and what they never see."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, update

from recoup.areas.claims.models import Claim, Document, DocumentState, Flag, Note, Status
from recoup.core.system import System
from recoup.office.journal import service as journal
from recoup.office.people.permissions import Role
from support.claimant import MINE, Claimant, claimant_on
from support.claims import ADA, CARL, DORA, REA, as_, claims_api, pdf, policy_of
from support.desk import desk, links_of, main_of, text_of
from support.house import MovableClock

HOSTILE = "<script>alert(1)</script> {{7*7}}"


@pytest.fixture
def carl(system: System) -> Iterator[Claimant]:
    with claimant_on(system) as made:
        yield made


@pytest.fixture
def claim(carl: Claimant) -> int:
    return carl.filed()


def move(carl: Claimant, claim: int, status: str, **more: Any) -> None:
    answer = carl.client.patch(f"/claims/{claim}/status", json={"status": status, **more}, headers=as_(REA))
    assert answer.status_code == 200, answer.text


def ask(carl: Claimant, claim: int, text: str) -> None:
    answer = carl.client.post(
        f"/claims/{claim}/notes", json={"text": text, "is_request": True}, headers=as_(REA)
    )
    assert answer.status_code == 200, answer.text


def page(carl: Claimant, claim: int) -> str:
    answer = carl.get(f"{MINE}/{claim}")
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+([.,])", r"\1", text_of(main_of(answer)))


# ---------------------------------------------------------------- landing, lists


def test_a_customer_lands_on_their_claims(system: System) -> None:
    with desk(system) as client:
        for role, place in (
            (Role.CUSTOMER, MINE),
            (Role.REVIEWER, None),
            (Role.ADMINISTRATOR, None),
        ):
            led = client.get("/desk", headers=as_(role.value))
            assert led.headers.get("location") == place, role


def test_a_customer_is_shown_no_search_that_would_be_refused(carl: Claimant) -> None:
    mine = carl.get(MINE)
    assert "data-finder" not in mine.text
    assert [one for one in links_of(mine) if one.startswith("/desk/search")] == []
    assert "data-finder" in carl.client.get("/desk", headers=as_(ADA)).text


def test_the_empty_list_leads_to_filing(carl: Claimant) -> None:
    mine = carl.get(MINE)
    assert "You have filed no claim yet" in text_of(mine)
    assert f"{MINE}/new" in links_of(mine)
    nobody = carl.client.get(MINE, headers=as_(DORA))
    assert "You have no policy here yet" in text_of(nobody)
    assert f"{MINE}/new" not in links_of(nobody)


def test_the_list_tells_drafts_open_and_decided_claims_apart(
    carl: Claimant, claim: int, clock: MovableClock
) -> None:
    at = carl.draft(claim_type="theft")
    decided = carl.filed()
    move(carl, decided, "under_review")
    move(carl, decided, "approved", approved_amount="4000", reason_code="deductible")
    ask(carl, claim, "Please send the bill.")
    mine = text_of(carl.get(MINE))
    places = [
        mine.index(one)
        for one in ("Not filed yet", "Theft", "Not decided yet", "Your turn", "Decided", "4,000.00")
    ]
    assert places == sorted(places)
    assert at in carl.get(MINE).text
    assert "of 5,000.00 EUR" in mine
    clock.advance(days=1)
    theirs = text_of(carl.client.get(MINE, headers=as_(DORA)))
    assert "CLM-" not in theirs


def test_decided_claims_go_on_page_by_page(carl: Claimant, claim: int, system: System) -> None:
    move(carl, claim, "under_review")
    move(carl, claim, "rejected", status_notes="No.")
    with system.sessions.begin() as db:
        first = db.get_one(Claim, claim)
        columns = [one.key for one in Claim.__table__.columns if one.key not in {"id", "claim_number"}]
        for number in range(25):
            copied = {name: getattr(first, name) for name in columns}
            db.add(Claim(claim_number=f"CLM-20250101-{number:08X}", **copied))
    shown, path = [], MINE
    while path:
        answer = carl.get(path)
        shown += re.findall(r"CLM-\d{8}-[0-9A-F]{8}", main_of(answer))
        path = next((html.unescape(one) for one in links_of(answer) if "?after=" in one), "")
    assert len(shown) == len(set(shown)) == 26


# ---------------------------------------------------------------- one claim


def test_what_happens_next_is_told_with_its_day(carl: Claimant, claim: int, clock: MovableClock) -> None:
    assert "A reviewer takes up your claim by 26 Jul 2025, 16:30." in page(carl, claim)
    clock.advance(days=3)
    assert "That should have been done by 26 Jul 2025, 16:30. We are late" in page(carl, claim)
    move(carl, claim, "under_review")
    assert "A reviewer looks at your claim and decides by 01 Aug 2025, 16:30." in page(carl, claim)
    move(
        carl,
        claim,
        "approved",
        approved_amount="4800",
        status_notes="Without the deductible.",
        reason_code="deductible",
    )
    text = page(carl, claim)
    assert "4,800.00 EUR are paid to you by 10 Aug 2025, 16:30." in text
    assert "4,800.00 EUR were approved" in text
    assert "Deductible. Without the deductible." in text
    assert "on its way" in text
    paid = carl.client.post(
        f"/claims/{claim}/payment", json={"state": "paid", "reference": "SEPA 7"}, headers=as_(REA)
    )
    assert paid.status_code == 200
    assert "4,800.00 EUR were paid" in page(carl, claim)
    assert "Reference: SEPA 7" in page(carl, claim)
    move(carl, claim, "completed")
    assert "Nothing more: the claim is completed." in page(carl, claim)


def test_moments_are_in_the_readers_zone(system: System) -> None:
    with claimant_on(system, zone="America/New_York") as carl:
        assert "by 26 Jul 2025, 12:30." in page(carl, carl.filed())


def test_messages_go_both_ways_in_one_stream(carl: Claimant, claim: int, clock: MovableClock) -> None:
    clock.advance(minutes=1)
    ask(carl, claim, "Please send the second page.")
    asked = page(carl, claim)
    assert "It is your turn" in asked
    assert asked.count("Please send the second page.") == 2  # where it is told what to do, and in the stream
    clock.advance(minutes=1)
    led = carl.post(f"{MINE}/{claim}/messages", {"text": f"Here it is. {HOSTILE}"})
    assert led.headers["location"] == f"{MINE}/{claim}#story"
    answer = carl.get(f"{MINE}/{claim}")
    text = page(carl, claim)
    assert text.index("You wrote") < text.index("The reviewer asks") < text.index("You filed the claim")
    assert "It is your turn" not in text
    assert "<script>alert" not in answer.text
    assert HOSTILE in html.unescape(answer.text)
    seen = carl.client.get(f"/claims/{claim}/notes", headers=as_(REA)).json()
    assert [one["from_staff"] for one in seen] == [True, False]


@pytest.mark.parametrize("text", ["", "   ", "x" * 2001])
def test_a_message_that_cannot_be_sent_stays_in_its_field(carl: Claimant, claim: int, text: str) -> None:
    refused = carl.post(f"{MINE}/{claim}/messages", {"text": text})
    assert refused.status_code == 422
    assert "The message is" in text_of(refused)
    assert f">{text}</textarea>" in refused.text


def test_a_requested_document_is_sent_with_a_form(carl: Claimant, claim: int, clock: MovableClock) -> None:
    assert "data-uploads" not in carl.get(f"{MINE}/{claim}").text
    clock.advance(minutes=1)
    ask(carl, claim, "The bill, please.")
    assert f'data-uploads="{MINE}/{claim}/uploads"' in carl.get(f"{MINE}/{claim}").text
    clock.advance(minutes=1)
    assert carl.add(f"{MINE}/{claim}", "second.pdf", pdf("Second")).headers["location"] == f"{MINE}/{claim}"
    assert "You added second.pdf" in page(carl, claim)
    refused = carl.add(f"{MINE}/{claim}", "bill.exe", b"MZ")
    assert refused.status_code == 422
    assert "bill.exe is of a kind that is not taken" in text_of(refused)


def test_a_claim_is_withdrawn_only_while_it_is_pending(carl: Claimant, claim: int) -> None:
    other = carl.filed()
    assert carl.post(f"{MINE}/{claim}/withdrawal", {"note": ""}).status_code == 303
    text = page(carl, claim)
    assert "You withdrew the claim" in text
    assert "Nothing more: the claim was withdrawn." in text
    assert "Appeal" not in text
    move(carl, other, "under_review")
    assert f"{MINE}/{other}/withdrawal" not in carl.get(f"{MINE}/{other}").text
    refused = carl.post(f"{MINE}/{other}/withdrawal", {"note": "Too late"})
    assert refused.status_code == 409
    assert "cannot be withdrawn any more" in text_of(refused)


def test_a_rejection_is_appealed_within_its_time(carl: Claimant, claim: int, clock: MovableClock) -> None:
    move(carl, claim, "under_review")
    move(carl, claim, "rejected", status_notes="The policy does not cover this.", reason_code="not_covered")
    text = page(carl, claim)
    assert "you can appeal until 23 Aug 2025, 16:30." in text
    assert "Not covered by the policy. The policy does not cover this." in text
    empty = carl.post(f"{MINE}/{claim}/appeal", {"note": " "})
    assert empty.status_code == 422
    assert "An appeal says why" in text_of(empty)
    clock.advance(days=1)
    assert carl.post(f"{MINE}/{claim}/appeal", {"note": "Paragraph 7 does."}).status_code == 303
    text = page(carl, claim)
    assert "You appealed" in text
    assert "Paragraph 7 does." in text
    move(carl, claim, "rejected", status_notes="No.")
    clock.advance(days=31)
    text = page(carl, claim)
    assert "the time for an appeal is over" in text
    assert f"{MINE}/{claim}/appeal" not in carl.get(f"{MINE}/{claim}").text
    late = carl.post(f"{MINE}/{claim}/appeal", {"note": "Please."})
    assert late.status_code == 409


def test_nothing_that_helps_reviewers_is_shown_and_none_of_their_names(
    carl: Claimant, claim: int, system: System
) -> None:
    move(carl, claim, "under_review")
    ask(carl, claim, "One more thing.")
    big = carl.client.patch(
        f"/claims/{claim}/status", json={"status": "approved", "approved_amount": "5000"}, headers=as_(REA)
    )
    assert big.status_code == 200
    with system.sessions.begin() as db:
        db.add(
            Flag(
                claim_id=claim,
                person_id=carl.ids[CARL],
                kind="round",
                about="",
                reason="A suspiciously round sum.",
                details={},
                created_at=system.clock(),
                finding=None,
                resolved_at=None,
                resolved_by="",
                note="",
            )
        )
    answer = carl.get(f"{MINE}/{claim}").text
    assert "suspiciously" not in answer
    assert REA not in answer


def test_a_waiting_second_decision_is_not_told(carl: Claimant, system: System) -> None:
    at = carl.draft(
        claim_type="fire", incident_date="2025-07-20", description="All burnt.", claim_amount="90000"
    )
    carl.add(at)
    carl.post(f"{at}/file")
    with system.sessions.begin() as db:
        claim = db.scalars(select(Claim.id)).one()
    move(carl, claim, "under_review")
    waits = carl.client.patch(
        f"/claims/{claim}/status", json={"status": "approved", "approved_amount": "90000"}, headers=as_(REA)
    )
    assert waits.status_code == 202
    text = page(carl, claim)
    assert "Under review" in text
    assert "approved" not in text.lower()


def test_a_mail_that_did_not_arrive_is_told(
    carl: Claimant, claim: int, system: System, clock: MovableClock
) -> None:
    other = carl.filed()
    with system.sessions.begin() as db:
        journal.record(
            db,
            "claims.mail_refused",
            f"claims/claim/{claim}",
            actor="claims",
            now=system.clock(),
            reason="No such mailbox.",
        )
    text = page(carl, claim)
    assert "A mail about this claim did not reach you" in text
    assert "carl@customer.test: No such mailbox." in text
    assert "Ask your insurer to correct your address" in text
    assert "did not reach you" not in page(carl, other)
    clock.advance(days=31)
    assert "did not reach you" not in page(carl, claim)


def test_documents_that_are_held_or_infected_are_told_with_what_to_do(
    carl: Claimant, claim: int, system: System
) -> None:
    with system.sessions.begin() as db:
        db.execute(update(Document).values(state=DocumentState.HELD))
    text = page(carl, claim)
    assert "bill.pdf waits for the virus scanner" in text
    assert "/pages/1" not in carl.get(f"{MINE}/{claim}").text  # no picture is asked for that would be refused
    with system.sessions.begin() as db:
        db.execute(update(Document).values(state=DocumentState.INFECTED, reason="Eicar"))
    text = page(carl, claim)
    assert "bill.pdf cannot be used: the virus scanner found Eicar in it" in text
    assert "write to the reviewer" in text
    with system.sessions.begin() as db:
        db.execute(update(Claim).values(asked_at=system.clock()))
    assert "send it below" in page(carl, claim)
    assert "bill.pdf cannot be used" in text_of(carl.get(MINE))


def test_nobody_reaches_anothers_claim_not_even_staff_by_this_door(carl: Claimant, claim: int) -> None:
    for who in (DORA, REA):
        assert carl.client.get(f"{MINE}/{claim}", headers=as_(who)).status_code == 404
        for path in ("messages", "withdrawal", "appeal"):
            sent = carl.client.post(
                f"{MINE}/{claim}/{path}", data={"text": "x", "note": "x"}, headers=as_(who)
            )
            assert sent.status_code == 404, path
    for wrong in ("0", "-1", "99999999999999999999", "x"):
        assert carl.get(f"{MINE}/{wrong}").status_code in {404, 422}
    with carl.system.sessions.begin() as db:
        assert db.scalars(select(Note)).all() == []
        assert db.scalars(select(Claim.status)).all() == [Status.PENDING]


def test_a_claim_that_was_imported_as_history_is_not_ones_own(
    carl: Claimant, claim: int, system: System
) -> None:
    with system.sessions.begin() as db:
        db.execute(update(Claim).values(is_history=True))
    assert carl.get(f"{MINE}/{claim}").status_code == 404
    assert "CLM-" not in text_of(carl.get(MINE))


# ---------------------------------------------------------------- policies


def test_policies_say_how_they_stand_and_lead_to_filing(carl: Claimant, system: System) -> None:
    mine = carl.ids[CARL]
    over = policy_of(system, mine, "OLD", first=date(2023, 1, 1), last=date(2023, 12, 31))
    policy_of(system, mine, "GONE", status="cancelled")
    policy_of(system, mine, "SOON", first=date(2026, 1, 1), last=date(2026, 12, 31))
    policy_of(system, carl.ids[DORA], "HERS")
    answer = carl.get("/desk/my-policies")
    text = text_of(answer)
    for number, standing in (
        ("H-1", "active"),
        ("OLD", "ended"),
        ("GONE", "cancelled"),
        ("SOON", "not begun"),
    ):
        assert f"{number} {standing}" in text
    assert "HERS" not in text
    wanted = {f"{MINE}/new?policy={one}" for one in (carl.policy, over)}
    assert {one for one in links_of(answer) if "policy=" in one} == wanted
    chosen = carl.get(f"{MINE}/new?policy={over}")
    assert f'value="{over}" checked' in chosen.text


def test_days_are_the_readers_own(system: System, clock: MovableClock) -> None:
    """On 31 December at 12:30 UTC it is next year already in Auckland."""
    clock.now = clock.now.replace(month=12, day=31, hour=12, minute=30)
    with claimant_on(system, zone="Pacific/Auckland") as carl:
        assert "H-1 ended" in text_of(carl.get("/desk/my-policies"))
        at = carl.draft(incident_date="2026-01-01")
        assert 'max="2026-01-01"' in carl.get(f"{at}/what-happened").text
        assert "in the future" not in text_of(carl.get(f"{at}/review"))
    with claims_api(system) as client:
        assert "H-1 active" in text_of(client.get("/desk/my-policies", headers=as_(CARL)))

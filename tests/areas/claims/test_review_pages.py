"""One claim on the review desk: what a reviewer sees, decides with two clicks, and can defend afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import func, select

from recoup.areas.claims.models import (
    Claim,
    Decision,
    Document,
    Estimate,
    Flag,
    History,
    Line,
    Note,
    Payment,
    Proposal,
)
from recoup.areas.claims.queries import review_rows
from recoup.core.ids import new_id
from recoup.core.system import System
from recoup.office.journal import service as journal
from recoup.office.journal.models import Event
from recoup.office.outbox.models import Delivery
from support.browsing import fields
from support.claim_rows import written
from support.claims import ANA, CARL, REA, RON, as_, claims_api, file_claim, policy_of, populate, stored
from support.desk import text_of
from support.house import MovableClock

DESK = "/desk/claims"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ATTACK = "<script>alert(1)</script> {{7*7}}"


@pytest.fixture
def ids(system: System) -> dict[str, UUID]:
    return populate(system)


@pytest.fixture
def client(system: System, ids: dict[str, UUID]) -> Iterator[httpx2.Client]:
    assert ids
    with claims_api(system) as client:
        yield client


@pytest.fixture
def filed(system: System, ids: dict[str, UUID]) -> int:
    """A claim over 5,000 EUR."""
    return written(system, ids[CARL], claim_minor=500_000)


@pytest.fixture
def sent_in(client: httpx2.Client, system: System, ids: dict[str, UUID]) -> int:
    """A claim over 5,000 EUR with one document, as its claimant filed it."""
    number: int = file_claim(client, policy_of(system, ids[CARL])).json()["id"]
    return number


def page(client: httpx2.Client, claim: int, *, by: str = REA, **query: Any) -> httpx2.Response:
    return client.get(f"{DESK}/{claim}", params=query, headers=as_(by))


def sent(
    client: httpx2.Client, claim: int, where: str, *, by: str = REA, queue: str = "", **typed: Any
) -> httpx2.Response:
    """Send a form of a claim's page as it stands there, with what is typed into it."""
    form = fields(page(client, claim, by=by, queue=queue), f"{DESK}/{claim}/{where}")
    return client.post(f"{DESK}/{claim}/{where}", data={**form, **typed}, headers=as_(by))


def decide(client: httpx2.Client, claim: int, how: str, **typed: Any) -> httpx2.Response:
    return sent(client, claim, "decide", how=how, **typed)


def count(system: System, table: Any, *conditions: Any) -> int:
    with system.sessions() as db:
        return int(db.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one())


# ---------------------------------------------------------------- looking


def test_a_claim_is_shown_with_its_documents_and_what_is_claimed(client: httpx2.Client, sent_in: int) -> None:
    shown = page(client, sent_in)
    text = text_of(shown)
    assert "5,000.00 EUR" in text
    assert "Emergency treatment" in text
    assert "carl@customer.test" in text
    assert "document.pdf" in text
    picture = re.search(r'<img src="(/desk/claims-documents/\d+/pages/1)', shown.text)
    assert picture is not None
    drawn = client.get(picture[1], headers=as_(REA))
    assert drawn.headers["content-type"].startswith("image/")
    assert re.search(r'href="/desk/claims-documents/\d+/download"', shown.text)


def test_what_a_claimant_wrote_is_shown_as_they_wrote_it(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    claim = written(system, ids[CARL], description=ATTACK, person_name=ATTACK, loss_location=ATTACK)
    for path in (f"{DESK}/{claim}", f"{DESK}/{claim}/file", DESK, f"{DESK}/all"):
        shown = client.get(path, headers=as_(REA))
        assert shown.status_code == 200
        assert "<script>alert(1)" not in shown.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt; {{7*7}}" in shown.text


def test_what_is_no_claim_is_not_found(client: httpx2.Client) -> None:
    for path in ("999", "0", "9" * 30, "abc", "-1", "999/file", "999/mail?how=approve"):
        assert client.get(f"{DESK}/{path}", headers=as_(REA)).status_code in {404, 422}, path


def test_analysts_look_and_claimants_do_not(client: httpx2.Client, sent_in: int) -> None:
    looked = page(client, sent_in, by=ANA)
    assert looked.status_code == 200
    assert "carl@customer.test" not in looked.text
    assert f"{DESK}/{sent_in}/decide" not in looked.text
    for where in ("decide", "second", "payment", "messages", "desk", "reached", "flags/1"):
        refused = client.post(f"{DESK}/{sent_in}/{where}", data={"how": "review"}, headers=as_(ANA))
        assert refused.status_code == 403, where
    assert client.get(f"{DESK}/{sent_in}/mail?how=review", headers=as_(ANA)).status_code == 403
    for path in ("", "/file", "/mail"):
        assert client.get(f"{DESK}/{sent_in}{path}", headers=as_(CARL)).status_code == 403


def test_documents_that_are_held_or_infected_are_told_of_and_not_drawn(
    client: httpx2.Client, system: System, sent_in: int
) -> None:
    for state, told in (("held", "waits for the virus scanner"), ("infected", "the virus scanner found")):
        with system.sessions.begin() as db:
            document = db.scalars(select(Document)).one()
            document.state, document.reason = state, "Win.Test"
        shown = page(client, sent_in)
        assert told in text_of(shown)
        assert "<img" not in shown.text


def test_hints_are_shown_as_hints_and_a_reading_is_found_right_or_wrong(
    client: httpx2.Client, system: System, sent_in: int
) -> None:
    claim = stored(system, sent_in)
    with system.sessions.begin() as db:
        document = db.scalars(select(Document)).one()
        common = {"document_id": document.id, "person_id": claim.person_id, "page": 1, "engine": "text"}
        made = {"made_at": system.clock(), "taken": None}
        for field, value, box in (("amount", "4640.00", [1, 2, 30, 40]), ("date", "2025-07-18", [])):
            db.add(Proposal(id=new_id(), field=field, value=value, box=box, confidence=930, **common, **made))
        estimate = {"low_minor": 100_000, "expected_minor": 420_000, "high_minor": 560_000, "similar": 214}
        db.add(Estimate(claim_id=sent_in, person_id=claim.person_id, made_at=system.clock(), **estimate))
    shown = page(client, sent_in)
    text = text_of(shown)
    assert "214 similar claims" in text
    assert text.count("a hint, not a decision") >= 2
    assert '<rect x="1" y="2" width="29" height="38"/>' in shown.text
    assert "93 % sure" in text
    assert 'value="4640.00"' in page(client, sent_in, amount="4640.00").text
    readings = re.findall(rf"{DESK}/{sent_in}/(readings/[0-9a-f-]+)", shown.text)
    first = dict.fromkeys(readings)
    for where, finding in zip(first, ("right", "wrong"), strict=True):
        assert sent(client, sent_in, where, finding=finding).status_code == 303
        assert sent(client, sent_in, where, finding=finding).status_code == 409
    assert sorted(one.taken for one in _all(system, Proposal)) == [False, True]


def _all(system: System, table: Any) -> list[Any]:
    with system.sessions() as db:
        return list(db.scalars(select(table)))


# ---------------------------------------------------------------- deciding, two clicks from the queue


def test_a_decision_takes_two_clicks_and_opens_the_next_claim(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    small, large, middle = (written(system, ids[CARL], claim_minor=minor) for minor in (100, 90_000, 5_000))
    queue = client.get(DESK, params={"order": "largest"}, headers=as_(REA)).text
    opened = re.search(r'data-href="([^"]+)"', queue)
    assert opened is not None
    path = opened[1].replace("&amp;", "&")  # the first click
    assert path == f"{DESK}/{large}?queue=order%3Dlargest"
    form = fields(client.get(path, headers=as_(REA)), f"{DESK}/{large}/decide")
    decided = client.post(
        f"{DESK}/{large}/decide", data={**form, "how": "approve"}, headers=as_(REA)
    )  # the second
    assert decided.headers["location"] == f"{DESK}/{middle}?queue=order%3Dlargest"
    assert stored(system, large).approved_minor == 90_000
    after = decide(client, middle, "reject", notes="Filed twice.", reason="duplicate", queue="order=largest")
    assert after.headers["location"] == f"{DESK}/{small}?queue=order%3Dlargest"
    last = decide(client, small, "approve", queue="order=largest")
    assert last.headers["location"] == f"{DESK}?order=largest"
    shown = client.get(last.headers["location"], headers=as_(REA))
    assert "That was the last one in this order." in text_of(shown)


def test_the_next_claim_is_of_the_same_queue_and_none_of_ones_own(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    now = system.clock()
    first = written(system, ids[CARL], claim_type="fire", due_at=now)
    written(system, ids[CARL], due_at=now + HOUR)
    written(system, ids[REA], claim_type="fire", due_at=now + 2 * HOUR)
    third = written(system, ids[CARL], claim_type="fire", due_at=now + 3 * HOUR)
    assert decide(client, first, "ask", notes="More, please.", queue="type=fire").headers["location"] == (
        f"{DESK}/{third}?queue=type%3Dfire"
    )


def test_a_queue_that_cannot_be_read_leads_nowhere_strange(client: httpx2.Client, filed: int) -> None:
    for words in ("https://evil.test", "order=x", "%00", "a" * 3_000):
        shown = page(client, filed, queue=words)
        assert shown.status_code == 200
        decided = decide(client, filed, "review", queue=words)
        assert decided.status_code in {303, 422}
        assert decided.headers.get("location", DESK).startswith(DESK)


def test_approving_what_nobody_reviewed_takes_it_under_review_first(
    client: httpx2.Client, system: System, filed: int
) -> None:
    assert (
        decide(
            client, filed, "approve", amount="4800.00", reason="deductible", notes="Without it."
        ).status_code
        == 303
    )
    claim = stored(system, filed)
    assert (claim.status, claim.approved_minor, claim.version) == ("approved", 480_000, 3)
    moves = [(one.was, one.status) for one in _all(system, History)]
    assert moves == [(None, "pending"), ("pending", "under_review"), ("under_review", "approved")]
    assert count(system, Delivery, Delivery.key.in_([f"claims:{filed}:2", f"claims:{filed}:3"])) == 2
    assert count(system, Payment, Payment.state == "open") == 1


def test_a_refused_decision_leaves_no_half_of_itself(
    client: httpx2.Client, system: System, filed: int
) -> None:
    refused = decide(client, filed, "approve", amount="5000.01")
    assert refused.status_code == 422
    assert "more than what was claimed" in text_of(refused)
    assert 'value="5000.01"' in refused.text
    assert stored(system, filed).status == "pending"
    assert count(system, History) == 1


WRONG: tuple[tuple[str, dict[str, str], str], ...] = (
    ("reject", {}, "A rejection needs notes: the claimant is told why."),
    ("ask", {"notes": "  "}, "Write what is missing: the claimant is told so."),
    ("approve", {"amount": "a lot"}, "is not an amount"),
    ("approve", {"amount": ""}, "is not an amount"),
    ("approve", {"amount": "0"}, "more than nothing"),
    ("approve", {"amount": "10", "reason": "because"}, "Choose one of the reasons."),
    ("reject", {"notes": "x" * 2_001}, "longer than 2,000 characters"),
)


def test_what_is_wrong_with_a_decision_stands_beside_the_field(
    client: httpx2.Client, system: System, filed: int
) -> None:
    for how, typed, sentence in WRONG:
        refused = decide(client, filed, how, **typed)
        assert refused.status_code == 422
        assert sentence in text_of(refused)
        assert 'class="invalid-feedback' in refused.text
    assert stored(system, filed).version == 1


def test_a_claim_is_rejected_with_a_reason_and_opened_again(
    client: httpx2.Client, system: System, filed: int
) -> None:
    decide(client, filed, "reject", notes="Your policy has no dental cover.", reason="not_covered")
    claim = stored(system, filed)
    assert (claim.status, claim.reason_code) == ("rejected", "not_covered")
    assert decide(client, filed, "reopen", notes="").status_code == 422
    assert decide(client, filed, "reopen", notes="The terms changed in June.").status_code == 303
    assert stored(system, filed).status == "under_review"


def test_asking_for_more_is_a_message_before_review_and_a_step_back_during_it(
    client: httpx2.Client, system: System, filed: int
) -> None:
    decide(client, filed, "ask", notes="The second page, please.")
    claim = stored(system, filed)
    assert (claim.status, claim.version) == ("pending", 1)
    assert claim.asked_at is not None
    assert [one.text for one in _all(system, Note)] == ["The second page, please."]
    decide(client, filed, "review")
    decide(client, filed, "ask", notes="And the third one.")
    claim = stored(system, filed)
    assert (claim.status, claim.reason_code, claim.status_notes) == (
        "pending",
        "more_information",
        "And the third one.",
    )


def test_parts_are_decided_one_by_one_and_added_up(client: httpx2.Client, system: System, filed: int) -> None:
    with system.sessions.begin() as db:
        for position, minor in enumerate((300_000, 200_000), 1):
            part = {
                "title": f"Part {position}",
                "claimed_minor": minor,
                "approved_minor": None,
                "reason_code": "",
            }
            person = stored(system, filed).person_id
            db.add(Line(id=new_id(), claim_id=filed, person_id=person, position=position, **part))
    typed = {"by_line": "yes", "amount": "1", "line-1": "3000", "reason-1": "", "line-2": "0", "reason-2": ""}
    refused = decide(client, filed, "approve", **typed)
    assert "Part 2: less than was claimed needs a reason code." in text_of(refused)
    assert decide(client, filed, "approve", **{**typed, "reason-2": "depreciation"}).status_code == 303
    assert stored(system, filed).approved_minor == 300_000
    lines = sorted((one.position, one.approved_minor, one.reason_code) for one in _all(system, Line))
    assert lines == [(1, 300_000, ""), (2, 0, "depreciation")]


# ---------------------------------------------------------------- two people at once, and the second person


def test_of_two_reviewers_at_once_the_second_is_told_what_changed(
    client: httpx2.Client, system: System, sent_in: int
) -> None:
    seen = fields(page(client, sent_in), f"{DESK}/{sent_in}/decide")
    decide(client, sent_in, "review", by=RON)
    sent(client, sent_in, "messages", by=RON, text="We look at it.")
    stale = client.post(
        f"{DESK}/{sent_in}/decide", data={**seen, "how": "approve", "amount": "12.00"}, headers=as_(REA)
    )
    assert stale.status_code == 412
    text = text_of(stale)
    assert "it is version 2 now, you saw 1" in text
    assert "What changed since you opened this page:" in text
    assert "went from pending to under review" in text
    assert "ron@example.com" in text
    assert "Somebody wrote on claim" in text
    assert "was filed on policy" not in text
    assert 'value="12.00"' in stale.text
    again = client.post(
        f"{DESK}/{sent_in}/decide",
        data={**fields(stale, f"{DESK}/{sent_in}/decide"), "how": "approve", "amount": "12.00"},
        headers=as_(REA),
    )
    assert again.status_code == 303
    assert stored(system, sent_in).approved_minor == 1_200


def test_above_the_limit_another_person_confirms(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    claim = written(system, ids[CARL], claim_minor=900_000, status="under_review")
    waits = decide(client, claim, "approve", notes="Fine with me.")
    assert waits.status_code == 303
    assert stored(system, claim).status == "under_review"
    own = page(client, claim)
    assert "Take it back" in own.text
    assert 'value="confirm"' not in own.text
    assert sent(client, claim, "second", how="confirm").status_code == 403
    other = text_of(page(client, claim, by=RON))
    assert "rea@example.com approved this" in other
    assert "Fine with me." in other
    assert decide(client, claim, "approve", by=RON, amount="9000").status_code == 409
    assert sent(client, claim, "second", by=RON, how="confirm", note="I looked, too.").status_code == 303
    assert stored(system, claim).approved_minor == 900_000
    (decision,) = _all(system, Decision)
    assert (decision.first_by, decision.second_by) == ("session:rea@example.com", "session:ron@example.com")


def test_a_second_person_sends_an_approval_back_with_a_note(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    claim = written(system, ids[CARL], claim_minor=900_000, status="under_review")
    decide(client, claim, "approve")
    bare = sent(client, claim, "second", by=RON, how="decline")
    assert bare.status_code == 422
    assert "has to be told why" in text_of(bare)
    assert sent(client, claim, "second", by=RON, how="decline", note="Too much.").status_code == 303
    shown = text_of(page(client, claim))
    assert "Approval of 9000.00 EUR sent back Too much." in shown
    assert "Approve" in shown


def test_nobody_decides_on_their_own_claim(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    claim = written(system, ids[REA], open_flags=1)
    with system.sessions.begin() as db:
        about = {"about": "", "reason": "It is odd.", "details": {}, "created_at": system.clock()}
        rest = {"finding": None, "resolved_at": None, "resolved_by": "", "note": ""}
        db.add(Flag(claim_id=claim, person_id=ids[REA], kind="large", **about, **rest))
        flag = db.scalars(select(Flag.id)).first()
    mine = page(client, claim)
    assert "Nobody decides on their own claim" in text_of(mine)
    assert "It is odd." not in mine.text
    assert "It is odd." in page(client, claim, by=RON).text
    assert client.get(f"{DESK}/{claim}/file", headers=as_(REA)).status_code == 404
    forms = {
        "decide": {"how": "review"},
        "messages": {"text": "Hello"},
        f"flags/{flag}": {"finding": "wrong", "note": "It is mine."},
        "reached": {"note": "I know."},
        "desk": {"to": "me"},
    }
    for where, typed in forms.items():
        refused = client.post(f"{DESK}/{claim}/{where}", data=typed, headers=as_(REA))
        assert refused.status_code == 403, where
        assert "Nobody decides on their own claim." in text_of(refused)
    assert client.get(f"{DESK}/{claim}/mail?how=review", headers=as_(REA)).status_code == 200
    assert stored(system, claim).version == 1


# ---------------------------------------------------------------- paying, flags, messages


def test_an_approved_claim_is_paid_and_then_completed(
    client: httpx2.Client, system: System, filed: int
) -> None:
    decide(client, filed, "approve")
    assert "Owed and not paid" in text_of(page(client, filed))
    assert sent(client, filed, "payment", state="paid").status_code == 422
    assert sent(client, filed, "payment", state="lost", reference="x").status_code == 422
    assert sent(client, filed, "payment", state="paid", reference="SEPA 4711").status_code == 303
    assert decide(client, filed, "complete").status_code == 303
    assert stored(system, filed).status == "completed"
    shown = text_of(page(client, filed))
    assert "5000.00 EUR paid Reference: SEPA 4711" in shown
    assert "Decide" not in shown


def test_a_flag_is_looked_at_once_and_with_a_note(client: httpx2.Client, system: System, filed: int) -> None:
    with system.sessions.begin() as db:
        claim = db.get_one(Claim, filed)
        about = {
            "about": "",
            "reason": "5000.00 EUR is a round sum.",
            "details": {},
            "created_at": system.clock(),
        }
        rest = {"finding": None, "resolved_at": None, "resolved_by": "", "note": ""}
        db.add(Flag(claim_id=filed, person_id=claim.person_id, kind="round", **about, **rest))
        claim.open_flags = 1
    (flag,) = _all(system, Flag)
    where = f"flags/{flag.id}"
    assert sent(client, filed, where, finding="wrong", note="").status_code == 422
    assert sent(client, filed, where, finding="maybe", note="x").status_code == 422
    assert sent(client, filed, where, finding="wrong", note="The bill says so.").status_code == 303
    again = client.post(f"{DESK}/{filed}/{where}", data={"finding": "right", "note": "No"}, headers=as_(RON))
    assert again.status_code == 409
    assert "looked at this flag already" in text_of(again)
    shown = text_of(page(client, filed))
    assert "wrong The bill says so. rea@example.com" in shown
    assert stored(system, filed).open_flags == 0


def test_reviewer_and_claimant_write_to_each_other(client: httpx2.Client, system: System, filed: int) -> None:
    assert sent(client, filed, "messages", text=" ").status_code == 422
    assert sent(client, filed, "messages", text="We have your claim.").status_code == 303
    client.post(f"/claims/{filed}/notes", json={"text": "Thank you."}, headers=as_(CARL))
    shown = text_of(page(client, filed))
    assert "We have your claim. rea@example.com" in shown
    assert "Thank you. Carl" in shown
    (written_by_staff, _) = sorted(_all(system, Note), key=lambda one: one.at)
    assert count(system, Delivery, Delivery.key == f"claims:{filed}:{written_by_staff.id}") == 1


def test_a_mail_that_did_not_arrive_stands_there_until_somebody_told_the_claimant(
    client: httpx2.Client, system: System, filed: int
) -> None:
    with system.sessions.begin() as db:
        subject, reason = review_rows.subject(filed), "550 no such mailbox"
        journal.record(db, "claims.mail_refused", subject, actor="claims", now=system.clock(), reason=reason)
    assert "A mail did not reach the claimant. 550 no such mailbox" in text_of(page(client, filed))
    assert sent(client, filed, "reached", note="").status_code == 422
    assert sent(client, filed, "reached", note="Called, 14:30.").status_code == 303
    assert "did not reach" not in text_of(page(client, filed))
    assert count(system, Event, Event.kind == "claims.reached") == 1


# ---------------------------------------------------------------- the mail before it leaves


def test_the_mail_is_looked_at_before_it_leaves_and_nothing_of_it_stays(
    client: httpx2.Client, system: System, sent_in: int
) -> None:
    def all_that_stands() -> list[int]:
        return [count(system, one) for one in (Delivery, Event, History, Payment, Decision, Note)]

    before = all_that_stands()
    asked = {
        "how": "approve",
        "amount": "4800.00",
        "notes": "Without the deductible <b>of 200</b>.",
        "version": "1",
    }
    looked = client.get(f"{DESK}/{sent_in}/mail", params=asked, headers=as_(REA))
    assert looked.status_code == 200
    assert "sandbox" in looked.headers["content-security-policy"]
    text = text_of(looked)
    assert "4,800.00 EUR" in text
    assert "Without the deductible <b>of 200</b>." in text
    assert "Carl" in text
    question = {"how": "ask", "notes": "The second page?"}
    assert "The second page?" in text_of(
        client.get(f"{DESK}/{sent_in}/mail", params=question, headers=as_(REA))
    )
    assert all_that_stands() == before
    assert stored(system, sent_in).version == 1
    decide(client, sent_in, asked.pop("how"), **asked)
    with system.sessions() as db:
        mail = db.scalars(select(Delivery).where(Delivery.key == f"claims:{sent_in}:3")).one()
        assert b"4,800.00 EUR" in mail.payload


def test_a_decision_that_cannot_be_made_has_no_mail(client: httpx2.Client, filed: int) -> None:
    for asked, told in (
        ({"how": "reject"}, "A rejection needs notes"),
        ({"how": "approve", "amount": "6000"}, "more than what was claimed"),
        ({"how": "review", "version": "7"}, "was changed meanwhile"),
        ({"how": "dance"}, "Choose what is to be decided."),
    ):
        assert told in text_of(client.get(f"{DESK}/{filed}/mail", params=asked, headers=as_(REA)))


def test_above_the_limit_no_mail_leaves_yet(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    claim = written(system, ids[CARL], claim_minor=900_000, status="under_review")
    asked = {"how": "approve", "amount": "9000"}
    looked = text_of(client.get(f"{DESK}/{claim}/mail", params=asked, headers=as_(REA)))
    assert "No mail leaves yet" in looked
    assert count(system, Decision) == 0


# ---------------------------------------------------------------- the whole file


def test_the_file_says_who_decided_when_and_what_was_known_then(
    client: httpx2.Client, system: System, clock: MovableClock, sent_in: int
) -> None:
    def flag(kind: str, reason: str) -> None:
        with system.sessions.begin() as db:
            about = {"about": "", "reason": reason, "details": {}, "created_at": clock()}
            rest = {"finding": None, "resolved_at": None, "resolved_by": "", "note": ""}
            person = db.get_one(Claim, sent_in).person_id
            db.add(Flag(claim_id=sent_in, person_id=person, kind=kind, **about, **rest))

    flag("round", "A round sum.")
    flag("early", "Three days after the start.")
    flags = sorted(one.id for one in _all(system, Flag))
    clock.advance(hours=1)
    sent(client, sent_in, f"flags/{flags[0]}", finding="wrong", note="The bill says so.")
    clock.advance(hours=1)
    decide(client, sent_in, "approve", amount="4000", notes="Paid in part.", reason="deductible")
    clock.advance(hours=1)
    flag("large", "It is large, as was seen later.")
    sent(client, sent_in, f"flags/{flags[1]}", finding="right", note="Found out later.")
    shown = client.get(f"{DESK}/{sent_in}/file", headers=as_(ANA))
    assert shown.status_code == 200
    text = text_of(shown)
    then = text.partition("Decisions, and what was known")[2].partition("Documents Name")[0]
    assert "Approved: 4,000.00 EUR" in then
    assert (
        "by rea@example.com . Reason: deductible." in then
        or "by rea@example.com. Reason: deductible." in then
    )
    assert "Documents that were there: document.pdf." in then
    assert "Round sum: A round sum. Found wrong by rea@example.com: The bill says so." in then
    assert "Three days after the start. Nobody had looked at it." in then
    assert "1 came later." in then
    assert "as was seen later" not in then
    assert "Found out later." in text
    with system.sessions() as db:
        sha256 = db.scalars(select(Document.original_sha256)).one()
    assert sha256 in text
    assert "The mails" not in text
    assert "Journal" not in then
    journal_of = text_of(client.get(f"{DESK}/{sent_in}/file", headers=as_(REA)))
    assert "went from under review to approved" in journal_of.partition("Every line is sealed")[2]

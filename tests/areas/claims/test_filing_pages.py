"""Filing a claim in the portal, step by step: nothing typed is lost, nothing is filed before the button, and once."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import httpx2
import pytest
from sqlalchemy import func, select

from recoup.areas.claims.models import Claim, Document, Draft, Line
from recoup.core.system import System
from support.claimant import MINE, Claimant, claimant_on
from support.claims import CARL, DORA, FIELDS, REA, as_, pdf, policy_of
from support.desk import text_of

HOSTILE = "<script>alert(1)</script> {{7*7}}"


@pytest.fixture
def carl(system: System) -> Iterator[Claimant]:
    with claimant_on(system) as made:
        yield made


def claims(system: System) -> int:
    with system.sessions.begin() as db:
        return db.execute(select(func.count()).select_from(Claim)).scalar_one()


def field(page: httpx2.Response, name: str) -> str:
    """Return what stands in an input of a page."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', page.text)
    assert found is not None, page.text
    value = re.search(r'value="([^"]*)"', found[0])
    return html.unescape(value[1]) if value else ""


def test_a_claim_is_filed_step_by_step(carl: Claimant, system: System) -> None:
    page = carl.get(f"{MINE}/new")
    assert "Health insurance" in text_of(page)
    led = carl.post(f"{MINE}/new", {"user_policy_id": str(carl.policy)})
    at = led.headers["location"].rpartition("/")[0]
    led = carl.post(f"{at}/what-happened", {**FIELDS, "go": "next"})
    assert led.headers["location"] == f"{at}/documents"
    assert carl.add(at).headers["location"] == f"{at}/documents"
    review = carl.get(f"{at}/review")
    for shown in ("Medical expense", "20 Jul 2025", "5000 EUR", "Emergency treatment", "bill.pdf", "H-1"):
        assert shown in text_of(review), shown
    assert claims(system) == 0  # looking at it has filed nothing
    assert carl.post(f"{at}/file").headers["location"] == f"{at}/filed"
    filed = carl.get(f"{at}/filed")
    with system.sessions.begin() as db:
        claim = db.scalars(select(Claim)).one()
        assert db.scalars(select(Document.claim_id)).all() == [claim.id]
    assert claim.claim_number in text_of(filed)
    assert "26 Jul 2025, 16:30" in text_of(filed)  # until when a reviewer takes it up


def test_pressing_twice_files_once(carl: Claimant, system: System) -> None:
    at = carl.whole_draft()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: carl.post(f"{at}/file"), range(4)))
    assert {one.headers["location"] for one in answers} == {f"{at}/filed"}
    assert claims(system) == 1
    for path in ("", "/what-happened", "/review", "/documents"):
        assert carl.get(f"{at}{path}").headers["location"] == f"{at}/filed"
    assert carl.post(f"{at}/what-happened", FIELDS).headers["location"] == f"{at}/filed"


def test_what_is_wrong_is_kept_and_told_beside_its_field(carl: Claimant) -> None:
    at = carl.draft()
    wrong = {
        "claim_type": "",
        "incident_date": "the 20th",
        "claim_amount": "about 50",
        "description": HOSTILE,
        "loss_time": "noon",
        "police_report_no": "P-7",
    }
    page = carl.post(f"{at}/what-happened", {**wrong, "go": "next"})
    assert page.status_code == 422
    text = text_of(page)
    assert "The type of the claim is missing." in text
    assert "'the 20th' is not a date" in text
    assert "'about 50' is not an amount" in text
    again = carl.get(f"{at}/what-happened")  # on another device
    for name in ("incident_date", "claim_amount", "loss_time", "police_report_no"):
        assert field(again, name) == wrong[name], name
    assert html.escape(HOSTILE) in again.text
    assert (
        '<details class="fold" open' in again.text
    )  # what is folded away opens where something stands in it
    assert (
        'type="text" max="2025-07-24" value="the 20th"' in again.text
    )  # a browser's own field would drop it


def test_every_step_can_be_left_and_nothing_missing_is_told_on_the_way(carl: Claimant) -> None:
    at = carl.draft()
    for step in ("policy", "documents", "review"):
        led = carl.post(f"{at}/what-happened", {"description": "Half", "go": step})
        assert led.headers["location"] == f"{at}/{step}"
    assert "is missing" not in text_of(carl.get(f"{at}/what-happened"))
    review = text_of(carl.get(f"{at}/review"))
    assert "4 things are missing or wrong" in review
    assert "At least one document is required." in review
    assert carl.get(at).headers["location"] == f"{at}/what-happened"
    refused = carl.post(f"{at}/file")
    assert refused.status_code == 422
    assert "The amount is missing." in text_of(refused)


def test_a_field_is_saved_when_it_is_left(carl: Claimant) -> None:
    at = carl.draft()
    saved = carl.post(f"{at}/what-happened/save", {"claim_amount": "12,5x", "description": "One"})
    assert "Saved at 16:30" in saved.text
    assert re.search(r"#error-claim_amount\">[^<]*is not an amount", saved.text)
    assert 'hx-swap-oob="innerHTML:#error-claim_type"></div>' in saved.text  # what is empty is not told yet
    assert field(carl.get(f"{at}/what-happened"), "claim_amount") == "12,5x"


def test_a_page_that_lay_open_elsewhere_does_not_undo_what_was_typed_since(carl: Claimant) -> None:
    at = carl.draft(description="First", claim_amount="10")
    stale = json.loads(field(carl.get(f"{at}/what-happened"), "was"))
    assert stale["description"] == "First"
    carl.post(
        f"{at}/what-happened/save", {"description": "Longer", "claim_amount": "10", "was": json.dumps(stale)}
    )
    typed = {"description": "First", "claim_amount": "20", "was": json.dumps(stale), "go": "later"}
    carl.post(f"{at}/what-happened", typed)
    with carl.system.sessions.begin() as db:
        kept = db.scalars(select(Draft)).one().typed
    assert (kept["description"], kept["claim_amount"]) == ("Longer", "20")


@pytest.mark.parametrize("was", ["", "[", "[1]", '{"description": 7}', "9" * 5000])
def test_a_form_without_a_usable_base_is_taken_as_it_is(carl: Claimant, was: str) -> None:
    at = carl.draft(description="First")
    assert (
        carl.post(f"{at}/what-happened", {"description": "Now", "was": was, "go": "later"}).status_code == 303
    )
    with carl.system.sessions.begin() as db:
        assert db.scalars(select(Draft)).one().typed["description"] == "Now"


def test_parts_are_added_removed_summed_and_filed(carl: Claimant, system: System) -> None:
    at = carl.draft(**{**FIELDS, "claim_amount": "5"})
    parts = {"part_title": ["X-ray", "Bandage"], "part_amount": ["1000", "250,50"]}
    led = carl.post(f"{at}/what-happened", {**FIELDS, "claim_amount": "5", **parts, "go": "add-part"})
    assert led.headers["location"] == f"{at}/what-happened?part=yes#parts"
    page = carl.get(f"{at}/what-happened?part=yes")
    assert page.text.count('name="part_title"') == 3
    assert "The parts add up to 1250.50 EUR, and 5.00 EUR are claimed." in text_of(page)
    carl.post(f"{at}/what-happened", {**FIELDS, "claim_amount": "5", **parts, "go": "sum"})
    assert field(carl.get(f"{at}/what-happened"), "claim_amount") == "1250.50"
    three = {"part_title": ["X-ray", "Slip", "Bandage"], "part_amount": ["1000", "1", "250.50"]}
    carl.post(f"{at}/what-happened", {**FIELDS, "claim_amount": "1250.50", **three, "go": "remove-part-2"})
    assert carl.add(at).status_code == 303
    carl.post(f"{at}/file")
    with system.sessions.begin() as db:
        lines = db.execute(select(Line.title, Line.claimed_minor).order_by(Line.position)).all()
        assert db.scalars(select(Claim.claim_minor)).one() == 125_050
    assert [tuple(one) for one in lines] == [("X-ray", 100_000), ("Bandage", 25_050)]


def test_the_comma_of_a_phone_is_read_where_it_can_mean_one_thing(carl: Claimant) -> None:
    at = carl.draft(claim_amount="49,90")
    assert field(carl.get(f"{at}/what-happened"), "claim_amount") == "49.90"
    carl.post(f"{at}/what-happened", {"claim_amount": "1,250", "go": "later"})
    page = carl.get(f"{at}/what-happened")
    assert field(page, "claim_amount") == "1,250"
    assert "'1,250' is not an amount" in text_of(page)


def test_a_day_that_is_not_covered_is_told_as_soon_as_it_is_typed(carl: Claimant) -> None:
    at = carl.draft()
    saved = carl.post(f"{at}/what-happened/save", {"incident_date": "2024-12-31"})
    assert "it runs from 2025-01-01 to 2025-12-31" in html.unescape(saved.text)
    saved = carl.post(
        f"{at}/what-happened/save", {"incident_date": "2025-07-25", "reported_at": "2025-08-01"}
    )
    assert "2025-07-25 is in the future" in saved.text
    assert "The day of the report 2025-08-01 is in the future." in saved.text


def test_only_own_policies_that_stand_take_claims(carl: Claimant, system: System) -> None:
    others = policy_of(system, carl.ids[DORA], "H-9")
    gone = policy_of(system, carl.ids[CARL], "H-2", status="cancelled")
    policy_of(system, carl.ids[CARL], "H-3", first=date(2026, 1, 1), last=date(2026, 12, 31))
    page = carl.get(f"{MINE}/new")
    assert "H-9" not in page.text
    assert page.text.count("disabled") == 2  # cancelled, and not begun
    for wrong, why in (
        (others, "Choose the policy."),
        (gone, "Policy H-2 was cancelled."),
        ("", "Choose the policy."),
    ):
        refused = carl.post(f"{MINE}/new", {"user_policy_id": str(wrong)})
        assert refused.status_code == 422
        assert why in text_of(refused)
    with system.sessions.begin() as db:
        assert db.execute(select(func.count()).select_from(Draft)).scalar_one() == 0


def test_nobody_reaches_anothers_draft(carl: Claimant) -> None:
    at = carl.whole_draft()
    for who in (DORA, REA):
        for path in ("", "/policy", "/what-happened", "/documents", "/review", "/filed"):
            assert carl.client.get(f"{at}{path}", headers=as_(who)).status_code == 404, path
        for path in ("/what-happened", "/what-happened/save", "/file", "/discard"):
            assert carl.client.post(f"{at}{path}", data=FIELDS, headers=as_(who)).status_code == 404, path
        sent = {"files": ("a.pdf", pdf(), "application/pdf")}
        assert carl.client.post(f"{at}/documents", files=sent, headers=as_(who)).status_code == 404
    assert claims(carl.system) == 0


def test_a_draft_is_discarded_with_its_documents(carl: Claimant, system: System) -> None:
    at = carl.whole_draft()
    assert carl.begin(at, b"%PDF-1.7 half").status_code == 200
    assert carl.post(f"{at}/discard").headers["location"] == MINE
    assert carl.get(f"{at}/review").status_code == 404
    assert "Not filed yet" not in text_of(carl.get(MINE))
    assert not list((system.home / "incoming").glob("*-*/*"))


def test_text_that_cannot_be_kept_stays_in_the_page(carl: Claimant) -> None:
    at = carl.draft(description="Before")
    long = "x" * 13_000
    page = carl.post(f"{at}/what-happened", {"description": long, "claim_amount": "7", "go": "next"})
    assert page.status_code == 422
    assert long in page.text
    assert field(page, "claim_amount") == "7"


def test_who_holds_the_installations_key_has_no_claims(carl: Claimant) -> None:
    for path in (MINE, f"{MINE}/new", "/desk/my-policies"):
        assert carl.client.get(path).status_code == 403

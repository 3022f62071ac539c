"""What claimants are told: every mail that leaves, read as their mail program shows it."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from recoup.areas.claims import controls
from recoup.core.system import System
from recoup.office.controls import service as house
from recoup.office.journal.models import Event
from recoup.office.outbox import handover
from recoup.office.outbox.models import Delivery
from support.claims import CARL, REA, as_, claims_api, file_claim, looked_at, policy_of, populate
from support.house import ScriptedChannel

ATTACK = '<script>alert(1)</script> {{7*7}} "><img src=x onerror=alert(1)>'


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with claims_api(system) as client:
        yield client


@pytest.fixture
def claim(system: System, client: httpx2.Client) -> dict[str, Any]:
    policy = policy_of(system, populate(system)[CARL])
    claim = dict(file_claim(client, policy, claim_amount="1234.50", description=ATTACK).json())
    looked_at(system, claim["id"])
    return claim


def sent(system: System) -> list[EmailMessage]:
    """Return what was planned, in its order."""
    with system.sessions.begin() as db:
        planned = db.scalars(
            select(Delivery.payload).where(Delivery.kind == "claims.mail").order_by(Delivery.id)
        )
        found = [email.message_from_bytes(one, policy=email.policy.default) for one in planned]
    return [one for one in found if isinstance(one, EmailMessage)]


def bodies(mail: EmailMessage) -> tuple[str, str]:
    """Return the text and the HTML of a mail."""
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()


def move(client: httpx2.Client, claim: dict[str, Any], status: str, **more: Any) -> None:
    answer = client.patch(f"/claims/{claim['id']}/status", json={"status": status, **more}, headers=as_(REA))
    assert answer.status_code == 200, answer.text


def test_a_claimant_is_told_of_the_filing(system: System, claim: dict[str, Any]) -> None:
    with system.sessions.begin() as db:
        house.change(db, controls.BRAND, "Insurenz", expected_version=0, actor="test", now=system.clock())
    (mail,) = sent(system)
    assert mail["To"] == CARL
    assert mail["Subject"] == f"Claim Submitted Successfully - {claim['claim_number']}"
    text, html = bodies(mail)
    for body in (text, html):
        for told in (
            claim["claim_number"],
            "1,234.50 EUR",
            "Medical expense",
            "H-1",
            "document.pdf",
            "2025-07-20",
        ):
            assert told in body
        assert "<script>" not in body
    assert "#4F46E5" in html


def test_every_status_has_its_colour_and_its_words(
    system: System, client: httpx2.Client, claim: dict[str, Any]
) -> None:
    move(client, claim, "under_review")
    move(client, claim, "pending", status_notes="Please send the second page.")
    move(client, claim, "under_review")
    move(client, claim, "approved", approved_amount="1000.50", status_notes=ATTACK, reason_code="deductible")
    payment = {"state": "paid", "reference": "SEPA 17"}
    assert client.post(f"/claims/{claim['id']}/payment", json=payment, headers=as_(REA)).status_code == 200
    move(client, claim, "completed")
    mails = sent(system)[1:]
    assert {one["Subject"] for one in mails} == {f"Claim Status Updated - {claim['claim_number']}"}
    expected = [
        ("#F59E0B", "under review"),
        ("#4F46E5", "Please send the second page."),
        ("#F59E0B", "under review"),
        ("#10B981", "1,000.50 EUR"),
        ("#6366F1", "completed"),
    ]
    for mail, (colour, words) in zip(mails, expected, strict=True):
        text, html = bodies(mail)
        assert colour in html
        assert words in text
        assert words in html
    text, html = bodies(mails[3])
    assert "Deductible" in html
    assert ATTACK in text
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{7*7}}" in html


def test_a_rejection_says_why_and_until_when_it_can_be_appealed(
    system: System, client: httpx2.Client, claim: dict[str, Any]
) -> None:
    move(client, claim, "under_review")
    move(client, claim, "rejected", status_notes="Not covered.", reason_code="not_covered")
    text, html = bodies(sent(system)[-1])
    assert "#EF4444" in html
    for told in ("Not covered.", "Not covered by the policy", "appeal until 23 Aug 2025"):
        assert told in text
        assert told in html


def test_a_message_of_a_reviewer_is_told_and_one_of_the_claimant_is_not(
    system: System, client: httpx2.Client, claim: dict[str, Any]
) -> None:
    path = f"/claims/{claim['id']}/notes"
    asked = {"text": "The second page, please.", "is_request": True}
    assert client.post(path, json=asked, headers=as_(REA)).status_code == 200
    assert client.post(path, json={"text": "Here it comes."}, headers=as_(CARL)).status_code == 200
    mails = sent(system)
    assert len(mails) == 2
    assert mails[1]["Subject"].startswith("We need something from you")
    assert "The second page, please." in bodies(mails[1])[0]
    shown = client.get(path, headers=as_(CARL)).json()
    assert [(one["from_staff"], one["is_request"]) for one in shown] == [(True, True), (False, False)]


def test_a_mail_that_does_not_arrive_is_written_down_on_the_claim(
    system: System, claim: dict[str, Any]
) -> None:
    mail = system.ports.channels["mail"]
    assert isinstance(mail, ScriptedChannel)

    mail.script = ["refuse"]
    handover.drain(system, "mail")
    with system.sessions.begin() as db:
        (refused,) = db.scalars(select(Event).where(Event.kind == "claims.mail_refused"))
        assert refused.subject == f"claims/claim/{claim['id']}"
        assert "No such mailbox" in refused.detail["reason"]

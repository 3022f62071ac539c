"""What claimants are told in a few words, through a worker into their telephone: the number and the status, no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from recoup.areas.claims.jobs.looking import look_task
from recoup.areas.claims.rules import notices as words
from recoup.areas.claims.rules.statuses import TITLES
from recoup.areas.claims.service import telling
from recoup.areas.claims.service.moves import House
from recoup.core.system import System
from support.claims import CARL, REA, as_, claims_api, file_claim, looked_at, policy_of, populate, stored
from support.house import MovableClock
from support.notices import CARLS, HOUSE, Notices, notices_on
from support.postgres import Database


@pytest.fixture
def notices(database: Database, tmp_path: Path, clock: MovableClock) -> Iterator[Notices]:
    with notices_on(database, tmp_path, clock) as found:
        yield found


@pytest.fixture
def client(notices: Notices) -> Iterator[httpx2.Client]:
    with claims_api(notices.system) as client:
        yield client


@pytest.fixture
def carl(notices: Notices) -> UUID:
    return populate(notices.system)[CARL]


def filed(notices: Notices, client: httpx2.Client, carl: UUID) -> dict[str, Any]:
    """File a claim, and do what the worker does about it."""
    policy = policy_of(notices.system, carl)
    answer = file_claim(client, policy, claim_amount="1234.50", description="A broken leg")
    claim = dict(answer.json())
    look_task(notices.system, claim_id=str(claim["id"]))
    return claim


def move(client: httpx2.Client, claim: dict[str, Any], status: str, **more: Any) -> None:
    answer = client.patch(f"/claims/{claim['id']}/status", json={"status": status, **more}, headers=as_(REA))
    assert answer.status_code == 200, answer.text


def test_every_mail_has_its_few_words_on_the_telephone_and_in_the_browser(
    notices: Notices, client: httpx2.Client, carl: UUID
) -> None:
    notices.verify(carl)
    browser, _ = notices.subscribe(carl)
    claim = filed(notices, client, carl)
    number, link = claim["claim_number"], f"https://{HOUSE}/desk/my-claims/{claim['id']}"
    notices.drain()
    move(client, claim, "under_review")
    notices.drain()
    note = {"text": "The second page of the bill over 1,234.50 EUR, please.", "is_request": True}
    assert client.post(f"/claims/{claim['id']}/notes", json=note, headers=as_(REA)).status_code == 200
    notices.drain()
    move(
        client,
        claim,
        "rejected",
        status_notes="A broken leg of 1,234.50 EUR is not covered.",
        reason_code="not_covered",
    )
    notices.drain()
    document = claim["documents"][0]["id"]
    with notices.system.sessions.begin() as db:
        row = db.get_one(telling.Document, document)
        house = House.of(notices.system.settings)
        telling.tell_lost(
            db,
            db.get_one(telling.Claim, claim["id"]),
            row,
            what="It holds a virus.",
            sender=house.sender,
            portal=house.portal,
            ways=house.ways,
            now=notices.system.clock(),
        )
    notices.drain()
    said = [
        f"Claim {number} was filed.",
        f"Claim {number} is now under review.",
        f"We need something from you for claim {number}.",
        f"Claim {number} is now rejected.",
        f"A document of claim {number} could not be taken. Please look.",
    ]
    assert [text.partition(": ")[2] for text in notices.twilio.to(CARLS)[1:]] == [
        f"{one} {link}" for one in said
    ]
    assert [one["text"] for one in notices.push.notices(browser)] == said
    assert {one["link"] for one in notices.push.notices(browser)} == {link}
    shown = " ".join(notices.twilio.to(CARLS)[1:])
    for private in ("1,234.50", "EUR", "edical", "broken", "covered", "document.pdf", "virus", "Carl", "H-1"):
        assert private not in shown
    mails = notices.rows("select count(*) from deliveries where kind = 'claims.mail'")
    assert mails == [(len(said),)]


def test_looking_twice_tells_once(notices: Notices, client: httpx2.Client, carl: UUID) -> None:
    notices.verify(carl)
    claim = filed(notices, client, carl)
    look_task(notices.system, claim_id=str(claim["id"]))
    notices.drain()
    assert len(notices.twilio.to(CARLS)) == 2  # the code, and one
    assert set(notices.states()) == {f"claims:{claim['id']}:filed:sms"}


def test_a_claimant_who_switched_nothing_on_gets_the_mail_alone(
    notices: Notices, client: httpx2.Client, carl: UUID
) -> None:
    claim = filed(notices, client, carl)
    move(client, claim, "under_review")
    notices.drain()
    assert notices.states() == {}
    assert notices.twilio.posts == []
    assert notices.rows("select count(*) from deliveries where kind = 'claims.mail'") == [(2,)]


def test_without_settings_everything_is_as_it_was(system: System) -> None:
    carl = populate(system)[CARL]
    with claims_api(system) as client:
        claim = dict(file_claim(client, policy_of(system, carl)).json())
    look_task(system, claim_id=str(claim["id"]))
    looked_at(system, claim["id"])
    assert stored(system, claim["id"]).claim_number == claim["claim_number"]
    house = House.of(system.settings)
    assert house.ways is not None
    assert not house.ways.sms
    assert not house.ways.push


@pytest.mark.parametrize("status", TITLES.values())
def test_every_status_can_be_said(status: str) -> None:
    assert words.moved("CLM-1", status, is_asked=False) == f"Claim CLM-1 is now {status.lower()}."

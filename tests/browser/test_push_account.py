"""Notices on the account page itself: a claimant switches them on, is told, and takes the browser away again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from recoup.adapters.web_push import PushChannel, VapidKeys
from recoup.core.system import System
from recoup.office.notices.service import push_keys, telling
from recoup.office.notices.ways import Ways
from recoup.office.outbox import handover
from recoup.sandbox.push_service import PushServiceStandIn, Subscription
from support.browser import PHONE, Complaints
from support.browsing import served, session_of
from support.claims import CARL, populate
from support.house import MovableClock, opened
from support.people import Mailbox
from support.postgres import Database
from support.push_browser import Delivery, shown, subscribing
from support.walk import settled

ON, OFF = "Tell this browser", "Stop telling this browser"
ENVIRON = {"RECOUP_NOTICES_PUSH_CONTACT": "mailto:ops@example.com", "RECOUP_NOTICES_PUSH_HOSTS": "127.0.0.1"}
ACCOUNT = "/desk/account"


@dataclass
class House:
    """A house that tells browsers, a claimant in it, and where their browser subscribes."""

    system: System
    service: PushServiceStandIn
    mailbox: Mailbox
    address: str
    carl: UUID
    given: Subscription

    @property
    def ways(self) -> Ways:
        return Ways.of(self.system.settings)

    def tell(self, key: str, text: str) -> None:
        """Tell the claimant, as a part and a worker do."""
        with self.system.sessions.begin() as db:
            link = f"{self.address}/desk/my-claims/1"
            telling.tell(
                db,
                key=key,
                person_id=self.carl,
                title="Insurenz",
                text=text,
                link=link,
                ways=self.ways,
                now=self.system.clock(),
            )
        handover.drain(self.system, "push")


@pytest.fixture
def house(database: Database, tmp_path: Path, clock: MovableClock) -> Iterator[House]:
    mailbox, running = Mailbox(), list[System]()

    def keys() -> VapidKeys:
        with running[0].sessions.begin() as db:
            return push_keys.holding(db, sealer=Ways.of(running[0].settings).sealer)

    channel = PushChannel(keys, contact="mailto:ops@example.com", hosts=["127.0.0.1"], now=clock)
    channels = {"mail": mailbox, "push": channel}
    with (
        PushServiceStandIn(now=clock) as service,
        opened(database, tmp_path, clock=clock, channels=channels, environ=ENVIRON) as system,
        served(system) as address,
    ):
        running.append(system)
        carl = populate(system)[CARL]
        yield House(system, service, mailbox, address, carl, service.subscribe(keys().public))
    channel.close()


@pytest.fixture
def page(house: House, browser: Browser) -> Iterator[Page]:
    profile = browser.new_context(viewport={"width": PHONE[0], "height": PHONE[1]}, reduced_motion="reduce")
    profile.set_default_timeout(15_000)
    profile.grant_permissions(["notifications"], origin=house.address)
    profile.add_init_script(subscribing(house.given))
    token = session_of(house.system, house.mailbox, CARL).token
    profile.add_cookies([{"name": "recoup", "value": token, "url": house.address}])
    yield profile.new_page()
    profile.close()


def test_a_claimant_is_told_by_the_browser_that_they_switched_on(house: House, page: Page) -> None:
    heard = Complaints()
    heard.listen(page)
    page.goto(f"{house.address}{ACCOUNT}")
    said = page.locator("[data-push-said]")
    expect(said).to_have_text("Notices are off in this browser.")
    page.get_by_role("button", name=ON).click()
    expect(page.locator("#notices")).to_contain_text("through 127.0.0.1, added")
    expect(page.locator("#notices")).to_contain_text("Chrome on Linux")
    expect(said).to_have_text("Notices are on in this browser.")
    house.tell("claims:1", "Claim CLM-2025-000001 is now approved.")
    (notice,) = house.service.notices(house.given)
    (worker,) = page.context.service_workers
    Delivery(page, worker, house.address).push(json.dumps(notice))
    (seen,) = shown(page)
    told = (seen["title"], seen["body"], seen["link"])
    assert told == ("Insurenz", "Claim CLM-2025-000001 is now approved.", f"{house.address}/desk/my-claims/1")
    settled(page)
    assert [one["id"] for one in Axe().run(page).response["violations"]] == []
    page.get_by_role("button", name=OFF).click()
    expect(page.locator("#notices")).not_to_contain_text("Chrome on Linux")
    expect(said).to_have_text("Notices are off in this browser.")
    house.tell("claims:2", "Claim CLM-2025-000001 is now paid.")
    assert len(house.service.notices(house.given)) == 1
    assert heard.heard == []


def test_a_browser_that_was_removed_from_the_list_says_that_it_is_off(house: House, page: Page) -> None:
    page.goto(f"{house.address}{ACCOUNT}")
    page.get_by_role("button", name=ON).click()
    page.get_by_role("button", name="Remove", exact=True).click()
    page.locator("#confirm [data-go]").click()
    expect(page.get_by_text("The device was removed, and is told no more.")).to_be_visible()
    expect(page.locator("[data-push-said]")).to_have_text("Notices are off in this browser.")
    page.get_by_role("button", name=ON).click()
    expect(page.locator("#notices")).to_contain_text("through 127.0.0.1, added")
    expect(page.locator("[data-push-said]")).to_have_text("Notices are on in this browser.")


def test_a_push_service_that_nobody_knows_is_refused_in_words(house: House, page: Page) -> None:
    page.add_init_script(subscribing(Subscription(
        "https://evil.test/x", house.given.p256dh, house.given.auth, house.given.private
    )))  # fmt: skip
    page.goto(f"{house.address}{ACCOUNT}")
    page.get_by_role("button", name=ON).click()
    expect(page.locator("[data-push-said]")).to_contain_text(
        "The address that this browser gave does not belong to a push service that is known here."
    )
    expect(page.get_by_role("button", name=ON)).to_be_enabled()

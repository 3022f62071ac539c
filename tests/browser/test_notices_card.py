"""Somebody verifies their number on the account page, on a phone or at a desk, and is told by SMS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from recoup.adapters.sms import SmsChannel, TwilioSettings
from recoup.core.system import System
from recoup.office.outbox import handover
from recoup.sandbox.sms import ACCOUNT, TOKEN, TwilioStandIn
from support.browser import PICTURES, WIDER_THAN_THE_SCREEN, Complaints
from support.browsing import served, session_of
from support.claims import CARL, populate
from support.house import MovableClock, opened
from support.notices import CARLS, SENDER, settings_of
from support.people import Mailbox
from support.phone import Phone
from support.postgres import Database
from support.walk import settled

CARD = "/desk/account#notices"


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    with TwilioStandIn() as running:
        yield running


@pytest.fixture
def system(
    database: Database, tmp_path: Path, clock: MovableClock, mailbox: Mailbox, twilio: TwilioStandIn
) -> Iterator[System]:
    """A Recoup whose SMS reach the stand-in; it is asked at its own address, not at the one of the settings."""
    environ = {name: value for name, value in settings_of(twilio).items() if name != "RECOUP_WEB_ADDRESS"}
    account = TwilioSettings(account_sid=ACCOUNT, auth_token=TOKEN, sender=SENDER, url=twilio.url)
    sms = SmsChannel(account, now=clock)
    with opened(
        database, tmp_path, clock=clock, channels={"mail": mailbox, "sms": sms}, environ=environ
    ) as running:
        yield running
    sms.close()


@pytest.fixture
def ids(system: System) -> dict[str, UUID]:
    return populate(system)


@pytest.mark.parametrize(
    ("folder", "theme", "is_phone"),
    [("light", "light", False), ("dark", "dark", False), ("phone", "light", True)],
)
@pytest.mark.usefixtures("ids")
def test_a_number_is_verified_by_the_code_that_comes(
    *,
    system: System,
    mailbox: Mailbox,
    twilio: TwilioStandIn,
    browser: Browser,
    folder: str,
    theme: str,
    is_phone: bool,
) -> None:
    heard = Complaints()
    with served(system) as address:
        carl = Phone(address, session_of(system, mailbox, CARL).token, browser)
        with carl.profile(theme=theme, is_phone=is_phone) as profile:
            page = profile.new_page()
            heard.listen(page)
            page.goto(f"{address}{CARD}")
            card = page.locator("#notices")
            page.get_by_label("Your mobile number").fill("12")
            page.get_by_role("button", name="Send a code").click()
            expect(page.locator("#notices-number-error")).to_be_visible()
            seen(page, folder, "notices-number-refused")
            page.get_by_label("Your mobile number").fill(CARLS)
            page.get_by_role("button", name="Send a code").click()
            expect(card).to_contain_text("Code from the SMS to +41 79")
            seen(page, folder, "notices-code")
            handover.drain(system, "sms")
            code = re.match(r"\d{6}\b", twilio.to(CARLS)[-1])
            assert code is not None
            page.get_by_label("Code from the SMS").fill(code[0])
            page.get_by_role("button", name="Verify").click()
            expect(page.get_by_text("Your number is verified.")).to_be_visible()
            seen(page, folder, "notices-on")
            page.get_by_role("button", name="Send a test").click()
            expect(page.get_by_text("A test is on its way.")).to_be_visible()
            handover.drain(system, "sms")
            assert "This is a test." in twilio.to(CARLS)[-1]
            page.get_by_role("button", name="Switch off").click()
            expect(page.get_by_text("Notices by SMS are off.")).to_be_visible()
    # The answer to a form that was wrong is 422, which a browser writes to its console.
    assert [one for one in heard.heard if "422" not in one] == []


def seen(page: Page, folder: str, name: str) -> None:
    """Look at a page: nothing is wider than the screen, nothing keeps anybody out; and keep its picture."""
    settled(page)
    place = PICTURES / folder
    place.mkdir(parents=True, exist_ok=True)
    page.locator("#notices").screenshot(path=place / f"{name}.png")
    assert page.evaluate(WIDER_THAN_THE_SCREEN) <= 0
    assert [
        (one["id"], one["nodes"][0]["html"][:120]) for one in Axe().run(page).response["violations"]
    ] == []

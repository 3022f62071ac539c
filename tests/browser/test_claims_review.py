"""A reviewer decides with the keyboard alone: down the queue, into a claim, decided, and the next one is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from recoup.core.system import System
from support.browser import DESK, PHONE, WIDER_THAN_THE_SCREEN, Complaints, Theme, context
from support.browsing import served, session_of
from support.claim_rows import written
from support.claims import CARL, REA, claims_api, file_claim, policy_of, populate, stored
from support.people import Mailbox
from support.walk import settled

QUEUE = "/desk/claims"
HOUR = timedelta(hours=1)


@pytest.fixture
def ids(system: System) -> dict[str, UUID]:
    return populate(system)


@pytest.fixture
def address(system: System) -> Iterator[str]:
    with served(system) as listening:
        yield listening


@pytest.fixture
def token(system: System, mailbox: Mailbox, ids: dict[str, UUID]) -> str:
    assert ids
    return session_of(system, mailbox, REA).token


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def page(browser: Browser, address: str, token: str, complaints: Complaints) -> Iterator[Page]:
    profile = context(browser)
    profile.add_cookies([{"name": "recoup", "value": token, "url": address}])
    opened_ = profile.new_page()
    complaints.listen(opened_)
    yield opened_
    profile.close()


def at(page: Page, claim: int) -> None:
    expect(page).to_have_url(re.compile(rf"/desk/claims/{claim}(\?|$)"))
    settled(page)


def test_a_queue_is_worked_through_without_a_mouse(
    page: Page, address: str, system: System, ids: dict[str, UUID], complaints: Complaints
) -> None:
    now = system.clock()
    first, second, third, fourth = (
        written(system, ids[CARL], status="under_review", due_at=now + number * HOUR) for number in range(4)
    )
    page.goto(f"{address}{QUEUE}?order=due")
    settled(page)
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    for key in "jjkj":
        page.keyboard.press(key)
    page.keyboard.press("x")
    expect(page.locator("[data-chosen]")).to_have_text("1 chosen")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    at(page, first)
    page.keyboard.press("a")
    expect(page.locator("[data-key=a]")).to_be_focused()
    assert stored(system, first).status == "under_review"  # nothing is decided by one key alone
    page.keyboard.press("Enter")
    at(page, second)
    assert stored(system, first).status == "approved"
    page.keyboard.press("r")
    expect(page.locator("#field-notes")).to_be_focused()
    page.keyboard.type("a, r, m and n are only letters here.")
    page.keyboard.press("Control+Enter")
    at(page, third)
    rejected = stored(system, second)
    assert (rejected.status, rejected.status_notes) == ("rejected", "a, r, m and n are only letters here.")
    page.keyboard.press("n")
    at(page, fourth)
    page.keyboard.press("m")
    page.keyboard.type("The second page, please.")
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile(r"/desk/claims\?order=due$"))
    assert stored(system, fourth).status == "pending"
    assert stored(system, third).status == "under_review"
    assert complaints.heard == []


def test_the_mail_is_looked_at_beside_the_decision_and_the_form_stays_usable(
    page: Page, address: str, system: System, ids: dict[str, UUID], complaints: Complaints
) -> None:
    claim = written(system, ids[CARL], status="under_review")
    page.goto(f"{address}{QUEUE}/{claim}")
    page.locator("#field-amount").fill("450.00")
    page.get_by_label("Look at the mail: approve").click()
    mail = page.frame_locator("#mail-look iframe")
    expect(mail.get_by_text("450.00 EUR").first).to_be_visible()
    assert stored(system, claim).status == "under_review"
    page.locator("#mail-look").get_by_role("button", name="Close").click()
    expect(page.locator("#field-amount")).to_have_value("450.00")
    page.locator("button[name=how][value=approve][data-key]").click()
    expect(page).to_have_url(re.compile(r"/desk/claims$"))
    assert stored(system, claim).approved_minor == 45_000
    assert complaints.heard == []


def test_without_scripts_everything_is_decided_all_the_same(
    browser: Browser, address: str, token: str, system: System, ids: dict[str, UUID]
) -> None:
    claim, other = (written(system, ids[CARL], claim_type="fire") for _ in range(2))
    profile = browser.new_context(java_script_enabled=False)
    profile.add_cookies([{"name": "recoup", "value": token, "url": address}])
    page = profile.new_page()
    page.goto(f"{address}{QUEUE}?type=fire&order=oldest")
    page.locator(f"a[href^='{QUEUE}/{claim}?']").click()
    with profile.expect_page() as opened_:
        page.get_by_label("Look at the mail: approve").click()
    expect(opened_.value.get_by_text("500.00 EUR").first).to_be_visible()
    page.locator("button[name=how][value=approve][data-key]").click()
    expect(page).to_have_url(re.compile(rf"/desk/claims/{other}\?"))
    assert stored(system, claim).status == "approved"
    profile.close()


def test_a_claim_with_everything_is_usable_by_everybody_on_any_screen(
    *,
    browser: Browser,
    address: str,
    token: str,
    system: System,
    ids: dict[str, UUID],
    complaints: Complaints,
) -> None:
    with claims_api(system) as client:
        claim = file_claim(client, policy_of(system, ids[CARL])).json()["id"]
    themes: tuple[Theme, Theme] = ("light", "dark")
    for theme, size in product(themes, (DESK, PHONE)):
        profile = context(browser, theme=theme, size=size)
        profile.add_cookies([{"name": "recoup", "value": token, "url": address}])
        page = profile.new_page()
        complaints.listen(page)
        for path in (f"{QUEUE}/{claim}", f"{QUEUE}/{claim}/file", f"{QUEUE}/figures", QUEUE, f"{QUEUE}/all"):
            page.goto(address + path)
            settled(page)
            assert page.evaluate(WIDER_THAN_THE_SCREEN) <= 0, path
            assert [one["id"] for one in Axe().run(page).response["violations"]] == [], path
        page.goto(f"{address}{QUEUE}/{claim}")
        drawn = page.locator(".viewer-page img").first
        expect(drawn).to_be_visible()
        assert drawn.evaluate("async one => { await one.decode(); return one.naturalWidth; }") > 300
        profile.close()
    assert complaints.heard == []

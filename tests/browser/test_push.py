"""Notices in a real browser: switched on by a click, shown by the worker, and led by from there to the portal alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Worker, expect

from recoup.adapters.web_push import PushChannel
from recoup.core.ports import Parcel
from recoup.core.system import System
from recoup.sandbox.push_service import PushServiceStandIn, Subscription
from recoup.web.static_files import WORKER
from support.browser import DESK, Complaints
from support.house import MovableClock, ScriptedChannel, opened
from support.postgres import Database
from support.push_browser import CLICKED, Delivery, shown, subscribing
from support.push_page import NEW, PATH, PushPage, push_page

NOTICE = {
    "title": "Claim CLM-2025-000042",
    "text": "We approved 1,250.50 EUR: ä.",
    "link": NEW,
    "tag": "claim-42",
}


@pytest.fixture
def system(database: Database, tmp_path: Path, clock: MovableClock) -> Iterator[System]:
    channels = {"mail": ScriptedChannel("mail", dedupes=False)}
    with opened(database, tmp_path, clock=clock, channels=channels) as running:
        yield running


@pytest.fixture
def offer(system: System) -> Iterator[PushPage]:
    with push_page(system) as page:
        yield page


@pytest.fixture
def service(clock: MovableClock) -> Iterator[PushServiceStandIn]:
    with PushServiceStandIn(now=clock) as stand_in:
        yield stand_in


@contextmanager
def profile(
    browser: Browser, offer: PushPage, *, gives: Subscription | None = None, allowed: bool = True
) -> Iterator[BrowserContext]:
    """Open a profile that allows notices, and subscribes where ``gives`` says."""
    opened_ = browser.new_context(viewport={"width": DESK[0], "height": DESK[1]})
    opened_.set_default_timeout(15_000)
    if allowed:
        opened_.grant_permissions(["notifications"], origin=offer.address)
    if gives is not None:
        opened_.add_init_script(subscribing(gives))
    yield opened_
    opened_.close()


def said(page: Page) -> Any:
    return expect(page.locator("[data-push-said]"))


def on(page: Page) -> Worker:
    """Switch notices on; return the worker that shows them."""
    page.get_by_role("button", name="Switch on").click()
    said(page).to_have_text("Notices are on in this browser.")
    (worker,) = page.context.service_workers
    return worker


def test_a_notice_comes_from_the_channel_to_the_screen(
    browser: Browser, offer: PushPage, service: PushServiceStandIn, clock: MovableClock
) -> None:
    given = service.subscribe(offer.keys.public)
    channel = PushChannel(lambda: offer.keys, contact="house@example.com", hosts=["127.0.0.1"], now=clock)
    heard = Complaints()
    with profile(browser, offer, gives=given) as opened_:
        page = opened_.new_page()
        heard.listen(page)
        page.goto(f"{offer.address}{PATH}")
        said(page).to_have_text("Notices are off in this browser.")
        worker = on(page)
        (form,) = offer.came
        assert re.fullmatch(r"\w[\w ]* on \w[\w ]*", form.pop("label"))
        assert form == {"endpoint": given.endpoint, "p256dh": given.p256dh, "auth": given.auth}
        parcel = Parcel(
            key="k", payload=json.dumps({**form, "notice": NOTICE}).encode(), headers={}, handings=0
        )
        with channel.prepare(parcel) as handover:
            handover.send()
        (notice,) = service.notices(given)
        Delivery(page, worker, offer.address).push(json.dumps(notice))
        (seen,) = shown(page)
        pictures = seen.pop("icon"), seen.pop("badge")
        assert seen == {"body": NOTICE["text"], **{name: NOTICE[name] for name in ("title", "tag", "link")}}
        assert all(one.startswith("data:image/png;base64,") for one in pictures)
        assert len(set(pictures)) == 2
    channel.close()
    assert heard.heard == []


def test_nothing_is_asked_before_the_click_and_off_is_off(
    browser: Browser, offer: PushPage, service: PushServiceStandIn
) -> None:
    given = service.subscribe(offer.keys.public)
    with profile(browser, offer, gives=given) as opened_:
        opened_.add_init_script(
            "Notification.requestPermission = async () => { window.asked = (window.asked ?? 0) + 1; return 'granted'; }"
        )
        page = opened_.new_page()
        page.goto(f"{offer.address}{PATH}")
        said(page).to_have_text("Notices are off in this browser.")
        assert page.evaluate("window.asked") is None
        assert opened_.service_workers == []
        on(page)
        assert page.evaluate("window.asked") == 1
        page.reload()
        said(page).to_have_text("Notices are on in this browser.")
        expect(page.get_by_role("button", name="Switch on")).to_be_hidden()
        assert Axe().run(page).response["violations"] == []
        page.get_by_role("button", name="Switch off").click()
        said(page).to_have_text("Notices are off in this browser.")
        expect(page.get_by_role("button", name="Switch off")).to_be_hidden()
        assert offer.left == [{"endpoint": given.endpoint}]
        page.reload()
        said(page).to_have_text("Notices are off in this browser.")


def test_a_newer_notice_of_one_claim_takes_the_place_of_the_older(
    browser: Browser, offer: PushPage, service: PushServiceStandIn
) -> None:
    with profile(browser, offer, gives=service.subscribe()) as opened_:
        page = opened_.new_page()
        page.goto(f"{offer.address}{PATH}")
        worker = on(page)
        delivery = Delivery(page, worker, offer.address)
        for text in ("We took up your claim.", "We approved it."):
            delivery.push(json.dumps({**NOTICE, "text": text}))
            assert [one["body"] for one in shown(page)] == [text]


def test_what_cannot_be_read_is_shown_as_well(
    browser: Browser, offer: PushPage, service: PushServiceStandIn
) -> None:
    with profile(browser, offer, gives=service.subscribe()) as opened_:
        page = opened_.new_page()
        page.goto(f"{offer.address}{PATH}")
        worker = on(page)
        delivery = Delivery(page, worker, offer.address)
        for text in ("", "{", "[]", "null", '"x"', "{}", '{"title": 7}', '{"title": "", "link": []}'):
            delivery.push(text)
            told = [(one["title"], one["body"]) for one in shown(page)]
            assert told == [("Recoup", "There is news for you.")], text
            assert worker.evaluate(CLICKED, 0)["opened"] == [f"{offer.address}/desk"], text


def test_a_click_leads_to_the_portal_and_nowhere_else(
    browser: Browser, offer: PushPage, service: PushServiceStandIn
) -> None:
    elsewhere = (
        "https://elsewhere.test/desk",
        "//elsewhere.test/x",
        "javascript:alert(1)",
        "http://[",
        None,
        7,
    )
    with profile(browser, offer, gives=service.subscribe()) as opened_:
        page = opened_.new_page()
        page.goto(f"{offer.address}{PATH}")
        worker = on(page)
        delivery = Delivery(page, worker, offer.address)
        for link, leads_to in ((NEW, NEW), *((one, "/desk") for one in elsewhere)):
            # A tag each: one that is being closed would take the next of its name with it.
            delivery.push(json.dumps({**NOTICE, "link": link, "tag": str(link)}))
            clicked = worker.evaluate(CLICKED, 0)
            assert clicked == {"opened": [f"{offer.address}{leads_to}"], "focused": [], "left": 0}, link


def test_a_click_looks_at_the_page_that_is_open_already(
    browser: Browser, offer: PushPage, service: PushServiceStandIn
) -> None:
    with profile(browser, offer, gives=service.subscribe()) as opened_:
        page = opened_.new_page()
        page.goto(f"{offer.address}{PATH}")
        worker = on(page)
        there = opened_.new_page()
        there.goto(f"{offer.address}{NEW}#messages")
        Delivery(page, worker, offer.address).push(json.dumps(NOTICE))
        clicked = worker.evaluate(CLICKED, 0)
        assert clicked == {"opened": [], "focused": [f"{offer.address}{NEW}#messages"], "left": 0}


def test_what_the_server_refuses_is_told_and_undone(
    browser: Browser, offer: PushPage, service: PushServiceStandIn
) -> None:
    offer.refusal = "Six browsers are told already."
    with profile(browser, offer, gives=service.subscribe()) as opened_:
        page = opened_.new_page()
        page.goto(f"{offer.address}{PATH}")
        page.get_by_role("button", name="Switch on").click()
        said(page).to_have_text("Six browsers are told already.")
        expect(page.get_by_role("button", name="Switch on")).to_be_enabled()
        expect(page.get_by_role("button", name="Switch off")).to_be_hidden()
        offer.refusal = ""
        on(page)
    assert len(offer.came) == 1


def test_a_form_that_leads_on_shows_where_it_led(
    browser: Browser, offer: PushPage, service: PushServiceStandIn
) -> None:
    offer.leads_to = NEW
    with profile(browser, offer, gives=service.subscribe()) as opened_:
        page = opened_.new_page()
        page.goto(f"{offer.address}{PATH}")
        page.get_by_role("button", name="Switch on").click()
        page.wait_for_url(f"**{NEW}")
        said(page).to_have_text("Notices are on in this browser.")


def test_signed_out_is_said(browser: Browser, offer: PushPage, service: PushServiceStandIn) -> None:
    with profile(browser, offer, gives=service.subscribe()) as opened_:
        page = opened_.new_page()
        page.route(
            f"**{PATH}",
            lambda route: (
                route.fulfill(status=303, headers={"Location": "/desk/sign-in"})
                if route.request.method == "POST"
                else route.continue_()
            ),
        )
        page.route("**/desk/sign-in", lambda route: route.fulfill(body="<p>Sign in</p>"))
        page.goto(f"{offer.address}{PATH}")
        page.get_by_role("button", name="Switch on").click()
        said(page).to_have_text("You are signed out. Sign in again, then come back here.")
        expect(page.get_by_role("button", name="Switch on")).to_be_visible()


def test_a_lost_connection_is_said_and_undone_and_off_is_off_all_the_same(
    browser: Browser, offer: PushPage, service: PushServiceStandIn
) -> None:
    with profile(browser, offer, gives=service.subscribe()) as opened_:
        page = opened_.new_page()
        page.goto(f"{offer.address}{PATH}")
        on(page)
        opened_.set_offline(True)
        page.get_by_role("button", name="Switch off").click()
        expect(page.get_by_role("button", name="Switch on")).to_be_enabled()
        said(page).to_have_text("Notices are off in this browser.")
        page.get_by_role("button", name="Switch on").click()
        said(page).to_have_text("The connection was lost. Try again.")
        expect(page.get_by_role("button", name="Switch off")).to_be_hidden()
        opened_.set_offline(False)
        on(page)
    assert offer.left == []
    assert len(offer.came) == 2


def test_other_keys_are_off_and_make_a_new_subscription(
    browser: Browser, offer: PushPage, service: PushServiceStandIn
) -> None:
    with profile(browser, offer, gives=service.subscribe()) as opened_:
        page = opened_.new_page()
        page.goto(f"{offer.address}{PATH}")
        on(page)
        offer.keys = type(offer.keys).make()
        page.reload()
        said(page).to_have_text("Notices are off in this browser.")
        on(page)
        page.reload()
        said(page).to_have_text("Notices are on in this browser.")


def test_a_no_and_no_answer_are_told_apart(browser: Browser, offer: PushPage) -> None:
    with profile(browser, offer, allowed=False) as opened_:
        page = opened_.new_page()
        answers = "['default', 'denied']"
        opened_.add_init_script(
            f"const answers = {answers}; Notification.requestPermission = async () => answers.shift();"
        )
        opened_.add_init_script(
            "Object.defineProperty(Notification, 'permission', { get: () => 'default' });"
        )
        page.goto(f"{offer.address}{PATH}")
        page.get_by_role("button", name="Switch on").click()
        said(page).to_have_text("The browser's question was not answered, so nothing was changed.")
        page.get_by_role("button", name="Switch on").click()
        said(page).to_contain_text("This browser does not let us show notices.")
        assert opened_.service_workers == []


def test_a_browser_that_refused_before_is_not_asked(browser: Browser, offer: PushPage) -> None:
    with profile(browser, offer, allowed=False) as opened_:
        opened_.add_init_script("Object.defineProperty(Notification, 'permission', { get: () => 'denied' });")
        page = opened_.new_page()
        page.goto(f"{offer.address}{PATH}")
        said(page).to_contain_text("Allow them in its settings for this site")
        expect(page.locator("[data-push] button")).to_have_count(2)
        expect(page.locator("[data-push] button:visible")).to_have_count(0)


@pytest.mark.parametrize(
    ("lack", "told"),
    [
        ("delete window.PushManager", "This browser cannot show notices."),
        ("Object.defineProperty(window, 'isSecureContext', { value: false })", "Notices need an address that begins with https."),
        (
            "delete window.PushManager; Object.defineProperty(navigator, 'userAgent', { value: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)' })",
            "On an iPhone or iPad, put this site on the home screen first; opened from there, it can show notices.",
        ),
    ],
)  # fmt: skip
def test_a_browser_that_cannot_says_why(browser: Browser, offer: PushPage, lack: str, told: str) -> None:
    with profile(browser, offer) as opened_:
        opened_.add_init_script(lack)
        page = opened_.new_page()
        page.goto(f"{offer.address}{PATH}")
        said(page).to_have_text(told)
        expect(page.locator("[data-push] button:visible")).to_have_count(0)


def test_a_maker_whose_service_is_not_there_is_said(browser: Browser, offer: PushPage) -> None:
    with profile(browser, offer) as opened_:
        page = opened_.new_page()
        page.goto(f"{offer.address}{PATH}")
        page.get_by_role("button", name="Switch on").click()
        said(page).to_have_text(
            "The browser could not reach its maker's service for notices (AbortError). Try again later."
        )
        expect(page.get_by_role("button", name="Switch off")).to_be_hidden()
    assert offer.came == []


def test_no_other_script_becomes_a_worker(browser: Browser, offer: PushPage) -> None:
    with profile(browser, offer) as opened_:
        page = opened_.new_page()
        page.goto(f"{offer.address}{PATH}")
        tried = "(at) => navigator.serviceWorker.register(at).then((one) => one.scope, (error) => error.name)"
        assert page.evaluate(tried, f"{PATH}/claims/4711") == "TypeError"
        assert page.evaluate(tried, f"/desk/{WORKER}") == f"{offer.address}/desk/"


def test_the_browser_finds_nothing_odd_in_what_a_home_screen_is_told(
    browser: Browser, offer: PushPage
) -> None:
    with profile(browser, offer) as opened_:
        page = opened_.new_page()
        page.goto(f"{offer.address}{PATH}")
        found = opened_.new_cdp_session(page).send("Page.getAppManifest")
        assert found["url"] == f"{offer.address}/desk/app.webmanifest"
        assert found["errors"] == []
        assert json.loads(found["data"])["display"] == "standalone"


def test_nothing_is_offered_without_scripts(browser: Browser, offer: PushPage) -> None:
    opened_ = browser.new_context(java_script_enabled=False)
    page = opened_.new_page()
    page.goto(f"{offer.address}{PATH}")
    expect(page.get_by_role("heading", name="Notices")).to_be_visible()
    expect(page.locator("[data-push]")).to_be_hidden()
    opened_.close()

"""The portal in a real browser: each of its pages, light, dark and on a phone, looked at and listened to."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from support.browser import DESK, PHONE, PICTURES, WIDER_THAN_THE_SCREEN, Complaints, Theme, context
from support.portal import Portal
from support.walk import name_of, routes, settled, walk

BEFORE_THE_DOOR = re.compile(r"^/desk/(sign-in|welcome)")
OF_CUSTOMERS = re.compile(r"^/desk/(my-claims|my-policies|claims-documents)(/|$)")
"""An administrator has no claims of their own; test_claims_filing.py looks at these pages as a customer."""
NO_PLACES = {
    "/",
    "/desk/search",
    "/desk/account/notices",
    "/desk/runs/{run_id}/events",
    "/desk/rights/claim/{owner}/{key}/now",
    "/desk/claims/{claim_id:int}/mail",
    "/desk/claims/policies/import/{file_id}",
    "/desk/claims/policies/import/{file_id}/rejected",
    "/desk/claims/history/{run_id}",
}
"""One leads on, one is reached by typing, one is a card of another page whose form was wrong, one is a stream of what
a page shows, one is a part of a page that asks YouTube, on a click, one is a mail before it leaves, as a form has it,
and three are there once a sheet of policies or a file of past claims was sent; each has tests of its own."""
RULES: Mapping[Theme, dict[str, Any] | None] = {
    "light": None,
    "dark": {"runOnly": ["color-contrast", "link-in-text-block"]},
}
"""Of axe, what is looked at: all, and in the dark what colours can change."""


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


def opened(
    browser: Browser, state: Path, complaints: Complaints, theme: Theme, size: tuple[int, int]
) -> Page:
    profile = context(browser, theme=theme, size=size, state=state)
    page = profile.new_page()
    complaints.listen(page)
    return page


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> Theme:
    chosen: Theme = request.param
    return chosen


def test_every_page_is_silent_and_usable_by_everybody(
    *,
    portal: Portal,
    browser: Browser,
    administrator: Path,
    places: list[str],
    complaints: Complaints,
    theme: Theme,
) -> None:
    page = opened(browser, administrator, complaints, theme, DESK)
    pictures = PICTURES / theme
    pictures.mkdir(parents=True, exist_ok=True)
    barriers: dict[str, list[str]] = {}
    met = set()
    for seen in walk(page, *places, f"{portal.address}/desk"):
        met.add(seen.route)
        if not seen.is_page:
            continue
        page.screenshot(path=pictures / f"{name_of(seen.route)}.png", full_page=True)
        assert page.evaluate("document.documentElement.dataset.bsTheme") in {theme, None}, seen
        found = Axe().run(page, options=RULES[theme]).response["violations"]
        if found:
            for one in found:
                barriers.setdefault(f"{one['id']}: {one['nodes'][0]['html'][:120]}", []).append(seen.route)
    assert complaints.heard == []
    assert not barriers, "\n".join(
        f"{barrier} on {', '.join(where[:3])}" for barrier, where in barriers.items()
    )
    elsewhere = (BEFORE_THE_DOOR, OF_CUSTOMERS)
    behind_the_door = {one.path for one in routes() if not any(each.match(one.path) for each in elsewhere)}
    assert behind_the_door - NO_PLACES - met == set()
    page.context.close()


def test_every_page_fits_a_phone(
    portal: Portal, browser: Browser, administrator: Path, places: list[str], complaints: Complaints
) -> None:
    page = opened(browser, administrator, complaints, "light", PHONE)
    pictures = PICTURES / "phone"
    pictures.mkdir(parents=True, exist_ok=True)
    too_wide = {}
    for seen in walk(page, *places, f"{portal.address}/desk"):
        if not seen.is_page:
            continue
        page.screenshot(path=pictures / f"{name_of(seen.route)}.png", full_page=True)
        if (by := page.evaluate(WIDER_THAN_THE_SCREEN)) > 0:
            too_wide[seen.url] = by
    assert too_wide == {}
    assert complaints.heard == []
    page.context.close()


def test_somebody_signs_in_with_the_keyboard_and_the_code_from_their_mail(
    portal: Portal, browser: Browser, complaints: Complaints
) -> None:
    profile = context(browser)
    page = profile.new_page()
    complaints.listen(page)
    before = len(portal.mails.delivered)
    page.goto(f"{portal.address}/desk/metering")
    expect(page).to_have_url(re.compile("/desk/sign-in"))
    page.keyboard.type("bo@company.test")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/desk/sign-in/code"))
    _picture(page, "sign-in-code")
    page.keyboard.type(portal.code_for("bo@company.test", after=before))
    page.keyboard.press("Enter")
    page.wait_for_url(f"{portal.address}/desk/metering")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    # The search opens, finds and leads on without a mouse.
    page.keyboard.press("Control+k")
    page.keyboard.type("postgres")
    expect(page.locator("#found a").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/desk/metering/"))
    # Signing out ends the session: its cookie opens nothing any more.
    cookies = profile.cookies()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile("/desk/sign-in"))
    profile.add_cookies(cookies)  # type: ignore[arg-type]
    page.goto(f"{portal.address}/desk")
    expect(page).to_have_url(re.compile("/desk/sign-in"))
    assert complaints.heard == []
    profile.close()


def test_what_somebody_wrote_is_shown_as_they_wrote_it(
    portal: Portal, browser: Browser, administrator: Path, complaints: Complaints
) -> None:
    """Negative test 50: nothing that comes in as text is ever taken for markup or for a template."""
    hostile = '<script>alert(1)</script>{{7*7}}${7*7}"><img src=x onerror=alert(1)>'
    with portal.client() as client:
        asked = client.post("/jobs/metering.export/runs", json={"params": {"stream": hostile}})
        run = asked.raise_for_status().json()["id"]
        while client.get(f"/runs/{run}").json()["state"] in {"queued", "running"}:
            time.sleep(0.1)
    page = opened(browser, administrator, complaints, "light", DESK)
    page.on("dialog", lambda dialog: complaints.heard.append(dialog.message))
    for path in (
        f"/desk/runs/{run}",
        "/desk/runs",
        f"/desk/search?q={quote(hostile)}",
        "/desk/journal",
        "/desk",
    ):
        page.goto(portal.address + path)
        settled(page)
        assert page.locator("main script:not([type='application/json'])").count() == 0, path
        assert page.locator("main img").count() == 0, path
    page.goto(f"{portal.address}/desk/runs/{run}")
    expect(page.get_by_text(hostile).first).to_be_visible()
    assert complaints.heard == []
    page.context.close()


def _picture(page: Page, name: str) -> None:
    folder = PICTURES / "light"
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png", full_page=True)

"""What somebody does in the portal before they look around, so that every sort of page has something to show."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from support.portal import Portal

LONG = 60_000


def all_done(page: Page, portal: Portal) -> list[str]:
    """Do one of each; return the addresses of pages that no link leads to, and of those that have most to show."""
    at = portal.address
    return [
        exported(page, at),
        settled_in_bulk(page, portal),
        differences_chosen(page, at),
        claims_taken(page, at),
        app_begun(page, at),
        f"{at}/desk/metering/export/rehearsal",
        f"{at}/desk/waiting",
        f"{at}/desk/about/jobs/job/metering.export",
    ]


def exported(page: Page, at: str) -> str:
    """Take the list of runs away twice; return the second run, which can be compared with the first."""
    for name in ("csv", "xlsx"):
        page.goto(f"{at}/desk/runs")
        page.get_by_label("Format").select_option(name)
        page.get_by_role("button", name="Export all").click()
        page.wait_for_url(re.compile("/desk/runs/"))
        expect(page.locator("a[href*='/files/']").first).to_be_visible(timeout=LONG)
    return page.url


def settled_in_bulk(page: Page, portal: Portal) -> str:
    """Have a mail whose fate is unknown, and settle it among several; return what came of them."""
    portal.mails.manners.drop_after_message = True
    page.goto(f"{portal.address}/desk/settings")
    page.get_by_label("To whom").fill("somebody@company.test")
    page.locator("#test-mail button").click()
    page.wait_for_url(re.compile("/desk/outbox/"))
    delivery = page.url.rpartition("/")[2].partition("?")[0]
    for _ in range(60):
        page.goto(f"{portal.address}/desk/outbox?state=unknown")
        if page.locator(f"input[value='{delivery}']").count():
            break
        page.wait_for_timeout(500)
    portal.mails.manners.drop_after_message = False
    page.locator(f"input[value='{delivery}']").check()
    page.get_by_role("button", name="It was accepted…").click()
    page.get_by_label("Note").fill("It is in their inbox.")
    page.locator("main form button.btn-primary").click()
    page.wait_for_url(re.compile("/desk/outbox/bulk/"))
    return page.url


def differences_chosen(page: Page, at: str) -> str:
    """Choose differences that were found late; return the page that says what carrying them on would do."""
    page.goto(f"{at}/desk/metering/adjustments")
    page.locator("input[name=id]").first.check()
    page.get_by_role("button", name="Carry on…").click()
    page.wait_for_url(re.compile("/desk/metering/adjustments/settle"))
    return page.url


def claims_taken(page: Page, at: str) -> str:
    """Take a claim among several, on whatever desk it is; return what came of it."""
    page.goto(f"{at}/desk/claims")
    page.locator("input[name=id]").first.check()
    page.get_by_role("button", name="Take…").click()
    page.wait_for_url(f"{at}/desk/claims/bulk")
    page.locator("main form button.btn-primary").click()
    page.wait_for_url(re.compile("/desk/claims/bulk/"))
    return page.url


def app_begun(page: Page, at: str) -> str:
    """Begin to set up an authenticator app; return the page with its code."""
    page.goto(f"{at}/desk/account/factors")
    page.get_by_role("button", name="Set up").first.click()
    page.wait_for_url(re.compile("/desk/account/factors/app"))
    return page.url

"""What bills say appears while the claim is typed, and is taken over by a click: on a phone, at a desk, without a script."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import select

from recoup.areas.claims.jobs.reading import read_draft_task
from recoup.areas.claims.models import Claim, Draft, Proposal
from recoup.core.system import System
from support.bills import DAY, bill
from support.browser import PICTURES, WIDER_THAN_THE_SCREEN, Complaints
from support.phone import Phone
from support.walk import settled

MINE = "/desk/my-claims"
ONE, TWO = bill("1000.00"), bill("200.00", tongue="us")


@pytest.fixture
def bills(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "bill.pdf").write_bytes(ONE.pdf())
    (folder / "roof.pdf").write_bytes(TWO.pdf())
    return [folder / "bill.pdf", folder / "roof.pdf"]


def begun(page: Page, phone: Phone, *, amount: str = "1250,50") -> str:
    """Choose the policy and say what happened; stop at the documents, and return where the draft is."""
    page.goto(f"{phone.address}{MINE}/new")
    page.get_by_label("Health insurance").check()
    page.get_by_role("button", name="Next").last.click()
    page.wait_for_url("**/what-happened")
    page.get_by_label("Medical expense").check()
    page.get_by_label("On which day?").fill("2025-07-20")
    page.get_by_label("How much do you claim?").fill(amount)
    page.get_by_label("Tell us what happened").fill("I slipped on the stairs.")
    page.get_by_role("button", name="Next").last.click()
    page.wait_for_url("**/documents")
    return page.url.rpartition("/")[0]


def read(system: System, at: str) -> None:
    """Read the draft's documents as a worker does, beside the browser."""
    worker = threading.Thread(
        target=read_draft_task, args=(system,), kwargs={"draft_id": at.rpartition("/")[2]}
    )
    worker.start()
    worker.join()


class Seen:
    """Takes a picture of each step, and finds what sticks out or is a barrier."""

    def __init__(self, page: Page, folder: str) -> None:
        self._page, self._place, self.barriers = page, PICTURES / folder, list[str]()
        self._place.mkdir(parents=True, exist_ok=True)

    def look(self, name: str, path: str = "") -> None:
        """Look at a page, here or at ``path``."""
        if path:
            self._page.goto(path)
        settled(self._page)
        self._page.screenshot(path=self._place / f"autofill-{name}.png", full_page=True)
        assert self._page.evaluate(WIDER_THAN_THE_SCREEN) <= 0, name
        found = Axe().run(self._page).response["violations"]
        self.barriers += [f"{name}: {one['id']}, {one['nodes'][0]['html'][:120]}" for one in found]


def asks_nothing(page: Page) -> None:
    """Wait for longer than a page waits that asks again."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2_500)
    assert asked == [], "a page asks on though nothing is read any more"


@pytest.mark.parametrize(("theme", "is_phone"), [("light", False), ("dark", False), ("light", True)])
def test_what_was_read_appears_by_itself_and_is_taken_by_a_click(
    *, phone: Phone, system: System, bills: list[Path], theme: str, is_phone: bool
) -> None:
    heard = Complaints()
    with phone.profile(theme=theme, is_phone=is_phone) as profile:
        page = profile.new_page()
        heard.listen(page)
        seen, section = Seen(page, "phone" if is_phone else theme), page.locator("#readings")
        at = begun(page, phone)
        page.locator("#files").set_input_files(bills)
        expect(page.locator("[data-documents] li[id^=document-]")).to_have_count(2)
        expect(section).to_contain_text("Reading bill.pdf…")
        seen.look("reading")
        page.reload()
        expect(section).to_contain_text("Reading bill.pdf…")
        read(system, at)
        # Nobody loads the page again.
        expect(section).to_contain_text("bill.pdf says 1,200.00 EUR on 22 Jul 2025")
        expect(section).to_contain_text("Your policy pays in EUR")
        expect(section).not_to_contain_text("Reading")
        asks_nothing(page)
        seen.look("read")
        seen.look("loss", f"{at}/what-happened")
        page.get_by_role("button", name=f"Use {DAY:%d %b %Y}").click()
        page.wait_for_url("**#field-incident_date")
        expect(page.get_by_label("On which day?")).to_have_value(DAY.isoformat())
        seen.look("review", f"{at}/review")
        page.get_by_role("button", name="Use the amount of bill.pdf").click()
        page.wait_for_url("**/review#readings")
        expect(page.get_by_text("1200.00 EUR")).to_be_visible()
        expect(page.get_by_role("button", name="Use the amount of bill.pdf")).to_have_count(0)
        seen.look("taken")
        page.goto(f"{at}/documents")
        page.get_by_role("button", name="Remove roof.pdf").click()
        expect(section).not_to_contain_text("roof.pdf")
        expect(section).to_contain_text("bill.pdf")
        page.goto(f"{at}/review")
        page.get_by_role("button", name="File this claim").click()
        page.wait_for_url("**/filed")
    assert heard.heard == []
    assert seen.barriers == []
    with system.sessions.begin() as db:
        claim = db.scalars(select(Claim)).one()
        assert (claim.claim_minor, claim.incident_date) == (120_000, DAY)
        assert db.scalars(select(Proposal.id)).all()


def test_without_a_script_the_page_is_loaded_again(
    *, phone: Phone, system: System, bills: list[Path]
) -> None:
    with phone.profile(is_phone=False, script=False) as profile:
        page = profile.new_page()
        at = begun(page, phone)
        page.locator("#files").set_input_files(bills[0])
        page.get_by_role("button", name="Send them").click()
        expect(page.locator("#readings")).to_contain_text("Reading bill.pdf…")
        read(system, at)
        page.get_by_role("link", name="Look again").click()
        page.get_by_role("button", name="Use the amount of bill.pdf").click()
        page.wait_for_url("**/documents#readings")
        expect(page.get_by_text("The amount is now what was read.")).to_be_visible()
    with system.sessions.begin() as db:
        assert db.scalars(select(Draft)).one().typed["claim_amount"] == str(ONE.total)

"""Somebody files a claim on a phone: the connection goes and comes back, and nothing is lost or sent twice."""

from __future__ import annotations

import re
import threading
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from recoup.areas.claims import incoming
from recoup.areas.claims.models import Claim, Document, Draft
from recoup.core.system import System
from recoup.office.outbox import handover
from support.browser import PICTURES, WIDER_THAN_THE_SCREEN, Complaints
from support.browsing import session_of
from support.claims import CARL, REA, looked_at, pdf, picture
from support.people import Mailbox
from support.phone import Phone
from support.walk import settled

expect.set_options(timeout=60_000)

MINE = "/desk/my-claims"
NO_NETWORK = re.compile("ERR_INTERNET_DISCONNECTED|ERR_NETWORK|ERR_CONNECTION|ERR_FAILED")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two bills of several pieces each, and a photo."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "bill.pdf").write_bytes(pdf("Bill", pages=2, padding=700_000))
    (folder / "report.pdf").write_bytes(pdf("Report", padding=600_000))
    (folder / "photo.jpg").write_bytes(picture(size=(640, 480)))
    return [folder / name for name in ("bill.pdf", "report.pdf", "photo.jpg")]


class Gate:
    """Lets some pieces in, and keeps the next one waiting; counts what was taken where."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, lets: int) -> None:
        self.taken: Counter[tuple[UUID, int]] = Counter()
        self.shut, self.opened = threading.Event(), threading.Event()
        self._left, self._take = lets, incoming.take
        monkeypatch.setattr(incoming, "take", self)

    def __call__(
        self, home: Path, owner: UUID, upload_id: UUID, *, offset: int, piece: bytes
    ) -> incoming.Incoming:
        if self._left <= 0 and not self.opened.is_set():
            self.shut.set()
            self.opened.wait(20)
        self._left -= 1
        known = self._take(home, owner, upload_id, offset=offset, piece=piece)
        if piece:
            self.taken[upload_id, offset] += 1
        return known


def begun(page: Page, phone: Phone) -> None:
    """Choose the policy and say what happened; stop at the documents."""
    page.goto(f"{phone.address}/desk")
    page.wait_for_url(f"**{MINE}")  # where a customer lands
    page.get_by_role("link", name="File a claim").first.click()
    page.get_by_text("Health insurance").click()
    page.get_by_role("button", name="Next").last.click()
    page.wait_for_url("**/what-happened")
    page.get_by_label("Medical expense").check()
    page.get_by_label("On which day?").fill("2025-07-20")
    page.get_by_label("How much do you claim?").fill("1250,50")
    page.get_by_label("Tell us what happened").fill("I slipped on the stairs.")
    page.get_by_role("button", name="Next").last.click()
    page.wait_for_url("**/documents")


def sent_through_a_gap(profile: BrowserContext, page: Page, files: list[Path], gate: Gate) -> Gate:
    """Send documents while the connection goes and comes back; wait until all are here."""
    page.locator("#files").set_input_files(files)
    while not gate.shut.is_set():
        page.wait_for_timeout(20)
    profile.set_offline(True)
    expect(page.get_by_text("No connection. Sending goes on when it is back.").first).to_be_visible()
    gate.opened.set()  # the server takes the piece whose answer is lost
    page.screenshot(path=_picture("phone", "my-claims-offline"), full_page=True)
    profile.set_offline(False)
    expect(page.locator("[data-documents] li[id^=document-]")).to_have_count(3)
    expect(page.locator("#documents-count")).to_have_text("3 of at most 10")
    expect(page.locator("[data-told]")).to_contain_text("is here.")
    page.screenshot(path=_picture("phone", "my-claims-documents"), full_page=True)
    return gate


def decided(page: Page, address: str) -> None:
    """Decide the one claim of the queue by keys: open it, take it under review, approve it. A key chooses, Enter does."""
    page.goto(f"{address}/desk/claims")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/desk/claims/\d+"))
    for key, told in (("u", "under review"), ("a", "approved")):
        page.keyboard.press(key)
        page.keyboard.press("Enter")
        expect(page.locator("[role=status]", has_text=told).first).to_be_visible()


def test_a_claim_is_filed_on_a_phone_that_loses_the_network_and_decided_on_a_desk(
    *, phone: Phone, system: System, mailbox: Mailbox, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Complaints()
    with phone.profile() as profile:
        page = profile.new_page()
        heard.listen(page)
        begun(page, phone)
        expect(page.get_by_text("Take a photo")).to_be_visible()
        gate = sent_through_a_gap(profile, page, files, Gate(monkeypatch, lets=3))
        page.get_by_role("link", name="Next").click()
        page.wait_for_url("**/review")
        expect(page.get_by_text("1250.50 EUR")).to_be_visible()
        page.get_by_role("button", name="File this claim").click()
        page.wait_for_url("**/filed")
        expect(page.get_by_role("heading", name="Your claim is filed")).to_be_visible()
        page.get_by_role("link", name="See your claim").click()
        expect(page.get_by_text("A reviewer takes up your claim")).to_be_visible()
        page.locator("summary", has_text="bill.pdf").click()
        drawn = page.get_by_alt_text("Page 2 of bill.pdf")
        drawn.scroll_into_view_if_needed()
        expect(drawn).to_have_js_property("complete", value=True)
        assert drawn.evaluate("one => one.naturalWidth") > 300
    assert set(gate.taken.values()) == {1}, "a piece was taken twice"
    with system.sessions.begin() as db:
        claim = db.scalars(select(Claim)).one()
        kept = db.execute(select(Document.file_name, Document.original_size, Document.claim_id)).all()
    sizes = {(one.name, one.stat().st_size, claim.id) for one in files}
    assert {tuple(one) for one in kept} == sizes
    assert [one for one in heard.heard if not NO_NETWORK.search(one)] == []
    looked_at(system, claim.id)
    reviewer = Phone(phone.address, session_of(system, mailbox, REA).token, phone.started)
    with reviewer.profile(is_phone=False) as profile:
        page = profile.new_page()
        heard = Complaints()
        heard.listen(page)
        decided(page, phone.address)
    assert heard.heard == []
    handover.drain(system, "mail")
    told = mailbox.texts(CARL)[1:]  # the first one is the code to sign in with
    number = claim.claim_number
    assert [one for one in told if number in one] == told
    assert sum("your claim was filed" in one for one in told) == 1
    assert sum("we approved 1,250.50 EUR" in one for one in told) == 1
    assert len(told) == 3


def test_an_upload_goes_on_after_a_reload_when_the_same_file_is_chosen_again(
    *, phone: Phone, system: System, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with phone.profile() as profile:
        page = profile.new_page()
        begun(page, phone)
        gate = Gate(monkeypatch, lets=1)
        page.locator("#files").set_input_files(files[0])
        while not gate.shut.is_set():
            page.wait_for_timeout(20)
        page.close()
        gate.opened.set()
        page = profile.new_page()
        while gate.taken.total() < 2:  # the second piece is on its way to the disk
            page.wait_for_timeout(20)
        page.goto(f"{phone.address}{MINE}")
        page.get_by_role("link", name="Go on").click()
        page.wait_for_url("**/documents")
        expect(page.get_by_text("524.3 kB of")).to_be_visible()
        page.locator("#files").set_input_files(files[0])
        expect(page.locator("[data-documents] li")).to_have_count(1)
        expect(page.locator("[data-documents] li[id^=document-]")).to_have_count(1)
    assert set(gate.taken.values()) == {1}
    with system.sessions.begin() as db:
        assert db.scalars(select(Document.original_size)).all() == [files[0].stat().st_size]


def test_what_is_typed_without_a_connection_is_saved_when_it_is_back(*, phone: Phone, system: System) -> None:
    with phone.profile() as profile:
        page = profile.new_page()
        page.goto(f"{phone.address}{MINE}/new")
        page.get_by_text("Health insurance").click()
        page.get_by_role("button", name="Next").last.click()
        page.wait_for_url("**/what-happened")
        page.get_by_label("How much do you claim?").fill("12x")
        page.get_by_label("Tell us what happened").focus()
        expect(page.locator("#saved")).to_have_text("Saved at 16:30")
        expect(page.locator("#error-claim_amount")).to_contain_text("is not an amount")
        expect(page.get_by_label("How much do you claim?")).to_have_attribute("aria-invalid", "true")
        profile.set_offline(True)
        page.get_by_label("Tell us what happened").fill("A pipe burst.")
        page.get_by_label("How much do you claim?").fill("900")
        expect(page.locator("#saved")).to_contain_text("Not saved yet: there is no connection.")
        page.get_by_role("button", name="Next").last.click()  # the page is not left for the browser's own
        expect(page.get_by_label("Tell us what happened")).to_have_value("A pipe burst.")
        profile.set_offline(False)
        expect(page.locator("#saved")).to_have_text("Saved at 16:30")
        expect(page.locator("#error-claim_amount")).to_be_empty()
    with system.sessions.begin() as db:
        typed = db.scalars(select(Draft)).one().typed
    assert (typed["description"], typed["claim_amount"]) == ("A pipe burst.", "900")


def test_a_claim_is_filed_without_a_script(*, phone: Phone, system: System, files: list[Path]) -> None:
    with phone.profile(is_phone=False, script=False) as profile:
        page = profile.new_page()
        page.goto(f"{phone.address}{MINE}/new")
        page.get_by_label("Health insurance").check()
        page.get_by_role("button", name="Next").last.click()
        page.get_by_label("Medical expense").check()
        page.get_by_label("On which day?").fill("2025-07-20")
        page.get_by_label("Tell us what happened").fill("I slipped.")
        page.get_by_text("Parts of the amount").click()
        page.get_by_label("Part 1: what it is").fill("X-ray")
        page.get_by_label("Part 1: its amount").fill("70")
        page.get_by_role("button", name="Another part").click()
        page.get_by_label("Part 2: what it is").fill("Bandage")
        page.get_by_label("Part 2: its amount").fill("30")
        page.get_by_role("button", name="Another part").click()
        page.get_by_role("button", name="Claim 100.00 EUR").click()
        expect(page.get_by_label("How much do you claim?")).to_have_value("100.00")
        page.get_by_label("How much do you claim?").press("Enter")
        page.wait_for_url("**/documents")
        page.locator("#files").set_input_files(files)
        page.get_by_role("button", name="Send them").click()
        expect(page.locator("[data-documents] li")).to_have_count(3)
        page.get_by_role("button", name="Remove photo.jpg").click()
        expect(page.locator("[data-documents] li")).to_have_count(2)
        page.get_by_role("link", name="Next").click()
        page.get_by_role("button", name="File this claim").click()
        page.wait_for_url("**/filed")
    with system.sessions.begin() as db:
        assert db.scalars(select(Claim.claim_minor)).all() == [10_000]


@pytest.mark.parametrize(("theme", "is_phone"), [("light", False), ("dark", False), ("light", True)])
def test_every_page_of_a_claimant_is_silent_fits_and_has_no_barrier(
    *, phone: Phone, files: list[Path], theme: str, is_phone: bool
) -> None:
    heard, barriers = Complaints(), dict[str, list[str]]()
    folder = "phone" if is_phone else theme
    with phone.profile(theme=theme, is_phone=is_phone) as profile:
        page = profile.new_page()
        heard.listen(page)

        def looked_at(name: str, path: str = "") -> None:
            if path:
                page.goto(f"{phone.address}{path}")
            settled(page)
            page.screenshot(path=_picture(folder, f"my-claims-{name}"), full_page=True)
            assert page.evaluate(WIDER_THAN_THE_SCREEN) <= 0, name
            for one in Axe().run(page).response["violations"] if not is_phone else ():
                barriers.setdefault(f"{one['id']}: {one['nodes'][0]['html'][:120]}", []).append(name)

        looked_at("empty", MINE)
        looked_at("policies", "/desk/my-policies")
        looked_at("new", f"{MINE}/new")
        begun(page, phone)
        at = page.url.removeprefix(phone.address).rpartition("/")[0]
        looked_at("review-missing", f"{at}/review")
        looked_at("documents-none", f"{at}/documents")
        page.locator("#files").set_input_files(files[2])
        expect(page.locator("[data-documents] li[id^=document-]")).to_have_count(1)
        page.locator("summary", has_text="photo.jpg").click()
        looked_at("documents-open")
        looked_at("policy", f"{at}/policy")
        looked_at("loss", f"{at}/what-happened?part=yes")
        looked_at("draft", MINE)
        looked_at("review", f"{at}/review")
        page.get_by_role("button", name="File this claim").click()
        page.wait_for_url("**/filed")
        looked_at("filed")
        page.get_by_role("link", name="See your claim").click()
        page.wait_for_url(re.compile(f"{MINE}/[0-9]+$"))
        looked_at("claim")
        page.get_by_label("Write to the reviewer").fill("When will you know more?")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_text("Your message is with the reviewer.")).to_be_visible()
        looked_at("list", MINE)
    assert not barriers, "\n".join(f"{barrier} on {', '.join(where)}" for barrier, where in barriers.items())
    assert heard.heard == []


def _picture(folder: str, name: str) -> Path:
    place = PICTURES / folder
    place.mkdir(parents=True, exist_ok=True)
    return place / f"{name}.png"

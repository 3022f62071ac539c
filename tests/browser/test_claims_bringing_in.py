"""An administrator brings past claims and a large sheet of policies in: the page follows the run by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import func, select

from recoup.areas.claims import sheet_runs
from recoup.areas.claims.models import Claim, Policy
from recoup.core.system import System
from recoup.office.jobs import execution
from recoup.office.jobs.models import Run, RunState
from support.browser import PICTURES, WIDER_THAN_THE_SCREEN, Complaints
from support.browsing import served, session_of
from support.claims import ADA, populate
from support.past_files import written
from support.people import Mailbox
from support.phone import Phone
from support.policy_sheets import csv_of
from support.walk import settled


@pytest.fixture
def administrator(system: System, mailbox: Mailbox, browser: Browser) -> Iterator[Phone]:
    populate(system)
    with served(system) as address:
        yield Phone(address, session_of(system, mailbox, ADA).token, browser)


def worked(system: System) -> None:
    """Let a worker take the run that waits, beside the browser."""

    def work() -> None:
        with system.sessions.begin() as db:
            waiting: UUID = db.scalars(select(Run.id).where(Run.state == RunState.QUEUED)).one()
        execution.execute(system, waiting)

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()


def look(page: Page, folder: str, name: str) -> None:
    """Take a picture, and find what sticks out or is a barrier."""
    settled(page)
    place = PICTURES / folder
    place.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=place / f"bringing-in-{name}.png", full_page=True)
    assert page.evaluate(WIDER_THAN_THE_SCREEN) <= 0, name
    assert [f"{name}: {one['id']}" for one in Axe().run(page).response["violations"]] == []


@pytest.mark.parametrize(("theme", "is_phone"), [("light", False), ("dark", False), ("light", True)])
def test_past_claims_and_policies_come_in(
    *,
    administrator: Phone,
    system: System,
    tmp_path: Path,
    theme: str,
    is_phone: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sheet_runs, "LARGE", 1)
    folder, heard = "phone" if is_phone else theme, Complaints()
    past = written(
        tmp_path / "past.csv", {}, {"source_id": "A-2", "claim_type": "Theft"}, {"status": "pending"}
    )
    (tmp_path / "policies.csv").write_bytes(csv_of({}, {"policy_number": "H-2", "type": "boat"}))
    with administrator.profile(theme=theme, is_phone=is_phone) as profile:
        page = profile.new_page()
        heard.listen(page)
        page.goto(f"{administrator.address}/desk/claims/figures")
        page.get_by_role("link", name="Bring past claims in").click()
        look(page, folder, "history")
        page.get_by_label("A file of past claims").set_input_files(past)
        page.get_by_role("button", name="See what would come in").click()
        expect(page.get_by_text("The file waits for a worker.")).to_be_visible()
        look(page, folder, "history-waits")
        worked(system)
        expect(page.get_by_role("heading", name="2 claims come in")).to_be_visible()
        expect(page.get_by_text("The status 'pending' is no decision.")).to_be_visible()
        look(page, folder, "history-preview")
        page.get_by_role("button", name="Load 2 past claims").click()
        page.locator("dialog[open] [data-go]").click()
        page.wait_for_url("**/desk/runs/*")
        worked(system)
        page.goto(f"{administrator.address}/desk/claims/policies/import")
        page.get_by_label("A sheet of policies").set_input_files(tmp_path / "policies.csv")
        page.get_by_role("button", name="See what would change").click()
        expect(page.get_by_text("The sheet waits for a worker.")).to_be_visible()
        look(page, folder, "policies-waits")
        worked(system)
        expect(page.get_by_role("button", name="Write 1 policy")).to_be_visible()
        look(page, folder, "policies-preview")
        page.get_by_role("button", name="Write 1 policy").click()
        page.locator("dialog[open] [data-go]").click()
        page.wait_for_url("**/desk/runs/*")
        worked(system)
    assert heard.heard == []
    with system.sessions.begin() as db:
        assert db.execute(select(func.count()).select_from(Claim)).scalar_one() == 2
        assert db.scalars(select(Policy.policy_number)).all() == ["H-1"]

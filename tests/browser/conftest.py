"""One portal and one browser for a module's tests: a browser that stays open keeps an event loop running for all others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from recoup.core.system import System
from support.acts import all_done
from support.browser import browser as started_browser
from support.browser import context, let_in
from support.browsing import served, session_of
from support.claims import CARL, policy_of, populate
from support.house import MovableClock, opened
from support.people import Mailbox
from support.phone import Phone
from support.portal import Portal, portal_of_a_demo
from support.postgres import Database

HOURS = 30


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as started:
        yield started


@pytest.fixture(scope="module")
def portal(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """After the browser, so that nothing is laid out where there is none."""
    assert browser.is_connected()
    with portal_of_a_demo(tmp_path_factory.mktemp("portal"), hours=HOURS) as opened:
        yield opened


@pytest.fixture(scope="module")
def administrator(portal: Portal, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The signed-in profile of the demo's administrator."""
    return let_in(browser, portal.address + portal.link, tmp_path_factory.mktemp("profile"))


@pytest.fixture(scope="module")
def places(portal: Portal, browser: Browser, administrator: Path) -> list[str]:
    """Where the administrator did something, and what has most to show."""
    profile = context(browser, state=administrator)
    done = all_done(profile.new_page(), portal)
    profile.close()
    return done


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def system(database: Database, tmp_path: Path, clock: MovableClock, mailbox: Mailbox) -> Iterator[System]:
    """A Recoup of this test's own, for what the demo does not show."""
    with opened(database, tmp_path, clock=clock, channels={"mail": mailbox}) as running:
        yield running


@pytest.fixture
def phone(system: System, mailbox: Mailbox, browser: Browser) -> Iterator[Phone]:
    """Carl, who has a policy, with that Recoup in his hand."""
    ids = populate(system)
    policy_of(system, ids[CARL], "H-2025-000117")
    with served(system) as address:
        yield Phone(address, session_of(system, mailbox, CARL).token, browser)

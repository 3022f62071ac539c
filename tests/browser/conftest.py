"""A whole Recoup with the demo's three days in it, its mails on a real mail server, and a browser before it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from support.browser import browser as started_browser
from support.mail_server import MailServer
from support.portal import Portal
from support.processes import RECOUP, environment, running

HOURS = "30"
LONGEST_DEMO = 240


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    home = tmp_path_factory.mktemp("portal")
    told = subprocess.run(
        [*RECOUP, "demo", "--keep", "--hours", HOURS, "--json"],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=LONGEST_DEMO,
        check=True,
    )
    made = json.loads(told.stdout)
    with ExitStack() as stack:
        mails = stack.enter_context(MailServer())
        smtp = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mails.port), "SMTP_SECURITY": "none"}
        folder = Path(made["folder"])
        up = stack.enter_context(running(folder, "up", env=smtp))
        client = stack.enter_context(up.client())
        yield Portal(str(client.base_url).rstrip("/"), urlsplit(made["portal"]).path, mails, folder / "var")
        up.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with started_browser() as started:
        yield started


@pytest.fixture(scope="session")
def administrator(portal: Portal, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The signed-in profile of the demo's administrator."""
    profile = browser.new_context()
    page = profile.new_page()
    page.goto(portal.address + portal.link)
    page.get_by_role("button").first.click()
    page.wait_for_url(f"{portal.address}/desk**")
    state = tmp_path_factory.mktemp("profile") / "administrator.json"
    profile.storage_state(path=state)
    profile.close()
    return state

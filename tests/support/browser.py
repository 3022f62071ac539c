"""A real browser for tests: Debian's Chromium, or the one that Playwright brought."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""As root there is no sandbox; and nothing that a browser likes to look up on its own is to be had on loopback."""

Theme = Literal["light", "dark"]
DESK, PHONE = (1360, 900), (390, 844)
PICTURES = Path(__file__).parents[2] / "var" / "screenshots"
WIDER_THAN_THE_SCREEN = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
"""By how many pixels a page has to be scrolled sideways, as a browser tells it."""


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser; skip where there is none."""
    with sync_playwright() as playwright:
        program = _program(playwright)
        if program is None:
            pytest.skip("there is no Chromium: `apt-get install chromium`, or `playwright install chromium`")
        started = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield started
        started.close()


def _program(playwright: Playwright) -> str | None:
    own = playwright.chromium.executable_path
    return next(filter(None, map(shutil.which, NAMES)), own if Path(own).exists() else None)


class Complaints:
    """What the browser's console said that nobody wants to read there; a page's expected refusals are not among it."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def listen(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.heard.append(f"{page.url}: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.heard.append(f"{message.location.get('url', '')}: {message.text}")


def context(
    started: Browser, *, theme: Theme = "light", size: tuple[int, int] = DESK, state: Path | None = None
) -> BrowserContext:
    """Open a fresh profile, as somebody with this theme and this screen has it."""
    return started.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=theme,
        reduced_motion="reduce",
        storage_state=state,
        permissions=["clipboard-read", "clipboard-write"],
    )


def let_in(started: Browser, link: str, folder: Path) -> Path:
    """Use a link that signs somebody in once; return their profile."""
    profile = started.new_context()
    page = profile.new_page()
    page.goto(link)
    page.locator("main form button").first.click()
    page.wait_for_url("**/desk")
    state = folder / "profile.json"
    profile.storage_state(path=state)
    profile.close()
    return state

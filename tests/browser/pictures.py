"""Take the pictures of docs/pictures, from a demo's data: `make screenshots`."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from support.browser import browser, context, let_in
from support.portal import portal_of_a_demo
from support.walk import settled

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
WANTED = (
    ("overview", "/desk", "light"),
    ("metering", "/desk/metering", "light"),
    ("runs", "/desk/runs", "dark"),
    ("rights", "/desk/rights", "light"),
    ("claims", "/desk/claims", "light"),
)
FIRST: dict[str, str] = {
    "metering": "a[href*='/desk/metering/streams/']",
    "claims": "a[href*='/desk/claims/']:has-text('CLM-')",
}
"""What is opened on a page before its picture is taken."""
SIZE = (1280, 800)


def main() -> None:
    """Take them."""
    FOLDER.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        started = stack.enter_context(browser())
        portal = stack.enter_context(portal_of_a_demo(folder, hours=72))
        state = let_in(started, portal.address + portal.link, folder)
        for name, path, theme in WANTED:
            profile = context(started, theme=theme, size=SIZE, state=state)
            page = profile.new_page()
            page.goto(portal.address + path)
            settled(page)
            if name in FIRST:
                page.locator(FIRST[name]).first.click()
                settled(page)
            page.screenshot(path=FOLDER / f"{name}.png")
            profile.close()


if __name__ == "__main__":
    main()

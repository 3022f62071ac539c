"""A signed-in customer's browser, on a phone or at a desk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext

from support.browser import DESK, PHONE


class Phone:
    """A signed-in customer's profile in a browser, and where it looks at."""

    def __init__(self, address: str, token: str, started: Browser) -> None:
        self.address, self._token, self.started = address, token, started

    @contextmanager
    def profile(
        self, *, theme: str = "light", is_phone: bool = True, script: bool = True
    ) -> Iterator[BrowserContext]:
        """Open a profile of its own."""
        size: Any = dict(zip(("width", "height"), PHONE if is_phone else DESK, strict=True))
        opened_ = self.started.new_context(
            viewport=size,
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
            has_touch=is_phone,
            is_mobile=is_phone,
            java_script_enabled=script,
        )
        opened_.set_default_timeout(15_000)
        opened_.add_cookies([{"name": "recoup", "value": self._token, "url": self.address}])
        yield opened_
        opened_.close()

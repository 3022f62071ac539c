"""Decisions about browsers that want to be told: which push services are asked, what a device is called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from recoup.core.errors import Invalid
from recoup.core.push import endpoint_trouble, keys_trouble

LONGEST_LABEL = 60
_BLANKS = re.compile(r"\s+")


def checked(endpoint: str, p256dh: str, auth: str, *, hosts: Sequence[str]) -> str:
    """Return the push service's host; raise Invalid, in a sentence that holds none of the three.

    Anybody can post here and call it a browser's answer, so an address is taken from known push services alone.
    """
    if trouble := endpoint_trouble(endpoint, hosts):
        raise Invalid(
            f"The address that this browser gave {trouble}.",
            fix="Try another browser, or ask an administrator.",
        )
    if trouble := keys_trouble(p256dh, auth):
        raise Invalid(f"The keys that this browser gave {trouble}.", fix="Switch notices off and on again.")
    return urlsplit(endpoint).hostname or ""


def label(text: str, *, otherwise: str) -> str:
    """Return what a device is called, such as ``Chrome on Android``: one line, not too long."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return _BLANKS.sub(" ", shown).strip()[:LONGEST_LABEL] or otherwise[:LONGEST_LABEL]

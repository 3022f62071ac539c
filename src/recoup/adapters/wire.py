"""What adapters share when they speak HTTP: answers of bounded size and time, Retry-After, and storable evidence."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

NOTHING_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)
"""Failures before the first byte of a request: the far side cannot have acted on it."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
EVIDENCE_CHARACTERS = 500
RETRY_AFTER_LIMIT = timedelta(hours=1)

# Postgres stores neither in text or jsonb; an answer that holds one must not cost us the receipt.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as far as it came; ``flaw`` says why its body is not whole, as the end of a sentence."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    flaw: str | None = None

    @property
    def start(self) -> str:
        """The first 500 characters of the body, as evidence."""
        text = self.body[: 4 * EVIDENCE_CHARACTERS].decode(errors="replace")
        return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)[:EVIDENCE_CHARACTERS]


def post(
    client: httpx2.Client,
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    auth: httpx2.Auth | None = None,
    limit: int,
    within: timedelta,
) -> Reply:
    """Send one POST, follow nothing, and read at most ``limit`` bytes of answer for at most ``within``.

    Raise httpx2.TransportError when no answer began; after that, what went wrong is the reply's ``flaw``.
    """
    # A compressed answer could unpack to any size between two looks at the limit.
    asked = {**headers, "Accept-Encoding": "identity"}
    with client.stream(
        "POST", url, content=body, headers=asked, auth=auth, follow_redirects=False
    ) as response:
        ends = time.monotonic() + within.total_seconds()
        received, flaw = bytearray(), None
        try:
            for chunk in response.iter_bytes():
                received += chunk
                if len(received) > limit:
                    flaw = f"it is larger than {limit} bytes"
                elif time.monotonic() > ends:
                    flaw = f"it took longer than {within.total_seconds():g} seconds"
                if flaw:
                    break
        except httpx2.HTTPError as error:
            flaw = f"it broke off ({type(error).__name__})"
        return Reply(response.status_code, dict(response.headers), bytes(received[:limit]), flaw)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Read Retry-After (RFC 9110: seconds, or an HTTP date), between 0 and one hour; None where there is none."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        # More than nine digits are beyond the limit, and beyond what a timedelta can count.
        return min(timedelta(seconds=int(text[:9])), RETRY_AFTER_LIMIT)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return min(max(when - now, timedelta(0)), RETRY_AFTER_LIMIT)


def storable(value: Any) -> Any:
    """Return text or parsed JSON with every character that Postgres cannot store replaced."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return value


def is_loopback(url: str) -> bool:
    """Say whether an address is on this machine."""
    return httpx2.URL(url).host in LOOPBACK


def address_trouble(url: str, *, what: str) -> str | None:
    """Say why ``what`` (such as "our token") cannot travel to an address unread, as the end of a sentence, or None."""
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError):
        return "cannot be read"
    if parsed.userinfo:
        return "holds a user name or a password"
    if not parsed.host or parsed.scheme not in {"http", "https"}:
        return "is not a web address"
    if parsed.scheme == "http" and not is_loopback(url):
        return f"is not https, so that {what} could be read on the way"
    return None

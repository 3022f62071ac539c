"""How Google is asked: bounded waits, addresses that may see our token, and patience with a busy answer."""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, TypeVar

import httpx2

from recoup.adapters import wire
from recoup.core.errors import Misconfigured, Unavailable

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 64.0
"""Seconds between attempts: doubled each time, with jitter (Google's own guidance)."""
LATER = "Try again later."

Sleep = Callable[[float], None]
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long, how often and for how much Google is asked.

    ``attempts`` counts the first, and the pauses between them are together at most ``patience``. A report must also
    bring ``slow_bytes`` in every ``slow_seconds`` of waiting, or a byte a second would hold a worker for days; all
    waiting for one report ends after ``body_seconds``.
    """

    connect_seconds: float = 10
    silence_seconds: float = 30
    attempts: int = 5
    patience: timedelta = timedelta(minutes=2)
    answer_bytes: int = 20_000_000
    answer_within: timedelta = timedelta(minutes=2)
    pages: int = 1_000
    slow_seconds: float = 30
    slow_bytes: int = 30 * 1024
    body_seconds: float = 2 * 60 * 60


class Clients:
    """Connections that are kept open, made when they are first needed; safe to share between threads.

    A proxy that the environment names is used, but never for a stand-in on this machine.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._made: dict[bool, httpx2.Client] = {}
        self._lock = threading.Lock()

    def of(self, url: str) -> httpx2.Client:
        """Return the client for an address."""
        with_proxies, wait = not wire.is_loopback(url), self._limits.silence_seconds
        timeout = httpx2.Timeout(connect=self._limits.connect_seconds, read=wait, write=wait, pool=wait)
        with self._lock:
            if with_proxies not in self._made:
                self._made[with_proxies] = httpx2.Client(
                    timeout=timeout, trust_env=with_proxies, follow_redirects=False
                )
            return self._made[with_proxies]

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for client in self._made.values():
                client.close()
            self._made.clear()


class TryAgain(Exception):
    """One attempt in vain that another may mend; ``wait`` is what the other side asked for."""

    def __init__(self, what: str, *, wait: timedelta | None = None) -> None:
        super().__init__(what)
        self.what, self.wait = what, wait


def persist(once: Callable[[], Outcome], *, limits: Limits, sleep: Sleep) -> Outcome:
    """Call ``once`` until it does not raise TryAgain: with growing pauses, and never earlier than was asked for.

    Raise Unavailable when the attempts or the patience are used up; a wait beyond it is left to the caller.
    """
    slept = 0.0
    for attempt in range(1, limits.attempts + 1):
        try:
            return once()
        except TryAgain as failure:
            vain = failure
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1)) * random.uniform(0.5, 1)  # noqa: S311 - jitter
        pause = max(pause, vain.wait.total_seconds() if vain.wait else 0.0)
        slept += pause
        if attempt == limits.attempts or slept > limits.patience.total_seconds():
            break
        sleep(pause)
    wait = math.ceil(vain.wait.total_seconds()) if vain.wait else None
    raise Unavailable(vain.what, fix=LATER, retry_after=wait) from vain.__cause__


def get(
    client: httpx2.Client,
    url: str,
    *,
    query: Mapping[str, str],
    auth: httpx2.Auth | None,
    limits: Limits,
) -> wire.Reply:
    """Send one GET and read the answer whole, within the limits.

    Raise httpx2.TransportError when no answer began; after that, what went wrong is the reply's ``flaw``.
    """
    # A compressed answer could unpack to any size between two looks at the limit.
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    with client.stream("GET", url, params=query, headers=headers, auth=auth) as response:
        return read(response, response.iter_bytes(), limits)


def read(response: httpx2.Response, chunks: Iterable[bytes], limits: Limits) -> wire.Reply:
    """Read an answer whole, within the limits; what went wrong is the reply's ``flaw``."""
    ends = time.monotonic() + limits.answer_within.total_seconds()
    received, flaw = bytearray(), None
    try:
        for chunk in chunks:
            received += chunk
            if len(received) > limits.answer_bytes:
                flaw = f"it is larger than {limits.answer_bytes} bytes"
            elif time.monotonic() > ends:
                flaw = f"it took longer than {limits.answer_within.total_seconds():g} seconds"
            if flaw:
                break
    except httpx2.HTTPError as error:
        flaw = f"it broke off ({type(error).__name__})"
    body = bytes(received[: limits.answer_bytes])
    return wire.Reply(response.status_code, dict(response.headers), body, flaw)


def is_busy(status: int) -> bool:
    """Say whether a status means that the same request may be answered later."""
    later = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
    return status in later or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def is_page(headers: Mapping[str, str]) -> bool:
    """Say whether an answer is a web page, which Google's APIs never send where all is well."""
    return headers.get("content-type", "").strip().lower().startswith("text/html")


def json_object(reply: wire.Reply) -> dict[str, Any] | None:
    """Return a body that is a JSON object and came whole, else None."""
    try:
        found = None if reply.flaw else wire.storable(json.loads(reply.body))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def check_address(url: str, what: str, fix: str) -> None:
    """Raise Misconfigured when our secrets could not travel there unread."""
    if trouble := wire.address_trouble(url, what="our secrets"):
        raise Misconfigured(f"The address of {what} {trouble}.", fix=fix)

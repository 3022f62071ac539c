"""Addresses that are secrets themselves: posted to, and shown nowhere."""

from __future__ import annotations

import re
import threading
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httpx2

from recoup.adapters import wire
from recoup.core.ports import Refused, Unknown

ANSWER_LIMIT = 100_000
ANSWER_WITHIN = timedelta(minutes=1)
MASK_FROM = 9
"""Shorter pieces of an address are not masked in evidence: ``services`` and ``webhooks`` would be."""
BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
MOVED = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,  # how Slack answers an address that it never gave out
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)
"""Redirects after which nothing was done with what we sent."""
_UNWORDLY = re.compile(r"[^A-Za-z0-9_-]+")
_PLACEHOLDER = "https://{}.invalid/"


@dataclass(frozen=True, slots=True)
class SecretAddress:
    """Somebody who may be named, such as ``the webhook for rights``, and an address that may not be shown."""

    who: str
    what: str
    """What is posted there, such as ``the message``."""
    url: str = field(repr=False)
    secrets: Iterable[str] = field(default=(), repr=False)
    """What else must not be shown."""

    @property
    def named(self) -> str:
        """Who it is, as a sentence begins."""
        return self.who[:1].upper() + self.who[1:]

    def mask(self, text: str) -> str:
        """Replace the address, and what is secret in it, in a text that came from outside."""
        parsed = httpx2.URL(self.url)
        path = parsed.raw_path.decode("ascii")
        pieces = {self.url, str(parsed), path, *re.split(r"[/?&=]", path), *self.secrets}
        pieces |= {unquote(piece) for piece in pieces}
        pieces |= set(_UNWORDLY.split(unquote(path)))
        for piece in sorted(pieces, key=len, reverse=True):
            if len(piece) >= MASK_FROM:
                text = text.replace(piece, "[secret]")
        return text


class Client:
    """A client that leads to one secret address, and says how it went without naming it."""

    def __init__(self, client: httpx2.Client, address: SecretAddress, *, channel: str) -> None:
        self._client, self.address = client, address
        self._placeholder = _PLACEHOLDER.format(channel)

    def post(self, body: bytes, headers: Mapping[str, str]) -> wire.Reply:
        """Post, follow nothing, and return the answer that began.

        Raise Refused (not permanent) where nothing was sent, and Unknown where no answer came.
        """
        where = self.address
        try:
            return wire.post(
                self._client,
                self._placeholder,
                body=body,
                headers=headers,
                limit=ANSWER_LIMIT,
                within=ANSWER_WITHIN,
            )
        except wire.NOTHING_SENT as error:
            kind = type(error).__name__
            raise Refused(
                f"{where.named} could not be reached ({kind}); nothing was sent.", permanent=False
            ) from error
        except httpx2.TimeoutException as error:
            raise Unknown(
                f"{where.named} did not answer within {self._client.timeout.read:g} seconds; "
                f"it may have taken {where.what}.",
                answer={"error": type(error).__name__},
            ) from error
        except httpx2.TransportError as error:
            raise Unknown(
                f"The connection to {where.who} broke ({type(error).__name__}); it may have taken {where.what}.",
                answer={"error": type(error).__name__},
            ) from error

    def turned_away(self, reply: wire.Reply, answer: dict[str, Any], *, now: datetime) -> Refused | None:
        """Say that the far side is busy, or at another address now; None where it is neither."""
        who, status = self.address.named, reply.status
        if status in BUSY:
            wait = wire.retry_after(reply.headers, now)
            return Refused(f"{who} is too busy ({status}).", permanent=False, retry_after=wait, answer=answer)
        if status in MOVED:
            reason = f"{who} is not at its address: it answered {status}, which points elsewhere and is not followed."
            return Refused(reason, permanent=True, answer=answer)
        return None

    def evidence(self, reply: wire.Reply) -> tuple[str, dict[str, Any]]:
        """Return what an answer says without secrets, whole and as it is kept."""
        said = self.address.mask(wire.storable(reply.body.decode(errors="replace"))).strip()
        return said, {"status": reply.status, "text": said[: wire.EVIDENCE_CHARACTERS]}


class Ways:
    """The ways out, made when first needed: straight, or through a proxy that the environment names."""

    def __init__(self, *, connect_timeout: timedelta, read_timeout: timedelta) -> None:
        connect, wait = connect_timeout.total_seconds(), read_timeout.total_seconds()
        self._timeout = httpx2.Timeout(connect=connect, read=wait, write=wait, pool=wait)
        self._made: dict[str | None, httpx2.HTTPTransport] = {}
        self._lock = threading.Lock()

    @contextmanager
    def to(self, address: SecretAddress, *, channel: str) -> Iterator[Client]:
        """Open the way to an address; a stand-in on this machine is never behind a proxy."""
        transport = _Addressed(address, self._way(address.url))
        with httpx2.Client(transport=transport, timeout=self._timeout, trust_env=False) as client:
            yield Client(client, address, channel=channel)

    def _way(self, url: str) -> httpx2.BaseTransport:
        proxy = None if wire.is_loopback(url) else _proxy(httpx2.URL(url).host)
        with self._lock:
            if proxy not in self._made:
                # Such an address is rarely called: a connection kept open would mostly be one that the far side is
                # about to close, and a parcel lost in that moment is an unknown one.
                limits = httpx2.Limits(max_connections=20, max_keepalive_connections=0)
                self._made[proxy] = httpx2.HTTPTransport(proxy=proxy, limits=limits)
            return self._made[proxy]

    def close(self) -> None:
        """Close what is kept open."""
        with self._lock:
            for way in self._made.values():
                way.close()
            self._made.clear()


class _Addressed(httpx2.BaseTransport):
    """Puts the address into a request at the last moment.

    The client never knows it: it writes the address of every request to its log, and hands it on with every failure.
    """

    def __init__(self, address: SecretAddress, way: httpx2.BaseTransport) -> None:
        self._address, self._way = address, way

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request to the address."""
        url = httpx2.URL(self._address.url)
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"host"]
        return self._way.handle_request(
            httpx2.Request(
                request.method,
                url,
                headers=[(b"Host", url.netloc), *headers],
                stream=request.stream,
                extensions=request.extensions,
            )
        )


def _proxy(host: str) -> str | None:
    if urllib.request.proxy_bypass(host):
        return None
    named = urllib.request.getproxies()
    proxy = named.get("https") or named.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"

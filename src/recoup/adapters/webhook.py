"""Webhooks as Slack takes them: a JSON text posted to an address that is itself the secret."""

from __future__ import annotations

import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

import httpx2

from recoup.adapters import wire
from recoup.core.clock import Clock
from recoup.core.ports import Handover, Parcel, Receipt, Refused, Unknown

ANSWER_LIMIT = 100_000
ANSWER_WITHIN = timedelta(minutes=1)
KEY_HEADER = "X-Recoup-Delivery"
LONGEST_ADDRESS = 1_000
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
GONE = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
MEANINGS = {
    "invalid_payload": "it cannot read what was sent",
    "invalid_blocks": "it cannot lay out what was sent",
    "no_text": "there is no text in what was sent",
    "invalid_token": "it does not know this address",
    "no_service": "the webhook was removed or switched off there",
    "no_active_hooks": "the webhook was removed or switched off there",
    "no_team": "its workspace is not there any more",
    "team_disabled": "its workspace is switched off",
    "channel_not_found": "its channel is not there any more",
    "channel_is_archived": "its channel is archived",
    "user_not_found": "the person whom it writes to is not there any more",
    "action_prohibited": "an administrator there does not allow it",
    "posting_to_general_channel_denied": "an administrator there keeps it out of the general channel",
}
"""What Slack's one-word answers say (docs.slack.dev, incoming webhooks)."""
_CODE = re.compile(r"[a-z][a-z_]{2,59}")
_UNWORDLY = re.compile(r"[^A-Za-z0-9_-]+")
_STAND_IN_URL = "https://webhook.invalid/"


class WebhookChannel:
    """The channel ``webhook``: one JSON body per parcel, to an incoming webhook of Slack or of what speaks like it.

    The header ``to`` of a parcel is a name; ``addresses`` answers the address that is set up for it now, or None.
    A webhook cannot tell a second copy from a new text, so a parcel whose answer was lost is never sent again by us.
    An address that fails is a matter of its parcels alone, and those of others go on. One channel serves any number
    of threads.
    """

    name = "webhook"
    dedupes = False

    def __init__(
        self,
        addresses: Callable[[str], str | None],
        *,
        now: Clock,
        connect_timeout: timedelta = timedelta(seconds=10),
        read_timeout: timedelta = timedelta(seconds=30),
    ) -> None:
        self._addresses, self._now = addresses, now
        connect, wait = connect_timeout.total_seconds(), read_timeout.total_seconds()
        self._timeout = httpx2.Timeout(connect=connect, read=wait, write=wait, pool=wait)
        self._ways = _Ways()

    @contextmanager
    def prepare(self, parcel: Parcel) -> Iterator[Handover]:
        """Find the address; raise Refused for good where none is set up for the name, or it cannot be used."""
        name = parcel.headers.get("to", "")
        url = (self._addresses(name) or "").strip()
        if not url:
            raise Refused(f"No webhook is set up for {name or 'nobody'}.", permanent=True)
        webhook = _Webhook(name, url)
        if problem := webhook.problem():
            raise Refused(f"The address of the webhook for {name} {problem}.", permanent=True)
        transport = _Addressed(webhook, self._ways.to(url))
        with httpx2.Client(transport=transport, timeout=self._timeout, trust_env=False) as client:
            yield _Handover(client, webhook, parcel, now=self._now)

    def close(self) -> None:
        """Close what is kept open."""
        self._ways.close()


@dataclass(frozen=True, slots=True)
class _Webhook:
    """A name that may be shown, and an address that may not."""

    name: str
    url: str = field(repr=False)

    def problem(self) -> str | None:
        """Say what is wrong with the address, as the end of a sentence that does not hold it, or return None."""
        if len(self.url) > LONGEST_ADDRESS:
            return f"is longer than {LONGEST_ADDRESS} characters"
        return wire.address_trouble(self.url, what="it")

    def mask(self, text: str) -> str:
        """Replace the address, and what is secret in it, in a text that came from outside."""
        parsed = httpx2.URL(self.url)
        path = parsed.raw_path.decode("ascii")
        pieces = {self.url, str(parsed), path, *re.split(r"[/?&=]", path)}
        pieces |= {unquote(piece) for piece in pieces}
        pieces |= set(_UNWORDLY.split(unquote(path)))
        for piece in sorted(pieces, key=len, reverse=True):
            if len(piece) >= MASK_FROM:
                text = text.replace(piece, "[secret]")
        return text


class _Handover:
    """One parcel, and a client that leads to its address."""

    def __init__(self, client: httpx2.Client, webhook: _Webhook, parcel: Parcel, *, now: Clock) -> None:
        self._client, self._webhook, self._parcel, self._now = client, webhook, parcel, now

    def send(self) -> Receipt:
        """Post the payload as it is; a Receipt says that the far side answered 200 and ``ok``."""
        who = f"The webhook for {self._webhook.name}"
        try:
            reply = self._post()
        except wire.NOTHING_SENT as error:
            kind = type(error).__name__
            raise Refused(
                f"{who} could not be reached ({kind}); nothing was sent.", permanent=False
            ) from error
        except httpx2.TimeoutException as error:
            raise Unknown(
                f"{who} did not answer within {self._client.timeout.read:g} seconds; it may have taken the message.",
                answer={"error": type(error).__name__},
            ) from error
        except httpx2.TransportError as error:
            raise Unknown(
                f"The connection to the webhook for {self._webhook.name} broke ({type(error).__name__}); "
                "it may have taken the message.",
                answer={"error": type(error).__name__},
            ) from error
        said = self._webhook.mask(wire.storable(reply.body.decode(errors="replace"))).strip()
        answer = {"status": reply.status, "text": said[: wire.EVIDENCE_CHARACTERS]}
        if reply.status == HTTPStatus.OK and not reply.flaw and said.lower() == "ok":
            return Receipt(reference="", answer=answer)
        raise self._failure(who, reply, said, answer)

    def _post(self) -> wire.Reply:
        return wire.post(
            self._client,
            _STAND_IN_URL,
            body=self._parcel.payload,
            headers={
                "Content-Type": "application/json",
                KEY_HEADER: quote(self._parcel.key, safe="!#$&'()*+,/:;=?@[]~"),
            },
            limit=ANSWER_LIMIT,
            within=ANSWER_WITHIN,
        )

    def _failure(self, who: str, reply: wire.Reply, said: str, answer: dict[str, Any]) -> Refused | Unknown:
        status = reply.status
        if status in BUSY:
            wait = wire.retry_after(reply.headers, self._now())
            return Refused(f"{who} is too busy ({status}).", permanent=False, retry_after=wait, answer=answer)
        if status in MOVED:
            reason = f"{who} is not at its address: it answered {status}, which points elsewhere and is not followed."
            return Refused(reason, permanent=True, answer=answer)
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Refused(f"{who} answered {_in_words(status, said)}.", permanent=True, answer=answer)
        if reply.flaw:
            what = f"The answer of the webhook for {self._webhook.name} cannot be used: {reply.flaw}"
        elif status == HTTPStatus.OK:
            what = f"{who} answered {status}, but not ok"
        else:
            what = f"{who} answered {_in_words(status, said)}"
        return Unknown(f"{what}; it may have taken the message.", answer=answer)


class _Addressed(httpx2.BaseTransport):
    """Puts the address into a request at the last moment.

    The client never knows it: it writes the address of every request to its log, and hands it on with every failure.
    """

    def __init__(self, webhook: _Webhook, way: httpx2.BaseTransport) -> None:
        self._webhook, self._way = webhook, way

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request to the address."""
        url = httpx2.URL(self._webhook.url)
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


class _Ways:
    """The ways out, made when first needed: straight, or through a proxy that the environment names."""

    def __init__(self) -> None:
        self._made: dict[str | None, httpx2.HTTPTransport] = {}
        self._lock = threading.Lock()

    def to(self, url: str) -> httpx2.BaseTransport:
        """Return the way to an address; a stand-in on this machine is never behind a proxy."""
        proxy = None if wire.is_loopback(url) else _proxy(httpx2.URL(url).host)
        with self._lock:
            if proxy not in self._made:
                # A webhook is rarely called: a connection kept open would mostly be one that the far side is
                # about to close, and a parcel lost in that moment is an unknown one.
                limits = httpx2.Limits(max_connections=20, max_keepalive_connections=0)
                self._made[proxy] = httpx2.HTTPTransport(proxy=proxy, limits=limits)
            return self._made[proxy]

    def close(self) -> None:
        with self._lock:
            for way in self._made.values():
                way.close()
            self._made.clear()


def _proxy(host: str) -> str | None:
    if urllib.request.proxy_bypass(host):
        return None
    named = urllib.request.getproxies()
    proxy = named.get("https") or named.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _in_words(status: int, said: str) -> str:
    """Write a failure for a person: ``404 no_service: the webhook was removed …``."""
    code = said if _CODE.fullmatch(said) else ""
    known = MEANINGS.get(code) or ("check that it is still there" if status in GONE else "")
    return f"{status} {code}".strip() + (f": {known}" if known else "")

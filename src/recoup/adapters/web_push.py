"""Notices to browsers by Web Push (RFC 8030): encrypted for one of them, signed by us, posted to its push service."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import httpx2
from cryptography.hazmat.primitives.asymmetric import ec

from recoup.adapters import web_push_sealing, wire
from recoup.adapters.secret_address import Client, SecretAddress, Ways
from recoup.core.clock import Clock
from recoup.core.ports import ChannelDown, Handover, Parcel, Receipt, Refused, Unknown
from recoup.core.push import GONE, KNOWN_HOSTS, VapidKeys, endpoint_trouble, from_base64url, keys_trouble

__all__ = ["GONE", "KNOWN_HOSTS", "PushChannel", "VapidKeys", "endpoint_trouble", "keys_trouble"]

KEPT_FOR = timedelta(days=1)
"""How long a push service keeps a notice for a browser that is not there; what is older is read in the portal."""
TAKEN = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED})
NOT_THERE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
KEYS_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
NOTICE = ("title", "text", "link", "tag")
WHY = "x-wns-error-description"
"""Where Microsoft says why, beside an empty body."""
_WORD = re.compile(r"[A-Za-z][A-Za-z ]{2,59}")


class PushChannel:
    """The channel ``push``: one notice per parcel, to one browser.

    The payload of a parcel is JSON: ``{"endpoint", "p256dh", "auth", "notice": {"title", "text", "link", "tag"}}``, the
    first three as the browser gave them. ``keys`` answers our key pair, ``contact`` is the mail address or https
    address that push services may write to; only services in ``hosts`` are ever asked. A push service takes a second
    copy for a new notice, so that a parcel whose answer was lost is never sent again by us. A reason that begins with
    ``GONE`` says that the subscription is over. One channel serves any number of threads.
    """

    name = "push"
    dedupes = False

    def __init__(
        self,
        keys: Callable[[], VapidKeys],
        *,
        contact: str,
        hosts: Sequence[str] = KNOWN_HOSTS,
        now: Clock,
        connect_timeout: timedelta = timedelta(seconds=10),
        read_timeout: timedelta = timedelta(seconds=30),
    ) -> None:
        self._keys, self._contact, self._hosts, self._now = keys, contact, tuple(hosts), now
        self._ways = Ways(connect_timeout=connect_timeout, read_timeout=read_timeout)

    @contextmanager
    def prepare(self, parcel: Parcel) -> Iterator[Handover]:
        """Encrypt and sign.

        Raise Refused for good where the parcel cannot be sent to anybody, and ChannelDown where our keys are unusable.
        """
        push = _Push.read(parcel.payload)
        if trouble := endpoint_trouble(push.endpoint, self._hosts):
            raise Refused(f"The address that the browser gave {trouble}.", permanent=True)
        if trouble := keys_trouble(push.p256dh, push.auth):
            raise Refused(f"The keys that the browser gave {trouble}.", permanent=True)
        body, url = push.sealed(), httpx2.URL(push.endpoint)
        headers = {
            "Authorization": self._signed(f"{url.scheme}://{url.netloc.decode('ascii')}"),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(int(KEPT_FOR.total_seconds())),
            "Urgency": "normal",
        }
        if tag := push.notice["tag"]:
            headers["Topic"] = web_push_sealing.topic(tag, from_base64url(push.auth))
        address = SecretAddress(
            who=f"the push service at {url.host}",
            what="the notice",
            url=push.endpoint,
            secrets=(push.p256dh, push.auth),
        )
        with self._ways.to(address, channel=self.name) as client:
            yield _Handover(client, body, headers, now=self._now)

    def close(self) -> None:
        """Close what is kept open."""
        self._ways.close()

    def _signed(self, origin: str) -> str:
        try:
            return web_push_sealing.signature(
                self._keys(), origin=origin, contact=self._contact, now=self._now()
            )
        except (ValueError, TypeError):  # without its words, which may quote the key
            raise ChannelDown("The keys with which notices are signed cannot be used.") from None


@dataclass(frozen=True, slots=True)
class _Push:
    """What a parcel holds."""

    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)
    notice: Mapping[str, str]

    @classmethod
    def read(cls, payload: bytes) -> _Push:
        """Read a payload; raise Refused for good where it is not one of ours."""
        try:
            parcel: Any = json.loads(payload)
            told = {name: parcel["notice"][name] for name in NOTICE}
            push = cls(parcel["endpoint"], parcel["p256dh"], parcel["auth"], told)
        except (ValueError, KeyError, TypeError):
            raise Refused("What was to be sent is no notice for a browser.", permanent=True) from None
        if not all(isinstance(one, str) for one in (push.endpoint, push.p256dh, push.auth, *told.values())):
            raise Refused("What was to be sent is no notice for a browser.", permanent=True)
        return push

    def sealed(self) -> bytes:
        """Return the notice as only this browser can read it; raise Refused for good where it is too long."""
        text = json.dumps(self.notice, ensure_ascii=False).encode("utf-8", "replace")
        if len(text) > web_push_sealing.LONGEST_TEXT:
            raise Refused(
                f"The notice has {len(text):,} bytes, and a push service takes at most "
                f"{web_push_sealing.LONGEST_TEXT:,}.",
                permanent=True,
            )
        return web_push_sealing.encrypted(
            text,
            p256dh=from_base64url(self.p256dh),
            auth=from_base64url(self.auth),
            sender=ec.generate_private_key(ec.SECP256R1()),
            salt=os.urandom(web_push_sealing.SALT_BYTES),
            padding=web_push_sealing.padding_of(len(text)),
        )


class _Handover:
    """One encrypted notice, and a client that leads to its browser's push service."""

    def __init__(self, client: Client, body: bytes, headers: Mapping[str, str], *, now: Clock) -> None:
        self._client, self._body, self._headers, self._now = client, body, headers, now

    def send(self) -> Receipt:
        """Post the notice; a Receipt says that the push service took it, not that anybody saw it."""
        reply = self._client.post(self._body, self._headers)
        said, answer = self._client.evidence(reply)
        if not said and (why := reply.headers.get(WHY)):
            said = self._client.address.mask(wire.storable(why))
            answer["text"] = said[: wire.EVIDENCE_CHARACTERS]
        # Its body says nothing that we need, so that one that broke off is a yes as well. What it calls the notice
        # (Location) is an address by which anybody could take it back: not kept.
        if reply.status in TAKEN:
            return Receipt(reference="", answer=answer)
        raise self._failure(reply, said, answer)

    def _failure(self, reply: wire.Reply, said: str, answer: dict[str, Any]) -> Refused | Unknown:
        status, who = reply.status, self._client.address.named
        told = f"{who} answered {_in_words(status, said)}"
        if status in NOT_THERE:
            reason = f"{GONE} {self._client.address.who} knows the browser no longer ({status})."
            return Refused(reason, permanent=True, answer=answer)
        if status in KEYS_REFUSED:
            reason = (
                f"{told}: it does not take our keys for this browser. Look at the contact address in the settings; "
                "if it is right, notices have to be switched off and on again in that browser."
            )
            return Refused(reason, permanent=True, answer=answer)
        if turned_away := self._client.turned_away(reply, answer, now=self._now()):
            return turned_away
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Refused(f"{told}.", permanent=True, answer=answer)
        if reply.flaw:
            told = f"The answer of {self._client.address.who} cannot be used: {reply.flaw}"
        return Unknown(f"{told}; it may have taken the notice.", answer=answer)


def _in_words(status: int, said: str) -> str:
    """Write a failure for a person: ``403 BadJwtToken``, where the body is one word or JSON that holds one."""
    try:
        told = json.loads(said)
    except ValueError:
        told = said
    if isinstance(told, dict):
        told = told.get("reason") or told.get("error") or ""
    word = told if isinstance(told, str) and _WORD.fullmatch(told) else ""
    return f"{status} {word}".strip()

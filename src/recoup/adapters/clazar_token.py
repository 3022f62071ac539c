"""Signing in at Clazar: what has to be set for it, and one token that all threads share."""

from __future__ import annotations

import base64
import json
import posixpath
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import httpx2

from recoup.adapters import wire
from recoup.adapters.bearer import MASK_FROM, Token
from recoup.core.clock import Clock
from recoup.core.ports import ChannelDown, Refused

CREDENTIALS = "CLAZAR_CLIENT_ID and CLAZAR_CLIENT_SECRET"
ADDRESS = "CLAZAR_API_URL"
RENEW_EARLY = timedelta(minutes=5)
UNSTATED_LIFE = timedelta(hours=1)
ANSWER_LIMIT = 100_000

_HEADER_SAFE = re.compile(r"[!-~]{1,16000}")


@dataclass(frozen=True, slots=True)
class ClazarSettings:
    """Where Clazar is, and who we are there.

    The token is asked for at ``authenticate_url``; by default that is ``authenticate/`` beside ``metering_url``.
    """

    client_id: str
    client_secret: str = field(repr=False)
    metering_url: str = "https://api.clazar.io/metering/"
    authenticate_url: str = ""
    connect_timeout: timedelta = timedelta(seconds=10)
    read_timeout: timedelta = timedelta(seconds=30)

    @property
    def sign_in_url(self) -> str:
        """The address at which the token is asked for."""
        if self.authenticate_url:
            return self.authenticate_url
        url = httpx2.URL(self.metering_url)
        path = posixpath.join(posixpath.dirname(url.path.rstrip("/")) or "/", "authenticate/")
        return str(url.copy_with(path=path, query=None, fragment=None))

    def problem(self) -> str | None:
        """Say in a sentence what has to be set before Clazar can be asked at all, or return None."""
        if not self.client_id or not self.client_secret:
            return f"Clazar cannot be asked without credentials: set {CREDENTIALS}."
        for url in filter(None, (self.metering_url, self.authenticate_url)):
            if trouble := wire.address_trouble(url, what="our token"):
                return f"The address of Clazar {trouble}: set {ADDRESS} to one like https://api.clazar.io/metering/."
        return None


class Tokens:
    """The token that all threads share: signed in for by one of them, kept until shortly before it ends."""

    def __init__(self, settings: ClazarSettings, client: httpx2.Client, now: Clock) -> None:
        self._settings, self._client, self._now = settings, client, now
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._failures = 0
        self._failure: ChannelDown | Refused = Refused("Clazar was not asked yet.", permanent=False)

    def get(self, *, instead_of: Token | None = None) -> Token:
        """Return a token that is good for some minutes, and not the one that was just turned away.

        Raise ChannelDown when our credentials are refused, and Refused (not permanent) when Clazar does not answer.
        """
        failures = self._failures
        with self._lock:
            if instead_of is not None and self._token is instead_of:
                self._token = None
            if self._token and self._now() < self._token.renew_at:
                return self._token
            # When the count has moved, another thread tried in vain while this one waited: that answer holds for
            # both, as asking again at once would only knock harder.
            if self._failures == failures:
                try:
                    self._token = self.sign_in()
                except (ChannelDown, Refused) as failure:
                    self._failures, self._failure = self._failures + 1, failure
                else:
                    return self._token
            if self._token and self._now() < self._token.ends and isinstance(self._failure, Refused):
                return self._token  # renewed early means that there is time to fail
            raise self._failure

    def sign_in(self) -> Token:
        """Ask Clazar for a new token, whatever is kept. Raise as ``get`` does."""
        if problem := self._settings.problem():
            raise ChannelDown(problem)
        asked_at = self._now()
        pair = {"client_id": self._settings.client_id, "client_secret": self._settings.client_secret}
        try:
            reply = wire.post(
                self._client,
                self._settings.sign_in_url,
                body=json.dumps(pair).encode(),
                headers={"Content-Type": "application/json", "Accept": "application/json"},
                limit=ANSWER_LIMIT,
                within=self._settings.read_timeout,
            )
        except httpx2.TransportError as error:
            raise Refused(
                f"Clazar did not answer our sign-in ({type(error).__name__}).", permanent=False
            ) from error
        return self._read(reply, asked_at)

    def mask(self, text: str) -> str:
        """Replace our secret and our token in text that came from outside."""
        token = self._token
        for secret in (self._settings.client_secret, token.text if token else ""):
            if len(secret) >= MASK_FROM:
                text = text.replace(secret, "[secret]")
        return text

    def _read(self, reply: wire.Reply, asked_at: datetime) -> Token:
        status = reply.status
        if status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}:
            raise Refused(
                f"Clazar is too busy for our sign-in ({status}).",
                permanent=False,
                retry_after=wire.retry_after(reply.headers, self._now()),
            )
        if status == HTTPStatus.NOT_FOUND or HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise ChannelDown(
                f"There is no sign-in at {self._settings.sign_in_url} (it answered {status}): check {ADDRESS}."
            )
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ChannelDown(f"Clazar refused our credentials ({status}): check {CREDENTIALS}.")
        answer = _object(reply)
        text = _token_text(answer)
        if status != HTTPStatus.OK or text is None:
            raise Refused(f"Clazar's answer to our sign-in ({status}) holds no token.", permanent=False)
        ends = min(filter(None, (_stated_end(answer, asked_at), _jwt_end(text))))
        # A token that lives a few minutes only is used for half of its life.
        early = min(RENEW_EARLY, max(ends - asked_at, timedelta(0)) / 2)
        return Token(text=text, ends=ends, renew_at=ends - early)


def _object(reply: wire.Reply) -> dict[str, Any]:
    try:
        answer = None if reply.flaw else json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _token_text(answer: dict[str, Any]) -> str | None:
    text = answer.get("access_token")
    return text if isinstance(text, str) and _HEADER_SAFE.fullmatch(text) else None


def _stated_end(answer: dict[str, Any], asked_at: datetime) -> datetime:
    seconds = answer.get("expires_in")
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 0:
        return asked_at + UNSTATED_LIFE
    return asked_at + min(timedelta(seconds=min(seconds, 10**9)), timedelta(days=1))


def _jwt_end(token: str) -> datetime | None:
    """Read ``exp`` (RFC 7519) where the token is a JWT; its signature is Clazar's business, this is only a hint."""
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError, RecursionError):
        return None

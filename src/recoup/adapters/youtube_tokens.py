"""Access tokens for content owners: google-auth gets them, all threads share them, one asks at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import google.auth.transport
import httpx2
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.oauth2.credentials import Credentials

from recoup.adapters import wire, youtube_authorised, youtube_wire
from recoup.adapters.bearer import Token
from recoup.adapters.youtube_authorised import AGAIN, RENEW_EARLY, Authorised
from recoup.adapters.youtube_wire import Clients, Limits, Sleep, TryAgain, persist
from recoup.core import clock
from recoup.core.clock import Clock
from recoup.core.errors import Misconfigured, NeedsReauthorisation, RecoupError, Unavailable

PAUSE = timedelta(seconds=30)
"""Between attempts to renew a token that is still good."""
UNSTATED_LIFE, LONGEST_LIFE = timedelta(hours=1), timedelta(days=1)
PASSING = frozenset({"internal_failure", "server_error", "temporarily_unavailable"})
"""Words of the token endpoint that mean "later" (RFC 6749, 4.1.2.1, and google-auth)."""

FindCredentials = Callable[[str, bool], Mapping[str, Any]]
"""Returns what google-auth keeps of an authorised user, by content owner; True: not from a cache."""


@dataclass(slots=True)
class _Kept:
    """What is kept for one owner. The lock is held while Google is asked, so that one thread does."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    token: Token | None = None
    masked: tuple[str, ...] = field(default=(), repr=False)
    failures: int = 0
    failure: RecoupError = field(default_factory=lambda: Unavailable("Google was not asked yet."))


class Tokens:
    """The tokens of all owners, each renewed shortly before it ends."""

    def __init__(
        self, credentials: FindCredentials, clients: Clients, *, now: Clock, limits: Limits, sleep: Sleep
    ) -> None:
        self._credentials, self._clients, self._now = credentials, clients, now
        self._limits, self._sleep = limits, sleep
        self._owners: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def get(self, owner: str, *, instead_of: Token | None = None) -> Token:
        """Return a token that is good for some minutes, and not the one that was just turned away.

        Raise NeedsReauthorisation when Google does not take our credentials, Unavailable when it does not answer, and
        Misconfigured for an address that cannot work.
        """
        kept = self._kept(owner)
        failures = kept.failures
        with kept.lock:
            refused = instead_of is not None and (kept.token is None or kept.token.text == instead_of.text)
            if refused:
                kept.token = None
            if kept.token and self._now() < kept.token.renew_at:
                return kept.token
            # When the count has moved, another thread tried in vain while this one waited: that answer holds for
            # both, as asking again at once would only knock harder.
            if kept.failures == failures:
                try:
                    kept.token = self._sign_in(owner, kept, refused=refused)
                except RecoupError as failure:
                    kept.failures, kept.failure = kept.failures + 1, failure
                else:
                    return kept.token
            now = self._now()
            if kept.token and now < kept.token.ends and isinstance(kept.failure, Unavailable):
                # Renewed early means that there is time to fail, but not for every call to wait for a failure.
                kept.token = replace(kept.token, renew_at=now + PAUSE)
                return kept.token
            raise kept.failure

    def mask(self, owner: str, text: str) -> str:
        """Replace an owner's secrets and token in text that came from outside."""
        kept = self._kept(owner)
        token = kept.token
        return youtube_authorised.mask((*kept.masked, token.text if token else ""), text)

    def _kept(self, owner: str) -> _Kept:
        with self._lock:
            return self._owners.setdefault(owner, _Kept())

    def _sign_in(self, owner: str, kept: _Kept, *, refused: bool) -> Token:
        """Get a token; ``refused``: the last one was turned away, so what we know may be out of date."""
        known = self._read(owner, kept, fresh=refused)
        if not refused and known.token and self._now() < known.token.renew_at:
            return known.token
        # While the last token is still good, nobody has to wait for a busy Google.
        limits = (
            replace(self._limits, attempts=1)
            if kept.token and self._now() < kept.token.ends
            else self._limits
        )
        try:
            return self._refresh(owner, known, limits)
        except NeedsReauthorisation:
            if refused:
                raise
            rotated = self._read(owner, kept, fresh=True)
            if rotated == known:
                raise
        return self._refresh(owner, rotated, limits)

    def _read(self, owner: str, kept: _Kept, *, fresh: bool) -> Authorised:
        try:
            known = youtube_authorised.read(self._credentials(owner, fresh), owner)
        except NeedsReauthorisation:
            if fresh:
                raise
            known = youtube_authorised.read(self._credentials(owner, True), owner)  # noqa: FBT003 - a port's form
        kept.masked = known.secrets
        return known

    def _refresh(self, owner: str, known: Authorised, limits: Limits) -> Token:
        asked_at = self._now()
        account = Credentials.from_authorized_user_info(known.info)  # type: ignore[no-untyped-call]
        account = account.with_token_uri(known.token_uri)
        transport = _Transport(self._clients, owner, now=self._now, limits=limits, sleep=self._sleep)
        failure: RecoupError
        try:
            account.refresh(transport)
        except RefreshError as error:
            failure = _refusal(owner, known, error)
        except (GoogleAuthError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            failure = _unreadable(known)
        else:
            return Token(text=account.token, **_span(account.expiry, asked_at))
        raise failure  # out here, so that no failure of google-auth's, which may hold an answer, hangs on to it


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer of the token endpoint as google-auth reads it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class _Transport(google.auth.transport.Request):
    """Carries google-auth's requests to the token endpoint over our client, and waits where Google is busy."""

    def __init__(self, clients: Clients, owner: str, *, now: Clock, limits: Limits, sleep: Sleep) -> None:
        self._clients, self._owner, self._now = clients, owner, now
        self._limits, self._sleep = limits, sleep

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002 - our client has limits of its own
        **_: Any,
    ) -> _Answer:
        """Answer 200 with a JSON object, or what Google refuses with. Raise Unavailable or Misconfigured."""
        if method != "POST":
            raise NotImplementedError("Signing in needs nothing but POST.")
        return persist(
            lambda: self._once(url, body or b"", headers or {}), limits=self._limits, sleep=self._sleep
        )

    def _once(self, url: str, body: bytes, headers: Mapping[str, str]) -> _Answer:
        try:
            reply = wire.post(
                self._clients.of(url),
                url,
                body=body,
                headers={**headers, "Accept": "application/json"},
                limit=self._limits.answer_bytes,
                within=self._limits.answer_within,
            )
        except httpx2.TransportError as error:
            raise TryAgain(
                f"Google did not answer our sign-in for {self._owner} ({type(error).__name__})."
            ) from error
        if reply.flaw:
            raise TryAgain(f"Google's answer to our sign-in for {self._owner} cannot be used: {reply.flaw}.")
        told = youtube_wire.json_object(reply)
        if youtube_wire.is_busy(reply.status) or (told is not None and _word(told) in PASSING):
            raise TryAgain(
                f"Google is too busy for our sign-in for {self._owner} ({reply.status}).",
                wait=wire.retry_after(reply.headers, self._now()),
            )
        if told is None and reply.status != HTTPStatus.OK:
            raise Misconfigured(
                f"There is no sign-in at {url} (it answered {reply.status}).",
                fix="Check token_uri in the credentials; Google's is https://oauth2.googleapis.com/token.",
            )
        if reply.status == HTTPStatus.OK and not youtube_authorised.is_sendable(
            (told or {}).get("access_token")
        ):
            raise Unavailable(
                f"What came back from {url} holds no token that can be used: something on the way answers for Google.",
                fix="Check the network and the proxy of this machine.",
            )
        return _Answer(reply.status, reply.headers, reply.body)


def _refusal(owner: str, known: Authorised, error: RefreshError) -> RecoupError:
    said = known.mask(" ".join(str(error.args[0]).split()) if error.args else "no reason given")
    said = wire.storable(said)[: wire.EVIDENCE_CHARACTERS].rstrip(".")
    if error.retryable:
        return Unavailable(f"Google does not sign us in for {owner} now ({said}).", fix=youtube_wire.LATER)
    return NeedsReauthorisation(f"Google no longer signs us in for content owner {owner}: {said}.", fix=AGAIN)


def _unreadable(known: Authorised) -> Unavailable:
    return Unavailable(
        f"The answer of {known.token_uri} to our sign-in holds no token that can be used.",
        fix=youtube_wire.LATER,
    )


def _span(expiry: datetime | None, asked_at: datetime) -> dict[str, datetime]:
    """Say when a token ends and when to renew it, by our clock; google-auth goes by the machine's."""
    life = expiry.replace(tzinfo=UTC) - clock.utc_now() if expiry else UNSTATED_LIFE
    life = min(life, LONGEST_LIFE)
    # A token that lives a few minutes only is used for half of its life.
    early = min(RENEW_EARLY, max(life, timedelta(0)) / 2)
    return {"ends": asked_at + life, "renew_at": asked_at + life - early}


def _word(told: Mapping[str, Any]) -> str:
    error = told.get("error")
    return error if isinstance(error, str) else ""

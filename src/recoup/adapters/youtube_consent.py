"""Signing in at Google once, as a person: the consent address, and the code exchanged (RFC 8252, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from recoup.adapters import wire, youtube_authorised, youtube_wire
from recoup.adapters.youtube_authorised import TOKEN_URI, WRAPPERS
from recoup.adapters.youtube_wire import Clients, Limits
from recoup.core import clock
from recoup.core.clock import Clock
from recoup.core.errors import (
    Forbidden,
    Invalid,
    Misconfigured,
    NeedsReauthorisation,
    RecoupError,
    Unavailable,
)

AUTH_URI = "https://accounts.google.com/o/oauth2/auth"
SCOPES = (
    "https://www.googleapis.com/auth/yt-analytics.readonly",
    "https://www.googleapis.com/auth/yt-analytics-monetary.readonly",
    "https://www.googleapis.com/auth/youtubepartner",
)
REPORT_SCOPES = frozenset(SCOPES[:2])
"""Either of them lets us read reports."""
ONCE_MORE = "Run `recoup rights authorise` once more."
_CLIENT_FIX = (
    "Download the client's secret file (type: Desktop app) from the Google Cloud console, and name that file."
)
_DEFAULTS = Limits()


@dataclass(frozen=True, slots=True)
class Consent:
    """One sign-in: open ``address`` in a browser, and hand the address that Google leads to to ``finish``.

    It works once, as its state and its verifier are its own.
    """

    client_id: str
    client_secret: str = field(repr=False)
    auth_uri: str
    token_uri: str
    redirect_uri: str
    scopes: Sequence[str] = SCOPES
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    @property
    def address(self) -> str:
        """Where a person says yes."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": " ".join(self.scopes),
            "access_type": "offline",
            "prompt": "consent",
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self.auth_uri}{'&' if '?' in self.auth_uri else '?'}{urlencode(query)}"

    def finish(self, answer: str, *, now: Clock, limits: Limits = _DEFAULTS) -> dict[str, Any]:
        """Exchange the code in the address that Google led to, and return what google-auth keeps of a user.

        The address may come from a listener or be pasted by a person, whole or from its question mark on. Raise Invalid
        for one that does not belong to this sign-in, Forbidden where the person said no, NeedsReauthorisation where
        Google does not give what we need, Unavailable where it does not answer, and Misconfigured.
        """
        code = self._code(answer)
        youtube_wire.check_address(self.token_uri, "the sign-in (token_uri)", f"Google's is {TOKEN_URI}.")
        asked_at = now()
        told = self._exchanged(code, limits)
        scope = told.get("scope")
        granted = scope.split() if isinstance(scope, str) and scope.strip() else list(self.scopes)
        if not REPORT_SCOPES & set(granted):
            raise NeedsReauthorisation(
                "Google did not grant the right to read YouTube's reports.",
                fix=f"{ONCE_MORE} Leave every box ticked on Google's page.",
            )
        return {
            "type": "authorized_user",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": told["refresh_token"],
            "token_uri": self.token_uri,
            "scopes": granted,
            **_access(told, asked_at),
        }

    def _code(self, answer: str) -> str:
        text = answer.strip()
        try:
            query = parse_qs(urlsplit(text).query or text.lstrip("?"))
        except ValueError:
            query = {}
        found = {name: values[0] for name, values in query.items()}
        if not found.keys() & {"code", "error"}:
            raise Invalid(
                "There is no answer of Google in that address.",
                fix=f"Paste all of the address that the browser ended at; it begins with {self.redirect_uri}.",
            )
        if not hmac.compare_digest(found.get("state", "").encode(), self.state.encode()):
            raise Invalid(
                "That answer does not belong to this sign-in (its state is another).",
                fix=f"{ONCE_MORE} Use the address that it prints, and no older one.",
            )
        if "error" in found:
            raise _denied(found["error"])
        return found["code"]

    def _exchanged(self, code: str, limits: Limits) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }
        clients = Clients(limits)
        try:
            reply = wire.post(
                clients.of(self.token_uri),
                self.token_uri,
                body=urlencode(form).encode(),
                headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                limit=limits.answer_bytes,
                within=limits.answer_within,
            )
        except httpx2.TransportError as error:
            raise Unavailable(f"Google did not answer ({type(error).__name__}).", fix=ONCE_MORE) from error
        finally:
            clients.close()
        told = youtube_wire.json_object(reply)
        if reply.status != HTTPStatus.OK or told is None:
            raise self._refusal(reply, told, code)
        if not isinstance(told.get("refresh_token"), str) or not told["refresh_token"]:
            raise NeedsReauthorisation(
                "Google's answer holds no refresh token, so that we could not come back tomorrow.",
                fix="Remove this application's access at https://myaccount.google.com/permissions, and then: "
                + ONCE_MORE,
            )
        return told

    def _refusal(self, reply: wire.Reply, told: dict[str, Any] | None, code: str) -> RecoupError:
        status = reply.status
        if youtube_wire.is_busy(status) or status == HTTPStatus.OK:
            return Unavailable(f"Google's answer to our sign-in ({status}) cannot be used.", fix=ONCE_MORE)
        if told is None:
            return Misconfigured(
                f"There is no sign-in at {self.token_uri} (it answered {status}).",
                fix=f"Check token_uri in the client's secret file; Google's is {TOKEN_URI}.",
            )
        said = ": ".join(str(told[name]) for name in ("error", "error_description") if told.get(name))
        said = youtube_authorised.mask((self.client_secret, self.verifier, code), said)
        said = said[: wire.EVIDENCE_CHARACTERS].rstrip(".") or str(status)
        if told.get("error") == "invalid_grant":
            return NeedsReauthorisation(
                f"Google does not take the code, which works once and for some minutes ({said}).",
                fix=ONCE_MORE,
            )
        return NeedsReauthorisation(f"Google does not take this client ({said}).", fix=_CLIENT_FIX)


def begin(client_secret: Mapping[str, Any], *, redirect_uri: str, scopes: Sequence[str] = SCOPES) -> Consent:
    """Begin a sign-in with a client's secret file (``installed``, ``web``, or its fields alone).

    ``redirect_uri`` is where Google leads the browser back to: a listener's, or any on 127.0.0.1 whose address a person
    will paste. Raise Misconfigured when the file is another, or an address in it must not see our secrets.
    """
    wrapped = next(
        (client_secret[name] for name in WRAPPERS if isinstance(client_secret.get(name), Mapping)), None
    )
    known = wrapped or client_secret
    fields = {name: known.get(name) for name in ("client_id", "client_secret")}
    if missing := [name for name, value in fields.items() if not isinstance(value, str) or not value]:
        raise Misconfigured(
            f"That is no client's secret file: it lacks {', '.join(missing)}.", fix=_CLIENT_FIX
        )
    consent = Consent(
        client_id=str(fields["client_id"]),
        client_secret=str(fields["client_secret"]),
        auth_uri=str(known.get("auth_uri") or AUTH_URI),
        token_uri=str(known.get("token_uri") or TOKEN_URI),
        redirect_uri=redirect_uri,
        scopes=tuple(scopes),
    )
    youtube_wire.check_address(
        consent.auth_uri, "Google's consent page (auth_uri)", f"Google's is {AUTH_URI}."
    )
    youtube_wire.check_address(consent.token_uri, "the sign-in (token_uri)", f"Google's is {TOKEN_URI}.")
    return consent


def _denied(error: str) -> RecoupError:
    if error == "access_denied":
        return Forbidden("Nobody allowed it: Google's page was answered with no.", fix=ONCE_MORE)
    shown = str(wire.storable(error))[:100]
    return NeedsReauthorisation(f"Google did not let us in ({shown}).", fix=ONCE_MORE)


def _access(told: Mapping[str, Any], asked_at: datetime) -> dict[str, str]:
    """Return the access token that came along, where it says until when it is good."""
    token, seconds = told.get("access_token"), told.get("expires_in")
    if not youtube_authorised.is_sendable(token) or not isinstance(seconds, int) or not 0 < seconds < 10**6:
        return {}
    return {"token": str(token), "expiry": clock.to_text(asked_at + timedelta(seconds=seconds))}

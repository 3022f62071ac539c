"""The stand-in's sign-in: Google's consent page, which says yes at once, and its token endpoint."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from recoup.core.clock import Clock
from recoup.sandbox.faults import Answer, Asked, json_answer
from recoup.sandbox.http import LOOPBACK, StandIn
from recoup.sandbox.issued_tokens import IssuedTokens
from recoup.sandbox.youtube_answers import refused

CONSENT, ISSUER = "auth", "token"
SCOPE = "https://www.googleapis.com/auth/yt-analytics.readonly"


@dataclass(frozen=True, slots=True)
class _Code:
    """What a code was given for; it works once."""

    redirect_uri: str
    challenge: str
    scope: str
    is_lasting: bool


class GoogleSignIn(StandIn):
    """One client and one user who has consented to it.

    May be changed while it runs: ``granted`` (False: no refresh), ``consents`` (False: the user says no on the page),
    ``ticked`` (the scopes that the user leaves ticked there; None: all), ``gives_refresh_token``.
    """

    def __init__(
        self,
        *,
        port: int,
        clock: Clock,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        token_life: timedelta,
        seed: int,
    ) -> None:
        super().__init__(port=port)
        self.clock, self.token_life = clock, token_life
        self.client_id, self.client_secret, self.refresh_token = client_id, client_secret, refresh_token
        self.granted = self.consents = self.gives_refresh_token = True
        self.ticked: str | None = None
        self._lock = threading.Lock()
        self._tokens = IssuedTokens(seed)
        self._codes: dict[str, _Code] = {}
        self._given = 0

    @property
    def token_url(self) -> str:
        """The address of the token endpoint."""
        return f"{self.url}/{ISSUER}"

    def credentials(self) -> dict[str, object]:
        """Return what a file of an authorised user holds (google-auth)."""
        return {
            "type": "authorized_user",
            "refresh_token": self.refresh_token,
            "token_uri": self.token_url,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }

    def client_file(self) -> dict[str, object]:
        """Return what a client's secret file holds before anybody has signed in."""
        return {
            "installed": {
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "auth_uri": f"{self.url}/{CONSENT}",
                "token_uri": self.token_url,
                "redirect_uris": ["http://localhost"],
            }
        }

    def revoke_tokens(self) -> None:
        """End every access token that was issued so far."""
        with self._lock:
            self._tokens.revoke()

    def signs_in(self, asked: Asked) -> Answer | None:
        """Answer where signing in is asked for, else return None."""
        match asked.method, asked.path.strip("/"):
            case "GET", path if path == CONSENT:
                return self._consent(asked.query)
            case "POST", path if path == ISSUER:
                return self._token(dict(parse_qsl(asked.body.decode("utf-8", "replace"))))
        return None

    def _consent(self, query: Mapping[str, str]) -> Answer:
        back = query.get("redirect_uri", "")
        is_known = query.get("client_id") == self.client_id and urlsplit(back).hostname in {
            LOOPBACK,
            "localhost",
        }
        if (
            not is_known
            or query.get("response_type") != "code"
            or query.get("code_challenge_method") != "S256"
        ):
            return Answer(
                400, b"<!doctype html><h1>Error 400: invalid_request</h1>", {"Content-Type": "text/html"}
            )
        state = {"state": query["state"]} if "state" in query else {}
        if not self.consents:
            return _redirect(back, {"error": "access_denied", **state})
        with self._lock:
            self._given += 1
            code = f"4/code-{self._given}"
            self._codes[code] = _Code(
                redirect_uri=back,
                challenge=query.get("code_challenge", ""),
                scope=query.get("scope", "") if self.ticked is None else self.ticked,
                is_lasting=(query.get("access_type"), query.get("prompt")) == ("offline", "consent"),
            )
        return _redirect(back, {"code": code, "scope": self._codes[code].scope, **state})

    def _token(self, given: Mapping[str, str]) -> Answer:
        if (given.get("client_id"), given.get("client_secret")) != (self.client_id, self.client_secret):
            return refused(401, "invalid_client", "The OAuth client was not found.")
        match given.get("grant_type"):
            case "refresh_token":
                if not self.granted or given.get("refresh_token") != self.refresh_token:
                    return refused(400, "invalid_grant", "Token has been expired or revoked.")
                return self._issued({}, SCOPE)
            case "authorization_code":
                return self._exchanged(given)
        return refused(400, "unsupported_grant_type", "Invalid grant_type.")

    def _exchanged(self, given: Mapping[str, str]) -> Answer:
        with self._lock:
            known = self._codes.pop(given.get("code", ""), None)
        if known is None:
            return refused(400, "invalid_grant", "Malformed auth code.")
        if given.get("redirect_uri") != known.redirect_uri:
            return refused(400, "redirect_uri_mismatch", "Bad Request")
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != known.challenge:
            return refused(400, "invalid_grant", "Invalid code verifier.")
        is_lasting = known.is_lasting and self.gives_refresh_token
        return self._issued({"refresh_token": self.refresh_token} if is_lasting else {}, known.scope)

    def _issued(self, more: Mapping[str, str], scope: str) -> Answer:
        with self._lock:
            token = self._tokens.issue(
                self.client_id, self.clock(), stated_life=self.token_life, jwt_life=None
            )
        return json_answer(
            200,
            {
                "access_token": token,
                "expires_in": int(self.token_life.total_seconds()),
                **more,
                "scope": scope,
                "token_type": "Bearer",
            },
        )


def bearer(asked: Asked) -> str:
    """Return the token that a request shows."""
    scheme, _, token = asked.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _redirect(back: str, query: Mapping[str, str]) -> Answer:
    return Answer(302, b"", {"Location": f"{back}{'&' if '?' in back else '?'}{urlencode(query)}"})

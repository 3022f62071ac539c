"""What google-auth keeps of a user who signed in, read with care: the authorised-user JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from recoup.adapters import youtube_wire
from recoup.adapters.bearer import MASK_FROM, Token
from recoup.core import clock
from recoup.core.errors import Invalid, NeedsReauthorisation

AGAIN = "Run `recoup rights authorise`."
TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
WRAPPERS = ("installed", "web")
"""Under these names a client's secret file keeps what is in it."""
RENEW_EARLY = timedelta(minutes=3, seconds=45)
"""As google-auth does."""
NEEDED = ("refresh_token", "client_id", "client_secret")

_SENDABLE = re.compile(r"[!-~]{1,16000}")


@dataclass(frozen=True, slots=True)
class Authorised:
    """Credentials that can be tried: what google-auth takes, and the token that came with them, if any."""

    info: Mapping[str, Any] = field(repr=False)
    token_uri: str
    token: Token | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return tuple(str(self.info[name]) for name in ("refresh_token", "client_secret"))

    def mask(self, text: str) -> str:
        """Replace our secrets in text that came from outside."""
        return mask(self.secrets, text)


def read(found: Mapping[str, Any], owner: str) -> Authorised:
    """Read what is kept of a user; fields beside the wrapper of a client's secret file count, too.

    Raise NeedsReauthorisation when nobody signed in with it, or it is of another kind, and Misconfigured for a
    ``token_uri`` that must not see our secrets.
    """
    if not isinstance(found, Mapping):
        raise NeedsReauthorisation(
            f"The credentials for content owner {owner} are not an authorised user's.", fix=AGAIN
        )
    if found.get("type", "authorized_user") != "authorized_user":
        raise NeedsReauthorisation(
            f"The credentials for content owner {owner} are not a person's (a service account cannot act for one).",
            fix=AGAIN,
        )
    wrapped = next((found[name] for name in WRAPPERS if isinstance(found.get(name), Mapping)), None)
    known = {**(wrapped or {}), **found}
    missing = [name for name in NEEDED if not _is_text(known.get(name))]
    if missing == ["refresh_token"]:
        raise NeedsReauthorisation(
            f"Nobody has signed in at Google for content owner {owner} yet: its credentials hold no refresh token.",
            fix=AGAIN,
        )
    if missing:
        raise NeedsReauthorisation(
            f"The credentials for content owner {owner} lack {', '.join(missing)}.", fix=AGAIN
        )
    address = known.get("token_uri") or TOKEN_URI
    youtube_wire.check_address(
        address,
        f"the sign-in for {owner} (token_uri)",
        f"Google's is {TOKEN_URI}: correct it, or leave it out.",
    )
    info = {name: known[name] for name in NEEDED} | _optional(known)
    return Authorised(info=info, token_uri=str(address), token=_token(known))


def mask(secrets: Sequence[str], text: str) -> str:
    """Replace secrets in a text; short ones stay, as they would be found in innocent words."""
    for secret in secrets:
        if len(secret) >= MASK_FROM:
            text = text.replace(secret, "[secret]")
    return text


def is_sendable(token: Any) -> bool:
    """Say whether a token can stand in a header."""
    return isinstance(token, str) and _SENDABLE.fullmatch(token) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _optional(known: Mapping[str, Any]) -> dict[str, Any]:
    """Take over what google-auth may use, where it is of the kind that it expects."""
    kept = {
        name: known[name]
        for name in ("rapt_token", "universe_domain", "account")
        if _is_text(known.get(name))
    }
    scopes = known.get("scopes")
    if isinstance(scopes, str):
        scopes = scopes.split()
    if isinstance(scopes, list) and scopes and all(map(_is_text, scopes)):
        kept["scopes"] = scopes
    return kept


def _token(known: Mapping[str, Any]) -> Token | None:
    """Return the access token that was kept; without a time at which it ends it counts as over, as in google-auth."""
    text, expiry = known.get("token"), known.get("expiry")
    if not is_sendable(text) or not isinstance(expiry, str):
        return None
    try:
        ends = clock.parse_instant(expiry)
        return Token(text=str(text), ends=ends, renew_at=ends - RENEW_EARLY)
    except (Invalid, OverflowError):
        return None

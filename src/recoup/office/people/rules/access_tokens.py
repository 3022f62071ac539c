"""Access tokens (RFC 9068, after RFC 8725): one algorithm, one type, one issuer, and nothing taken from the header.

Since only this installation makes them, their header is always the same text. A token with any other header is refused
before anything in it is read: another algorithm, a key of its own (jwk, jku, x5u), an unknown kid, a crit.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt

from recoup.core.errors import Unauthorised
from recoup.core.ids import new_id

ALGORITHM = "HS256"
TYPE = "at+jwt"
AUDIENCE = "recoup-api"
LIFETIME = timedelta(minutes=15)
LONGEST = 1_024
CLOCKS_DIFFER = 5
"""Seconds by which two servers of one installation may disagree."""

_REQUIRED = ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid"]


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: the key, and the issuer that stands in every token."""

    key: bytes = field(repr=False)
    issuer: str

    @property
    def header(self) -> dict[str, str]:
        """The header of every token."""
        return {"typ": TYPE, "kid": hashlib.sha256(b"kid" + self.key).hexdigest()[:16]}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token that holds says: whose it is, and of which session."""

    person: UUID
    session: UUID


def issue(signer: Signer, claims: Claims, *, now: datetime) -> str:
    """Return a token that holds for a quarter of an hour."""
    at = int(now.timestamp())
    content = {
        "iss": signer.issuer,
        "aud": AUDIENCE,
        "sub": str(claims.person),
        "sid": str(claims.session),
        "jti": str(new_id()),
        "iat": at,
        "nbf": at,
        "exp": at + int(LIFETIME.total_seconds()),
    }
    return jwt.encode(content, signer.key, algorithm=ALGORITHM, headers=signer.header)


def read(signer: Signer, token: str, *, now: datetime) -> Claims:
    """Return what a token says if it is one of ours and holds at ``now``; raise Unauthorised with the reason."""
    if len(token) > LONGEST or not token.isascii():
        raise Unauthorised("The token is too long.")
    if token.partition(".")[0] != _header_text(signer):
        raise Unauthorised("The token's header is not ours.")
    try:
        content = jwt.decode(
            token,
            signer.key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=signer.issuer,
            # The times are compared below, with the instant that the door was given.
            options={"require": _REQUIRED, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise Unauthorised(f"The token does not hold ({type(error).__name__}).") from None
    if not _holds(content, now=now):
        raise Unauthorised("The token is too old, or its times are not ours.")
    try:
        return Claims(UUID(content["sub"]), UUID(content["sid"]))
    except (ValueError, TypeError, AttributeError):
        raise Unauthorised("The token names nobody.") from None


def _holds(content: dict[str, object], *, now: datetime) -> bool:
    times = [content["iat"], content["nbf"], content["exp"]]
    whole = [at for at in times if isinstance(at, int) and not isinstance(at, bool)]
    if len(whole) != len(times):
        return False
    issued, begins, ends = whole
    is_ours = issued == begins and ends - issued == int(LIFETIME.total_seconds())
    at = now.astimezone(UTC).timestamp()
    return is_ours and begins <= at + CLOCKS_DIFFER and at < ends


def _header_text(signer: Signer) -> str:
    return jwt.encode({}, signer.key, algorithm=ALGORITHM, headers=signer.header).partition(".")[0]

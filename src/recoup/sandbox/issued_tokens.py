"""Access tokens that a stand-in has issued: opaque ones, or JWTs that may end before they are said to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from datetime import datetime, timedelta


class IssuedTokens:
    """Tokens by their text, counted from 1. The caller holds a lock around every call."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"tokens {seed}")
        self._issued = 0
        self._valid: dict[str, tuple[int, datetime]] = {}

    def issue(
        self, client_id: str, now: datetime, *, stated_life: timedelta, jwt_life: timedelta | None
    ) -> str:
        """Make a token; it ends after the shorter of both lives. Without ``jwt_life`` it is opaque."""
        self._issued += 1
        if jwt_life is None:
            token = f"opaque-{self._issued}-{self._random.getrandbits(128):032x}"
        else:
            token = self._jwt(client_id, now, now + jwt_life)
        self._valid[token] = self._issued, now + min(stated_life, jwt_life or stated_life)
        return token

    def number_of(self, token: str, now: datetime) -> int | None:
        """Return which one it is, or None when it is unknown, revoked, or over."""
        number, ends = self._valid.get(token, (0, now))
        return number if now < ends else None

    def revoke(self) -> None:
        """End every token."""
        self._valid.clear()

    def _jwt(self, client_id: str, now: datetime, ends: datetime) -> str:
        claims = {
            "sub": client_id,
            "jti": str(self._issued),
            "iat": int(now.timestamp()),
            "exp": int(ends.timestamp()),
        }
        signed = ".".join(
            _part(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)
        )
        signature = hmac.new(self._random.randbytes(32), signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_part(signature)}"


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

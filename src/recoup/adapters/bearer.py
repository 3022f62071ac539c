"""A bearer token, and how it gets into a request (RFC 6750)."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime

import httpx2

MASK_FROM = 8
"""Shorter secrets are not masked in evidence: they would be found in innocent words."""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token, and when to stop using it."""

    text: str = field(repr=False)
    ends: datetime
    renew_at: datetime


class Bearer(httpx2.Auth):
    """Puts the token into a request without leaving it in a variable that a traceback could show."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Add the header; a 401 is answered elsewhere."""
        request.headers["Authorization"] = f"Bearer {self._token.text}"
        yield request

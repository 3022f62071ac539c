"""The numbers of claims."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime


def claim_number(now: datetime) -> str:
    """Return ``CLM-YYYYMMDD-XXXXXXXX``: the UTC day, and 32 random bits (contracts/claims.md, 4.1).

    Some two claims of a day with 10,000 have the same number once in 86 days; a constraint notices, and another is
    drawn.
    """
    return f"CLM-{now.astimezone(UTC):%Y%m%d}-{secrets.token_hex(4).upper()}"

"""How mails of claims look: the colour of each status, and amounts as people write them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from recoup.areas.claims.models import Status
from recoup.core.money import Money, exponent

COLOURS: Mapping[str, str] = {
    Status.APPROVED: "#10B981",
    Status.REJECTED: "#EF4444",
    Status.UNDER_REVIEW: "#F59E0B",
    Status.COMPLETED: "#6366F1",
}
"""As the contract has them (contracts/claims.md, 4.1); a pending claim has the brand's own."""


def amount(money: Money) -> str:
    """Write ``5,000.00 EUR``."""
    digits = exponent(money.currency)
    return f"{Decimal(money.minor).scaleb(-digits):,.{digits}f} {money.currency}"

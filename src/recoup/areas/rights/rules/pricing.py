"""What views are worth, where an administrator set a price."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from recoup.core.money import Money
from recoup.core.quantity import EXACT


@dataclass(frozen=True, slots=True)
class Price:
    """What a thousand views are worth; nothing where that is not known."""

    per_thousand: Decimal
    currency: str

    def of(self, views: int) -> Money | None:
        """Return what views are worth, by estimate."""
        if not self.per_thousand:
            return None
        return Money.rounded(
            EXACT.multiply(self.per_thousand, Decimal(views).scaleb(-3, EXACT)), self.currency
        )

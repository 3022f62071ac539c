"""What is owed, as it is shown: amounts as exact text beside their currency."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from pydantic import Field, computed_field

from recoup.core.money import exponent
from recoup.core.quantity import EXACT
from recoup.web.wire import Instant, Quantity, Shown


class OwedShown(Shown):
    """A sum, a party, a state, a lapse date."""

    id: UUID
    key: str
    area: str
    party: str
    title: str
    link: str
    amount_minor: int | None = Field(description="In minor units; null where no price is known.")
    currency: str | None
    state: str
    lapses_at: Instant | None
    opened_at: Instant
    ended_at: Instant | None
    reason: str | None

    @computed_field(description="The amount in whole units of its currency.")  # type: ignore[prop-decorator]
    @property
    def amount(self) -> Quantity | None:
        """The amount in whole units."""
        return None if self.amount_minor is None else _whole(self.amount_minor, self.currency)


class LapsingShown(Shown):
    """What lapses within one UTC hour, per currency (null: no price is known)."""

    hour: Instant
    currency: str | None
    items: int
    amount_minor: int

    @computed_field(description="The sum in whole units of its currency.")  # type: ignore[prop-decorator]
    @property
    def amount(self) -> Quantity | None:
        """The sum in whole units."""
        return _whole(self.amount_minor, self.currency) if self.currency else None


def _whole(minor: int, currency: str | None) -> Decimal:
    return Decimal(minor).scaleb(-exponent(currency or ""), EXACT)

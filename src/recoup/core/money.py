"""Money: a whole number of minor units and a currency, never one without the other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from recoup.core import quantity
from recoup.core.errors import Invalid

DEFAULT_EXPONENT = 2
# ISO 4217, the currencies whose minor unit is not a hundredth.
_WHOLE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
EXPONENTS = {**dict.fromkeys(_WHOLE.split(), 0), **dict.fromkeys(_THOUSANDTHS.split(), 3), "CLF": 4, "UYW": 4}
LARGEST_MINOR = 2**63 - 1


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """``minor`` units of ``currency`` (ISO 4217): ``Money(900, "EUR")`` is nine euros."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.minor, int):
            raise TypeError("minor units are whole numbers")
        if not re.fullmatch(r"[A-Z]{3}", self.currency):
            raise Invalid(
                f"{self.currency!r} is not a currency.", fix="Write its ISO 4217 code, such as EUR."
            )
        if abs(self.minor) > LARGEST_MINOR:
            raise Invalid("The amount is too large to be kept.")

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """Read ``9.00``; more digits than the currency has are refused, not rounded."""
        return cls.exactly(quantity.parse(text), currency)

    @classmethod
    def exactly(cls, amount: Decimal, currency: str) -> Money:
        """Take a decimal amount of whole units; raise Invalid when it is finer than the currency's minor unit."""
        minor, rest = quantity.split_whole(amount.scaleb(exponent(currency), quantity.EXACT))
        if rest:
            raise Invalid(
                f"{quantity.to_text(amount)} {currency} is finer than the smallest unit of {currency}."
            )
        return cls(int(minor), currency)

    @classmethod
    def rounded(cls, amount: Decimal, currency: str) -> Money:
        """Take a decimal amount and round it half to even: for estimates, never for what is booked.

        However many digits it has after the point: a quantity times a price has more than either.
        """
        if not amount.is_finite() or amount.adjusted() >= quantity.INTEGER_DIGITS:
            raise Invalid(f"{amount} {currency} is no usable amount.")
        places = exponent(currency)
        return cls(int(quantity.round_at(amount, places).scaleb(places, quantity.EXACT)), currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other).minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other).minor

    def __str__(self) -> str:
        amount = Decimal(self.minor).scaleb(-exponent(self.currency), quantity.EXACT)
        return f"{amount:f} {self.currency}"

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise Invalid(f"{self.currency} and {other.currency} cannot be put together.")
        return other


def exponent(currency: str) -> int:
    """Return how many digits after the point the currency has (ISO 4217)."""
    return EXPONENTS.get(currency, DEFAULT_EXPONENT)

"""What a contract owes for an hour: measured dimensions, formulas, whole numbers and exact remainders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from recoup.areas.metering.rules.streams import StreamConfig
from recoup.core import quantity
from recoup.core.errors import Invalid
from recoup.core.money import Money


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of one contract in one window: exact sums by dimension, and their amounts where priced."""

    quantities: Mapping[str, Decimal]
    amounts: Mapping[str, Decimal]


def billed(stream: StreamConfig, measured: Measured) -> dict[str, tuple[Decimal, Decimal | None]]:
    """Return what a contract owes by submitted dimension: quantity, and amount where a price is known.

    Raise Invalid when a formula has no usable result for this contract.
    """
    if not stream.formulas:
        return {name: (value, measured.amounts.get(name)) for name, value in measured.quantities.items()}
    values = dict(measured.quantities)
    values |= {f"{name}_total_price": amount for name, amount in measured.amounts.items()}
    results: dict[str, tuple[Decimal, Decimal | None]] = {}
    for name, formula in stream.formulas.items():
        value = formula.evaluate(values)
        if problem := quantity.problem_with(value):
            raise Invalid(f"The formula of {name} gives no usable quantity: {problem}.")
        priced = [measured.amounts[each] for each in sorted(formula.names()) if each in measured.amounts]
        results[name] = (value, quantity.total(priced) if priced and len(stream.formulas) == 1 else None)
    return results


@dataclass(frozen=True, slots=True)
class Split:
    """What is submitted now and what is carried on; the two add up to what was there."""

    quantity: Decimal
    carried: Decimal


def split(total: Decimal, *, whole: bool) -> Split:
    """Split measured plus carried into a quantity that the cloud takes and an exact rest.

    Never negative: a correction that exceeds what was measured is carried as a negative remainder.
    """
    if total < 0:
        return Split(quantity.ZERO, total)
    if not whole:
        return Split(total, quantity.ZERO)
    submitted = total.to_integral_value(rounding=ROUND_FLOOR, context=quantity.EXACT)
    return Split(submitted, quantity.subtract(total, submitted))


def too_many_bad(*, bad: int, records: int, most_percent: int) -> bool:
    """Say whether so many records are unusable that the whole window should wait for a person."""
    return bad * 100 > records * most_percent


def worth(amount: Decimal | None, currency: str) -> Money | None:
    """Return a sum of value times pricePerUnit as an amount; None where nothing was priced, or absurdly."""
    try:
        return None if amount is None else Money.rounded(amount, currency)
    except Invalid:
        return None

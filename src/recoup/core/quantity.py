"""Exact decimal quantities: read within bounds, added without rounding, written without an exponent."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    localcontext,
)

from recoup.core.errors import Invalid

INTEGER_DIGITS = 30
FRACTION_DIGITS = 18
ZERO = Decimal(0)
LARGEST_EXPONENT_OF_ZERO = 1_000

# Sums of 10**40 quantities of the largest size fit; a digit that would be lost raises instead.
_TRAPS = [InvalidOperation, Overflow, DivisionByZero]
EXACT = Context(prec=INTEGER_DIGITS + FRACTION_DIGITS + 40, traps=[Inexact, *_TRAPS])
_ROUNDING = Context(prec=200, rounding=ROUND_HALF_EVEN, traps=_TRAPS)


def problem_with(value: Decimal) -> str | None:
    """Say why ``value`` is no usable quantity (not finite, or more digits than are kept), or return None."""
    if not value.is_finite():
        return f"{value} is not a finite number"
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):  # pragma: no cover - is_finite() has said so already
        return f"{value} is not a finite number"
    if value and len(digits) + exponent > INTEGER_DIGITS:
        return f"it has more than {INTEGER_DIGITS} digits before the point"
    if not value and abs(exponent) > LARGEST_EXPONENT_OF_ZERO:
        return "it is a zero with an exponent beyond any use"
    if value and -exponent > FRACTION_DIGITS and _last_place_of(digits, exponent) < -FRACTION_DIGITS:
        return f"it has more than {FRACTION_DIGITS} digits after the point"
    return None


def parse(text: str) -> Decimal:
    """Read a plain decimal such as ``12.50``; raise Invalid on anything else or on too many digits."""
    if not text.isascii() or "_" in text:
        raise Invalid(f"{text!r} is not a number.")
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise Invalid(f"{text!r} is not a number.") from None
    if problem := problem_with(value):
        raise Invalid(f"{text!r} cannot be used as a quantity: {problem}.")
    return value


def add(*values: Decimal) -> Decimal:
    """Add exactly; raise decimal.Inexact rather than lose a digit."""
    return total(values)


def total(values: Iterable[Decimal]) -> Decimal:
    """Sum exactly; raise decimal.Inexact rather than lose a digit."""
    result = ZERO
    for value in values:
        result = EXACT.add(result, value)
    return result


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """Subtract exactly; raise decimal.Inexact rather than lose a digit."""
    return EXACT.subtract(left, right)


def multiply(left: Decimal, right: Decimal) -> Decimal:
    """Multiply exactly; raise decimal.Inexact rather than lose a digit."""
    return EXACT.multiply(left, right)


def split_whole(value: Decimal) -> tuple[Decimal, Decimal]:
    """Split into a whole number (towards zero) and the exact rest; the two add up to ``value``."""
    whole = value.to_integral_value(rounding=ROUND_DOWN, context=EXACT)
    return whole, EXACT.subtract(value, whole)


def round_last_place(value: Decimal) -> Decimal:
    """Round half to even at the last place that is kept (18 digits after the point)."""
    return round_at(value, FRACTION_DIGITS)


def round_at(value: Decimal, places: int) -> Decimal:
    """Round half to even, once, at so many digits after the point."""
    with localcontext(_ROUNDING):
        return value.quantize(Decimal(1).scaleb(-places))


def to_text(value: Decimal) -> str:
    """Write without an exponent and without trailing zeros: ``1E+3`` is ``1000``, ``2.50`` is ``2.5``."""
    if not value:  # 0E-999999 would be written out with all its zeros
        return "0"
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text


def _last_place_of(digits: tuple[int, ...], exponent: int) -> int:
    """Return the power of ten of the last digit that is not zero; arithmetic would trap on long numbers."""
    return exponent + next(place for place, digit in enumerate(reversed(digits)) if digit)

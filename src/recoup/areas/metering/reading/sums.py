"""Exact sums of numbers as they were written, without making a Decimal of each."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import msgspec

from recoup.areas.metering.reading.records import NUMBER_LENGTH, Odd
from recoup.core.quantity import FRACTION_DIGITS, INTEGER_DIGITS, ZERO

_LARGEST = 10**INTEGER_DIGITS
_FINEST = 10 ** (FRACTION_DIGITS + 1)
_integers = msgspec.json.Decoder(list[int]).decode
_decimals = msgspec.json.Decoder(list[Decimal]).decode


def number(raw: msgspec.Raw) -> Decimal:
    """Return a number as written; raise Odd when it is something else."""
    try:
        return Decimal(str(raw, "utf-8"))
    except InvalidOperation:
        raise Odd from None


def exact_sum(text: bytes, count: int) -> Decimal:
    """Add up ``count`` JSON numbers with commas between them, in the EXACT context.

    Raise Odd unless each is a usable quantity: a number, not negative, within the bounds on digits.

    Whole parts and fractions are added as integers, which takes half as long as Decimals do: each point becomes
    ``,-1``, so that ``2.05,7`` is read as the integers 2, -105, 7: what is negative is a fraction, and the 1 keeps
    its leading zeros and tells its places.
    """
    if unusual := text.translate(None, b"0123456789.,"):
        return _sum_unusual(text, unusual)
    try:
        pieces = _integers(b"[%b]" % text.replace(b".", b",-1"))
    except msgspec.ValidationError:  # longer than Python reads integers
        raise Odd from None
    points = text.count(b".")
    if points in {0, count}:  # whole numbers, or each with a fraction
        fractions = pieces[1::2] if points else []
        whole = sum(pieces[::2] if points else pieces)
    else:
        fractions = [piece for piece in pieces if piece < 0]
        whole = sum(pieces) - sum(fractions)
    # No number is negative: if one is too large it shows in the sum.
    if whole >= _LARGEST or (fractions and min(fractions) <= -_FINEST):
        raise Odd
    total = Decimal(whole)
    while fractions:
        places = len(str(min(fractions))) - len("-1")
        unit = 10**places
        shorter = [piece for piece in fractions if piece > -unit]
        numerators = sum(shorter) - sum(fractions) - (len(fractions) - len(shorter)) * unit
        total += Decimal(numerators).scaleb(-places)
        fractions = shorter
    return total


def plain_sum(text: bytes, count: int) -> Decimal:  # noqa: ARG001 - as exact_sum
    """Add up JSON numbers with commas between them, each known to be usable, in the EXACT context."""
    return sum(_decimals(b"[%b]" % text), ZERO)


def _sum_unusual(text: bytes, unusual: bytes) -> Decimal:
    """Add up numbers some of which have a sign or an exponent."""
    if unusual.strip(b"+-eE") or max(map(len, text.split(b","))) > NUMBER_LENGTH:
        raise Odd
    try:
        values = _decimals(b"[%b]" % text)
        total = sum(values, ZERO)
    except (ArithmeticError, msgspec.ValidationError):
        raise Odd from None
    exponent = total.as_tuple().exponent
    # Adding in the EXACT context keeps every digit of each, so too many digits show in the sum as well.
    if min(values) < 0 or total >= _LARGEST or not isinstance(exponent, int) or exponent < -FRACTION_DIGITS:
        raise Odd
    return total

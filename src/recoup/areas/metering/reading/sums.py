"""Exact sums of numbers as they were written, without making a Decimal of each."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import msgspec

from recoup.areas.metering.reading.records import Odd
from recoup.core.quantity import FRACTION_DIGITS, INTEGER_DIGITS, ZERO

_LARGEST = 10**INTEGER_DIGITS
_integers = msgspec.json.Decoder(list[int]).decode
_decimals = msgspec.json.Decoder(list[Decimal]).decode


def number(raw: msgspec.Raw) -> Decimal:
    """Return a number as written; raise Odd when it is something else."""
    try:
        return Decimal(str(raw, "utf-8"))
    except InvalidOperation:
        raise Odd from None


class Ledger(list[msgspec.Raw]):
    """Numbers as they were written, to be added up later."""

    __slots__ = ("_count", "_gathered")

    def __init__(self) -> None:
        self._gathered: list[bytes] = []
        self._count = 0

    def gather(self) -> None:
        """Copy the numbers together, while their text is still in the processor's cache."""
        if self:
            self._gathered.append(b",".join(self))
            self._count += len(self)
            self.clear()

    def settled(self, *, trusted: bool) -> tuple[int, Decimal]:
        """Return how many there were and their sum, and forget them; raise Odd as ``exact_sum`` does."""
        self.gather()
        text = b",".join(self._gathered)
        count, self._count = self._count, 0
        self._gathered.clear()
        return count, (sum(_decimals(b"[%b]" % text), ZERO) if trusted else exact_sum(text))


def exact_sum(text: bytes) -> Decimal:
    """Add up JSON numbers with commas between them; raise Odd unless each is a usable quantity: not negative, and within the bounds on digits.

    To be used in the EXACT context. Whole parts and fractions are added as integers, which takes half as long as
    Decimals do: each point becomes ``,-1``, so that ``2.05,7`` is read as the integers 2, -105, 7: what is negative
    is a fraction, and the 1 keeps its leading zeros and tells its places.
    """
    if unusual := text.translate(None, b"0123456789.,"):
        return _sum_unusual(text, unusual)
    try:
        pieces = _integers(b"[%b]" % text.replace(b".", b",-1"))
    except msgspec.ValidationError:  # longer than Python reads integers
        raise Odd from None
    fractions = [piece for piece in pieces if piece < 0]
    whole = sum(pieces) - sum(fractions)
    total = Decimal(whole)
    while fractions:
        places = len(str(min(fractions))) - len("-1")
        unit = 10**places
        shorter = [piece for piece in fractions if piece > -unit]
        numerators = sum(shorter) - sum(fractions) - (len(fractions) - len(shorter)) * unit
        if places > FRACTION_DIGITS:
            raise Odd
        total += Decimal(numerators).scaleb(-places)
        fractions = shorter
    if whole >= _LARGEST:  # none is negative, so if one is too large it shows in the sum
        raise Odd
    return total


def _sum_unusual(text: bytes, unusual: bytes) -> Decimal:
    """Add up numbers some of which have a sign or an exponent."""
    if unusual.strip(b"+-eE"):
        raise Odd
    try:
        values = _decimals(b"[%b]" % text)
    except InvalidOperation:
        raise Odd from None
    total = sum(values, ZERO)
    exponent = total.as_tuple().exponent
    # Adding in the EXACT context keeps every digit of each, so too many digits show in the sum as well.
    if min(values) < 0 or total >= _LARGEST or not isinstance(exponent, int) or exponent < -FRACTION_DIGITS:
        raise Odd
    return total

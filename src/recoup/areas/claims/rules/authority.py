"""How much a reviewer may approve alone."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from recoup.core import quantity
from recoup.core.errors import Invalid
from recoup.core.money import Money


def read(lines: list[str]) -> dict[str, Decimal]:
    """Read lines such as ``ada@example.com 20000``: an address, and whole units of a claim's currency."""
    limits = {}
    for line in lines:
        address, _, amount = line.strip().rpartition(" ")
        if "@" not in address:
            raise Invalid(f"{line[:80]!r} names no limit.", fix="Write it like ada@example.com 20000.")
        limit = quantity.parse(amount)
        if limit < 0:
            raise Invalid(f"{line[:80]!r}: a limit is not negative.")
        limits[address.strip().lower()] = limit
    return limits


def may_alone(amount: Money, *, name: str, limits: Mapping[str, Decimal], usual: Decimal) -> bool:
    """Say whether ``name`` may approve ``amount`` without a second person; a limit counts in any currency."""
    return amount.minor <= Money.rounded(limits.get(name.lower(), usual), amount.currency).minor

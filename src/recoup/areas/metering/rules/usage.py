"""Usage over days, as bars are stacked: the largest by name, the others together, each sum exact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from recoup.core import quantity

MOST_NAMES = 7
OTHERS = "all others"
THOUSAND, LARGEST_POWER = 3, 30


@dataclass(frozen=True, slots=True)
class Stack:
    """Sums by day and name. ``values[name][day]`` is exact; days without usage are zero."""

    days: Sequence[date]
    names: Sequence[str]
    values: Mapping[str, Mapping[date, Decimal]]

    def value(self, name: str, day: date) -> Decimal:
        """Return one sum."""
        return self.values[name].get(day, quantity.ZERO)

    def of_day(self, day: date) -> Decimal:
        """Return what all names came to on a day."""
        return quantity.total(self.value(name, day) for name in self.names)

    def of_name(self, name: str) -> Decimal:
        """Return what a name came to."""
        return quantity.total(self.values[name].values())

    @property
    def total(self) -> Decimal:
        """What it all came to."""
        return quantity.total(self.of_name(name) for name in self.names)

    @property
    def power(self) -> int:
        """Return the power of ten, a multiple of three, in which the largest day is a handy number to draw."""
        largest = max((abs(self.of_day(day)) for day in self.days), default=quantity.ZERO)
        if not largest:
            return 0
        return min(max(largest.adjusted() // THOUSAND * THOUSAND, 0), LARGEST_POWER)


def stack(sums: Iterable[tuple[date, str, Decimal]], days: Sequence[date]) -> Stack:
    """Add sums up by day and name; beyond the largest ``MOST_NAMES`` names the others are one."""
    values: dict[str, dict[date, Decimal]] = {}
    for day, name, value in sums:
        of_name = values.setdefault(name, {})
        of_name[day] = quantity.add(of_name.get(day, quantity.ZERO), value)
    ordered = sorted(values, key=lambda name: (-quantity.total(values[name].values()), name))
    kept, rest = ordered[:MOST_NAMES], ordered[MOST_NAMES:]
    if len(rest) == 1:
        kept, rest = ordered, []
    shown: dict[str, Mapping[date, Decimal]] = {name: values[name] for name in kept}
    if rest:
        others: dict[date, Decimal] = {}
        for name in rest:
            for day, value in values[name].items():
                others[day] = quantity.add(others.get(day, quantity.ZERO), value)
        shown[OTHERS] = others
    return Stack(days, list(shown), shown)

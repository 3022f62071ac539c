"""What settling several differences together comes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from recoup.core import quantity


@dataclass(frozen=True, slots=True)
class Effect:
    """What is carried for a contract and dimension at this moment, what would be added, and what it comes to."""

    stream: str
    contract: str
    dimension: str
    carried: Decimal
    added: Decimal

    @property
    def afterwards(self) -> Decimal:
        """What would be carried afterwards."""
        return quantity.add(self.carried, self.added)


def preview(differences: Iterable[tuple[str, str, str, Decimal, Decimal]]) -> Sequence[Effect]:
    """Add differences up, given as stream, contract, dimension, what is carried, and the difference."""
    sums: dict[tuple[str, str, str], tuple[Decimal, Decimal]] = {}
    for stream, contract, dimension, carried, difference in differences:
        name = (stream, contract, dimension)
        added = sums[name][1] if name in sums else quantity.ZERO
        sums[name] = (Decimal(carried), quantity.add(added, difference))
    return [Effect(*name, carried, added) for name, (carried, added) in sorted(sums.items())]

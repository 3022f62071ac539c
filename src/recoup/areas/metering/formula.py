"""Formulas over measured dimensions: a small language of our own, in exact decimals, with bounds on everything."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, Inexact, localcontext
from fractions import Fraction

from recoup.core import quantity
from recoup.core.errors import Invalid

MOST_CHARACTERS = 1_000
MOST_NESTED = 50

# Wide enough for whatever a formula of this length makes of the largest quantities, and never rounding.
_EXACT = Context(prec=20_000, traps=[Inexact, *quantity.EXACT.traps])
_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)(?![\w.])|([A-Za-z_]\w*)|([-+*/(),]))", re.ASCII)
_ARGUMENTS = {"min": (2, MOST_CHARACTERS), "max": (2, MOST_CHARACTERS), "ceil": (1, 1), "floor": (1, 1), "round": (1, 2)}
_END = "the end"


@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed formula; ``text`` is what a person wrote."""

    text: str
    _root: _Node

    def names(self) -> frozenset[str]:
        """Return the names of everything that the formula needs: dimensions, and ``<dimension>_total_price``."""
        return frozenset(name for name, _ in self._root.named())

    def check(self, known: Collection[str]) -> None:
        """Raise Invalid when the formula needs a name that is not known."""
        for name, at in self._root.named():
            if name not in known:
                raise Invalid(
                    f"The formula {self.text!r} needs {name!r} (character {at}), which nothing measures.",
                    fix=f"Known are: {', '.join(sorted(known)) or 'none'}.",
                )

    def evaluate(self, values: Mapping[str, Decimal]) -> Decimal:
        """Return the result for one set of values; a name without a value is zero.

        Only a division rounds, half to even at the 18th place. Raise Invalid where there is no usable result:
        a division by zero, or a number that is negative.
        """
        try:
            with localcontext(_EXACT):
                result = self._root.value(values)
        except _NoResult as problem:
            raise Invalid(f"The formula {self.text!r} has no result: {problem}.") from None
        except ArithmeticError:
            raise Invalid(f"The formula {self.text!r} has no result: its numbers grow too long.") from None
        if result < 0:
            raise Invalid(f"The formula {self.text!r} gives {quantity.to_text(result)}, which is negative.")
        return result.copy_abs()


def parse(text: str) -> Formula:
    """Read a formula; raise Invalid, naming the character, where it is none.

    Numbers, names, ``+ - * / ( )``, a leading minus, ``min(a, b, ...)``, ``max(a, b, ...)``, ``ceil(a)``,
    ``floor(a)``, and ``round(a)`` or ``round(a, places)``, half to even.
    """
    if len(text) > MOST_CHARACTERS:
        raise Invalid(f"A formula has at most {MOST_CHARACTERS} characters; this one has {len(text)}.")
    return Formula(text, _Parser(text).whole())


class _NoResult(Exception):
    """The values leave the formula without a result."""


class _Node:
    __slots__ = ()

    def named(self) -> Iterator[tuple[str, int]]:
        """Yield the names below, each with its place."""
        raise NotImplementedError

    def value(self, values: Mapping[str, Decimal]) -> Decimal:
        """Return the value, in the context that is set."""
        raise NotImplementedError

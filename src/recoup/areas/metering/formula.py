"""Formulas over measured dimensions: a small language of our own, in exact decimals, with bounds on everything."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, Inexact, localcontext
from fractions import Fraction

from recoup.core import quantity
from recoup.core.errors import Invalid

MOST_CHARACTERS = 1_000
MOST_NESTED = 50

# Wide enough for a product of ten of the largest quantities, and never rounding.
_EXACT = Context(prec=500, traps=[Inexact, *quantity.EXACT.traps])
_WORD = re.compile(r"[\w.]+|[^\s]")
_WELL_FORMED = re.compile(r"\d+(\.\d+)?|[a-z_]\w*|[-+*/(),]", re.ASCII | re.IGNORECASE)
_ARGUMENTS = {
    "min": (2, MOST_CHARACTERS),
    "max": (2, MOST_CHARACTERS),
    "ceil": (1, 1),
    "floor": (1, 1),
    "round": (1, 2),
}
_END = ""


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
            raise Invalid(
                f"The formula {self.text!r} gives {quantity.to_text(result)[:60]}, which is negative."
            )
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
    """A part of a formula."""

    __slots__ = ()

    def parts(self) -> Iterable[_Node]:
        """Return the nodes directly below."""
        return ()

    def named(self) -> Iterator[tuple[str, int]]:
        """Yield the names in it, each with its place."""
        for part in self.parts():
            yield from part.named()

    def value(self, values: Mapping[str, Decimal]) -> Decimal:
        """Return its value, reckoned in the context that is set."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class _Number(_Node):
    number: Decimal

    def value(self, values: Mapping[str, Decimal]) -> Decimal:  # noqa: ARG002 - a number is a number
        return self.number


@dataclass(frozen=True, slots=True)
class _Name(_Node):
    name: str
    at: int

    def named(self) -> Iterator[tuple[str, int]]:
        yield self.name, self.at

    def value(self, values: Mapping[str, Decimal]) -> Decimal:
        return values.get(self.name, quantity.ZERO)


@dataclass(frozen=True, slots=True)
class _Chain(_Node):
    """A first operand, and what is done to it from left to right: sign, operand, and the sign's place."""

    first: _Node
    steps: tuple[tuple[str, _Node, int], ...]

    def parts(self) -> Iterable[_Node]:
        return (self.first, *(node for _, node, _ in self.steps))

    def value(self, values: Mapping[str, Decimal]) -> Decimal:
        result = self.first.value(values)
        for sign, node, at in self.steps:
            operand = node.value(values)
            match sign:
                case "+":
                    result += operand
                case "-":
                    result -= operand
                case "*":
                    result *= operand
                case _:
                    result = _divided(result, operand, at)
        return result


@dataclass(frozen=True, slots=True)
class _Negative(_Node):
    node: _Node

    def parts(self) -> Iterable[_Node]:
        return (self.node,)

    def value(self, values: Mapping[str, Decimal]) -> Decimal:
        return -self.node.value(values)


@dataclass(frozen=True, slots=True)
class _Call(_Node):
    function: str
    arguments: tuple[_Node, ...]
    places: int = 0

    def parts(self) -> Iterable[_Node]:
        return self.arguments

    def value(self, values: Mapping[str, Decimal]) -> Decimal:
        numbers = [argument.value(values) for argument in self.arguments]
        match self.function:
            case "min":
                return min(numbers)
            case "max":
                return max(numbers)
            case "ceil":
                return numbers[0].to_integral_value(ROUND_CEILING)
            case "floor":
                return numbers[0].to_integral_value(ROUND_FLOOR)
            case _:
                return numbers[0].scaleb(self.places).to_integral_value(ROUND_HALF_EVEN).scaleb(-self.places)


def _divided(dividend: Decimal, divisor: Decimal, at: int) -> Decimal:
    if not divisor:
        raise _NoResult(f"it divides by zero (character {at})")
    # As a fraction, so that it is rounded once, however many digits there are.
    last_places = round(Fraction(dividend) / Fraction(divisor) * 10**quantity.FRACTION_DIGITS)
    return Decimal(last_places).scaleb(-quantity.FRACTION_DIGITS)


class _Parser:
    """Reads by descent: a sum is made of products, a product of factors, a factor may be a sum in brackets."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = _words(text)
        self._word, self._at = next(self._words)
        self._nested = 0

    def whole(self) -> _Node:
        node = self._sum()
        if self._word != _END:
            raise self._instead_of("an operator or the end")
        return node

    def _sum(self) -> _Node:
        return self._chain(self._product, "+", "-")

    def _product(self) -> _Node:
        return self._chain(self._factor, "*", "/")

    def _chain(self, operand: Callable[[], _Node], *signs: str) -> _Node:
        first = operand()
        steps = []
        while self._word in signs:
            sign, at = self._next()
            steps.append((sign, operand(), at))
        return _Chain(first, tuple(steps)) if steps else first

    def _factor(self) -> _Node:
        self._nested += 1
        if self._nested > MOST_NESTED:
            raise Invalid(
                f"The formula {self._text!r} is nested more than {MOST_NESTED} deep (character {self._at})."
            )
        node = self._nested_factor()
        self._nested -= 1
        return node

    def _nested_factor(self) -> _Node:
        word, at = self._word, self._at
        if not (word in {"-", "("} or word[:1].isalnum() or word.startswith("_")):
            raise self._instead_of("a number, a name or a bracket")
        self._next()
        if word == "-":
            return _Negative(self._factor())
        if word == "(":
            node = self._sum()
            self._expect(")")
            return node
        if word[0].isdigit():
            return _Number(self._number(word, at))
        return self._call(word, at) if self._word == "(" else _Name(word, at)

    def _call(self, function: str, at: int) -> _Node:
        if function not in _ARGUMENTS:
            raise self._unreadable(
                at, f"there is no function {function!r}; there are {', '.join(sorted(_ARGUMENTS))}"
            )
        self._expect("(")
        arguments = [self._sum()]
        while self._word == ",":
            self._next()
            arguments.append(self._sum())
        self._expect(")")
        least, most = _ARGUMENTS[function]
        if not least <= len(arguments) <= most:
            wanted = str(least) if least == most else f"at least {least}"
            raise self._unreadable(at, f"{function} takes {wanted} arguments, not {len(arguments)}")
        if function == "round" and len(arguments) == most:
            return _Call(function, (arguments[0],), self._places(arguments[1], at))
        return _Call(function, tuple(arguments))

    def _places(self, node: _Node, at: int) -> int:
        if not isinstance(node, _Number) or node.number not in range(quantity.FRACTION_DIGITS + 1):
            most = quantity.FRACTION_DIGITS
            raise self._unreadable(at, f"round takes a plain number of places, 0 to {most}")
        return int(node.number)

    def _number(self, text: str, at: int) -> Decimal:
        try:
            return quantity.parse(text)
        except Invalid as problem:
            raise self._unreadable(at, problem.detail) from None

    def _next(self) -> tuple[str, int]:
        taken = self._word, self._at
        self._word, self._at = next(self._words)
        return taken

    def _expect(self, sign: str) -> None:
        if self._word != sign:
            raise self._instead_of(repr(sign))
        self._next()

    def _instead_of(self, wanted: str) -> Invalid:
        found = repr(self._word) if self._word else "it ends"
        return self._unreadable(self._at, f"{found} where {wanted} should be")

    def _unreadable(self, at: int, problem: str) -> Invalid:
        return Invalid(f"The formula {self._text!r} cannot be read at character {at}: {problem.rstrip('.')}.")


def _words(text: str) -> Iterator[tuple[str, int]]:
    """Yield each word or sign with its place, counted from 1, and then the end for ever."""
    position = 0
    while found := _WORD.search(text, position):
        word, position = found[0], found.end()
        if not _WELL_FORMED.fullmatch(word):
            raise Invalid(
                f"The formula {text!r} cannot be read at character {found.start() + 1}: {word!r} means nothing there."
            )
        yield word, found.start() + 1
    while True:
        yield _END, len(text) + 1

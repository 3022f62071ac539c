"""What one rendering of a person's template may use up: steps, characters, items and time.

The template's tree is rewritten before it is compiled: what loops, what joins texts and what makes lists goes through
functions that count.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, cast

from jinja2 import Environment, nodes, pass_eval_context
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.nodes import EvalContext
from jinja2.runtime import Undefined

LONGEST_TEXT = 100_000
MOST_STEPS = 20_000
MOST_CHARACTERS = 2_000_000
MOST_ITEMS = 10_000
LARGEST_RANGE = 1_000
MOST_BITS = 256
SECONDS = 2.0
"""Of this thread's own time, so that a busy machine refuses nobody."""

_PRINTABLE = (str, int, Decimal, dt.date, dt.timedelta, Undefined, type(None))
_WIDE = re.compile(r"%[^a-zA-Z%]*(?:\d{3,}|\*)")


class TooMuch(TemplateError):
    """The budget is used up."""


class _Budget:
    """What one rendering may do. Time is looked at with each step, and no step is long by itself."""

    def __init__(self) -> None:
        self.steps, self.characters = MOST_STEPS, MOST_CHARACTERS
        self.until = time.thread_time() + SECONDS

    def spend(self, characters: int = 0) -> None:
        self.steps -= 1
        self.characters -= characters
        if self.steps < 0:
            raise TooMuch(f"it takes more than {MOST_STEPS:,} steps; repeat less")
        if self.characters < 0:
            raise TooMuch(f"it writes more than {MOST_CHARACTERS:,} characters; repeat less")
        if time.thread_time() > self.until:
            raise TooMuch(f"it takes longer than {SECONDS:g} seconds; repeat less")


_JINJA_ARGUMENTS = {"_loop_vars", "_block_vars"}
"""What Jinja adds to calls within loops and blocks."""

_budget: ContextVar[_Budget | None] = ContextVar("budget", default=None)


def spend(characters: int = 0) -> None:
    """Take a step, and write so many characters."""
    budget = _budget.get()
    if budget is not None:
        budget.spend(characters)


@contextmanager
def budget() -> Iterator[None]:
    """Count what is rendered within."""
    token = _budget.set(_Budget())
    try:
        yield
    finally:
        _budget.reset(token)


def counted_tree(tree: nodes.Template) -> nodes.Template:
    """Send what loops, joins or makes lists through the functions that count."""
    for loop in list(tree.find_all(nodes.For)):
        literal = sum(len(data.data) for data in loop.find_all(nodes.TemplateData))
        loop.iter = _through("recoup_loop", cast("nodes.Expr", loop.iter), nodes.Const(literal))
    for joined in list(tree.find_all(nodes.Concat)):
        joined.nodes = [_through("recoup_plain", one) for one in joined.nodes]
    _replace(tree)
    tree.set_environment(cast("Environment", tree.environment))
    return tree


def _replace(node: nodes.Node) -> None:
    """Put ``recoup_…`` around every text put together and every list, the innermost first."""
    for name, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            _replace(value)
            setattr(node, name, _around(value))
        elif isinstance(value, list):
            for one in value:
                if isinstance(one, nodes.Node):
                    _replace(one)
            value[:] = [_around(one) for one in value]


def _around(value: Any) -> Any:
    if isinstance(value, nodes.Concat):
        return _through("recoup_short", value)
    if isinstance(value, nodes.List | nodes.Dict) or (isinstance(value, nodes.Tuple) and value.ctx == "load"):
        return _through("recoup_made", value)
    return value


def _through(name: str, value: nodes.Expr, *more: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(value, name, list(more), [], None, None, lineno=value.lineno)


# ---------------------------------------------------------------- what counts


def looped(values: Iterable[Any], literal: int = 0) -> Iterator[Any]:
    """Yield the items of a loop; each is a step, and costs what is written in the loop."""
    for value in values:
        spend(literal)
        yield value


def printed(value: Any) -> Any:
    """Look at everything that is written: lists and the like are for loops."""
    value = plain(value)
    spend(len(value) if isinstance(value, str) else 32)
    return value


def plain(value: Any) -> Any:
    """Return what can be written as it is; refuse lists and the like."""
    if not isinstance(value, (*_PRINTABLE, float)):
        raise SecurityError("a list cannot be written as it is; go through it with {% for %}")
    return short(value)


def short(value: Any) -> Any:
    """Return a text that is not too long, or anything else."""
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise SecurityError(f"a text grows beyond {LONGEST_TEXT:,} characters")
    return value


def made(value: Any) -> Any:
    """Bound lists by all that is in them, so that comparing two of them is always quick."""
    left = MOST_ITEMS
    waiting = [value]
    while waiting:
        one = waiting.pop()
        inside = list(one.values()) if isinstance(one, dict) else one if isinstance(one, list | tuple) else ()
        left -= len(inside)
        if left < 0:
            raise SecurityError(f"a list grows beyond {MOST_ITEMS:,} items")
        waiting += inside
    return value


def small_range(*bounds: int) -> range:
    """Return numbers in a row."""
    made = range(*bounds)
    if len(made) > LARGEST_RANGE:
        raise SecurityError(f"a range has at most {LARGEST_RANGE:,} numbers")
    return made


@pass_eval_context
def joined(context: EvalContext, values: Iterable[Any], between: str = "") -> str:
    """Put the items of a list together."""
    parts = [plain(one) for one in looped(values)]
    total = sum(len(str(one)) for one in parts) + len(str(between)) * len(parts)
    if total > LONGEST_TEXT:
        raise SecurityError(f"a text grows beyond {LONGEST_TEXT:,} characters")
    joined: str = JINJA_FILTERS["join"](context, parts, between)
    return joined


def replaced(text: Any, old: str, new: str) -> str:
    """Put ``new`` in every place of ``old``."""
    value = plain(text)
    written: str = value if isinstance(value, str) else str(value)
    fits(written, "replace", (old, new), {})
    return written.replace(old, new)


def formatted(text: str, *values: Any) -> str:
    """Put values into a text."""
    if _WIDE.search(text):
        raise SecurityError("a text cannot be widened that far")
    made: str = text % tuple(plain(one) for one in values)
    short(made)
    return made


def fits(text: str, method: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Refuse a method of a text whose result would be too long, before it is made."""
    size = len(text)
    if method == "replace" and len(args) > 1:
        old, new = str(args[0]), str(args[1])
        size += (text.count(old) if old else len(text) + 1) * len(new)
    elif method in {"ljust", "rjust"} and args and isinstance(args[0], int):
        size = max(size, args[0])
    if size > LONGEST_TEXT or (kwargs.keys() - _JINJA_ARGUMENTS and method in {"replace", "ljust", "rjust"}):
        raise SecurityError(f"a text grows beyond {LONGEST_TEXT:,} characters")


def is_number(value: Any) -> bool:
    """Say whether a value is a number to reckon with."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)

"""Formulas: they agree with exact fractions, are bounded, and say where they cannot be read or have no result."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recoup.areas.metering.formula import MOST_CHARACTERS, MOST_NESTED, parse
from recoup.core.errors import Invalid

NAMES = ("cpu_core_hours", "memory_byte_hours", "memory_byte_hours_total_price", "x", "_2")


@dataclass(frozen=True)
class Case:
    """A formula as text, and what it comes to: None where there is no result."""

    text: str
    exact: Fraction | None


quantities = st.decimals(min_value=0, max_value=10**12, places=6)
values = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, quantities))


def cases(known: Mapping[str, Decimal]) -> st.SearchStrategy[Case]:
    """Make formulas together with their value, reckoned in fractions while they are made."""
    numbers = st.decimals(min_value=0, max_value=1000, places=3).map(lambda n: Case(str(n), Fraction(n)))
    named = st.sampled_from(NAMES).map(lambda name: Case(name, Fraction(known.get(name, 0))))
    return st.recursive(st.one_of(numbers, named), _larger, max_leaves=8)


def _larger(smaller: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    two = st.tuples(smaller, smaller)
    some = st.lists(smaller, min_size=2, max_size=4)
    return st.one_of(
        two.map(lambda two: _of("({} + {})", two, lambda a, b: a + b)),
        two.map(lambda two: _of("({}-{})", two, lambda a, b: a - b)),
        two.map(lambda two: _of("{}*{}", [_bracketed(one) for one in two], lambda a, b: a * b)),
        smaller.map(lambda one: _of("-{}", [_bracketed(one)], lambda a: -a)),
        some.map(
            lambda some: _of("min(" + ", ".join(["{}"] * len(some)) + ")", some, lambda *all_: min(all_))
        ),
        some.map(
            lambda some: _of("max(" + ",".join(["{}"] * len(some)) + ")", some, lambda *all_: max(all_))
        ),
        smaller.map(lambda one: _of("ceil({})", [one], lambda a: Fraction(ceil(a)))),
        smaller.map(lambda one: _of(" floor ( {} ) ", [one], lambda a: Fraction(floor(a)))),
        smaller.map(lambda one: _of("round({})", [one], lambda a: Fraction(round(a)))),
        smaller.map(lambda one: _of("round({}, 2)", [one], lambda a: round(a, 2))),
        two.map(lambda two: _of("({} / {})", [_bracketed(one) for one in two], _divided)),
    )


def _bracketed(case: Case) -> Case:
    return Case(f"({case.text})", case.exact)


def _of(shape, some, reckon):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - of any number of operands
    operands = [one.exact for one in some]
    return Case(shape.format(*(one.text for one in some)), None if None in operands else reckon(*operands))


def _divided(dividend: Fraction, divisor: Fraction) -> Fraction | None:
    return round(dividend / divisor, 18) if divisor else None


@settings(deadline=None, max_examples=60)
@given(values, st.data())
def test_it_agrees_with_fractions(known: dict[str, Decimal], data: st.DataObject) -> None:
    case = data.draw(cases(known))
    assume(len(case.text) <= MOST_CHARACTERS)
    formula = parse(case.text)
    assert formula.names() == {name for name in NAMES if re.search(rf"\b{name}\b", case.text)}
    if case.exact is None or case.exact < 0:
        with pytest.raises(Invalid, match="divides by zero" if case.exact is None else "is negative"):
            formula.evaluate(known)
    else:
        assert Fraction(formula.evaluate(known)) == case.exact


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("2 + 3 * 4", "14"),
        ("2 * 3 + 4", "10"),
        ("10 - 4 - 3", "3"),
        ("100 / 5 / 2", "10"),
        ("100 / (5 / 2)", "40"),
        ("2 - -3", "5"),
        ("-2 * -3", "6"),
        ("- 2 + 3", "1"),
        ("1 / 3", "0.333333333333333333"),
        ("2 / 3", "0.666666666666666667"),
        ("0.000000000000000001 / 2", "0"),
        ("0.000000000000000003 / 2", "0.000000000000000002"),
        ("round(2.5)", "2"),
        ("round(3.5)", "4"),
        ("round(2.675, 2)", "2.68"),
        ("round(2.665, 2)", "2.66"),
        ("ceil(0.000001)", "1"),
        ("ceil(-0.5) + 1", "1"),
        ("floor(-0.5) + 1", "0"),
        ("-0", "0"),
        ("missing + 1", "1"),
        ("min(a, 3) + max(a, 3)", "10.5"),
        ("ceil(bytes / 1073741824)", "11"),
    ],
)
def test_it_comes_to(text: str, result: str) -> None:
    found = parse(text).evaluate({"a": Decimal("7.5"), "bytes": Decimal(10737418241)})
    assert found == Decimal(result)
    assert not found.is_signed()


@pytest.mark.parametrize(
    ("text", "character", "reason"),
    [
        ("", 1, "it ends"),
        ("   ", 4, "it ends"),
        ("1 +", 4, "it ends"),
        ("a $ b", 3, "'$' means nothing"),
        ("a b", 3, "'b' where an operator or the end"),
        ("1e3", 1, "'1e3' means nothing"),
        ("1 + 1_0", 5, "'1_0' means nothing"),
        ("1..2", 1, "'1..2' means nothing"),
        (".5", 1, "'.5' means nothing"),
        ("5.", 1, "'5.' means nothing"),
        ("é + 1", 1, "'é' means nothing"),
        ("٣", 1, "'٣' means nothing"),
        ("2 ** 3", 4, "'*' where a number"),
        ("2 ^ 3", 3, "'^' means nothing"),
        ("2 // 3", 4, "'/' where a number"),
        ("a.real", 1, "'a.real' means nothing"),
        ("a[0]", 2, "'[' means nothing"),
        ("+1", 1, "'+' where a number"),
        ("(1", 3, "it ends where ')'"),
        ("1)", 2, "')' where an operator"),
        ("()", 2, "')' where a number"),
        ("min()", 5, "')' where a number"),
        ("min(1)", 1, "min takes at least 2 arguments, not 1"),
        ("1 + ceil(1, 2)", 5, "ceil takes 1 arguments, not 2"),
        ("round(1, 2, 3)", 1, "round takes at least 1 arguments, not 3"),
        ("round(1, a)", 1, "a plain number of places"),
        ("round(1, 19)", 1, "a plain number of places"),
        ("round(1, 0.5)", 1, "a plain number of places"),
        ("1 + eval(2)", 5, "there is no function 'eval'"),
        ("__import__(1)", 1, "there is no function '__import__'"),
        ("0 + " + "9" * 31, 5, "more than 30 digits before the point"),
        ("0." + "1" * 19, 1, "more than 18 digits after the point"),
    ],
)
def test_what_is_no_formula_is_refused_at_its_place(text: str, character: int, reason: str) -> None:
    with pytest.raises(Invalid, match=re.escape(reason)) as refused:
        parse(text)
    assert f"cannot be read at character {character}: " in refused.value.detail


def test_its_size_is_bounded() -> None:
    assert parse("1" + "+1" * 499).evaluate({}) == 500
    with pytest.raises(Invalid, match="at most 1000 characters; this one has 1001"):
        parse("1" + "+1" * 500)
    for opening, closing in (("(", ")"), ("-", ""), ("max(0,", ")")):
        deep = MOST_NESTED - 1
        assert parse(opening * deep + "0" + closing * deep).evaluate({}) == 0
        with pytest.raises(Invalid, match="nested more than 50 deep"):
            parse(opening * (deep + 1) + "0" + closing * (deep + 1))


def test_numbers_that_grow_beyond_reason_have_no_result() -> None:
    large = {"x": Decimal("9" * 30 + "." + "9" * 18)}
    assert Fraction(parse("*".join(["x"] * 10)).evaluate(large)) == Fraction(large["x"]) ** 10
    with pytest.raises(Invalid, match="its numbers grow too long"):
        parse("*".join(["x"] * 500)).evaluate(large)


def test_an_unknown_name_is_refused_where_formulas_are_loaded() -> None:
    formula = parse("cpu_core_hours + cpu_hours * min(1, cpu_core_hours_total_price)")
    formula.check({"cpu_core_hours", "cpu_hours", "cpu_core_hours_total_price"})
    with pytest.raises(Invalid, match=r"needs 'cpu_hours' \(character 18\)") as refused:
        formula.check(["cpu_core_hours", "cpu_core_hours_total_price"])
    assert refused.value.fix == "Known are: cpu_core_hours, cpu_core_hours_total_price."


def test_no_result_is_named_with_its_place() -> None:
    with pytest.raises(Invalid, match=r"'1 / \(a - a\)' has no result: it divides by zero \(character 3\)"):
        parse("1 / (a - a)").evaluate({"a": Decimal(2)})
    with pytest.raises(Invalid, match="'a - 5' gives -3, which is negative"):
        parse("a - 5").evaluate({"a": Decimal(2)})


def test_the_callers_context_changes_nothing() -> None:
    with localcontext() as context:
        context.prec = 3
        assert parse("x * 1").evaluate({"x": Decimal("123456.789")}) == Decimal("123456.789")


def test_a_formula_travels_between_processes() -> None:
    formula = parse("round(a / 3, 2)")
    assert pickle.loads(pickle.dumps(formula)) == formula  # noqa: S301 - our own

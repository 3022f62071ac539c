"""Quantities: what is read is kept to the last digit, and what cannot be kept is refused."""

from __future__ import annotations

import decimal
import tracemalloc
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core import quantity
from recoup.core.errors import Invalid

usable = st.decimals(
    min_value=Decimal(-(10**30) + 1),
    max_value=Decimal(10**30 - 1),
    allow_nan=False,
    allow_infinity=False,
    places=quantity.FRACTION_DIGITS,
)


@given(usable)
def test_what_is_written_is_read_back_exactly(value: Decimal) -> None:
    assert quantity.parse(quantity.to_text(value)) == value


@given(usable)
def test_text_has_no_exponent_no_trailing_zero_and_no_minus_zero(value: Decimal) -> None:
    text = quantity.to_text(value)
    assert "E" not in text.upper()
    assert text != "-0"
    assert "." not in text or text[-1] not in "0."


@given(usable, st.integers(min_value=0, max_value=12))
def test_trailing_zeros_and_exponents_change_nothing(value: Decimal, zeros: int) -> None:
    digits = f"{value:f}" + "0" * zeros
    shifted = f"{value.scaleb(zeros, quantity.EXACT):f}E-{zeros}"
    assert quantity.parse(digits) == value
    assert quantity.to_text(quantity.parse(digits)) == quantity.to_text(value)
    assert quantity.parse(shifted) == value


@given(st.lists(usable, max_size=40))
def test_a_sum_is_exact_in_any_order(values: list[Decimal]) -> None:
    exact = sum((Fraction(value) for value in values), Fraction(0))
    assert Fraction(quantity.total(values)) == exact
    assert quantity.total(reversed(values)) == quantity.add(*values)


@given(usable, usable)
def test_subtracting_undoes_adding(left: Decimal, right: Decimal) -> None:
    assert quantity.subtract(quantity.add(left, right), right) == left


@given(usable, st.integers(min_value=-(10**20), max_value=10**20))
def test_a_product_is_exact(value: Decimal, factor: int) -> None:
    assert Fraction(quantity.multiply(value, Decimal(factor))) == Fraction(value) * factor


@given(usable)
def test_whole_and_rest_add_up_and_never_disagree_on_the_sign(value: Decimal) -> None:
    whole, rest = quantity.split_whole(value)
    assert quantity.add(whole, rest) == value
    assert whole == int(value)
    assert abs(rest) < 1
    assert rest == 0 or (rest > 0) == (value > 0)


def test_a_digit_that_would_be_lost_raises() -> None:
    with pytest.raises(decimal.Inexact):
        quantity.multiply(Decimal("1e-18"), Decimal("1." + "1" * 88))
    with pytest.raises(decimal.Inexact):
        quantity.add(Decimal("1e80"), Decimal("1e-18"))


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_rounding_keeps_eighteen_places_and_moves_by_half_of_the_last_at_most(value: Decimal) -> None:
    rounded = quantity.round_last_place(value)
    assert rounded.as_tuple().exponent == -quantity.FRACTION_DIGITS
    assert abs(Fraction(rounded) - Fraction(value)) <= Fraction(1, 2 * 10**18)


@pytest.mark.parametrize(
    ("text", "rounded"),
    [("0.0000000000000000005", "0"), ("0.0000000000000000015", "0.000000000000000002"), ("-1e-19", "0")],
)
def test_rounding_is_half_to_even(text: str, rounded: str) -> None:
    assert quantity.to_text(quantity.round_last_place(Decimal(text))) == rounded


def test_rounding_does_not_ask_the_thread_for_its_context() -> None:
    with decimal.localcontext(decimal.Context(prec=3, rounding=decimal.ROUND_UP)):
        assert quantity.round_last_place(Decimal("12345.6")) == Decimal("12345.6")
        assert quantity.split_whole(Decimal("12345.6")) == (Decimal(12345), Decimal("0.6"))
        assert quantity.add(Decimal(12345), Decimal("0.6")) == Decimal("12345.6")


@pytest.mark.parametrize(
    "text",
    ["NaN", "sNaN", "-nan", "Infinity", "-inf", "1e309", "1e30", "-1e30", "1e-19", "0." + "0" * 18 + "1"],
)
def test_numbers_that_cannot_be_kept_are_refused(text: str) -> None:
    with pytest.raises(Invalid, match="cannot be used as a quantity"):
        quantity.parse(text)


def test_digits_without_end_are_refused_like_any_other_digit_too_many() -> None:
    for text in ("0." + "1" * 100, "1." + "0" * 100 + "1", "9" * 30 + "." + "9" * 60):
        with pytest.raises(Invalid, match="18 digits after the point"):
            quantity.parse(text)
    assert quantity.parse("1." + "0" * 100) == 1


def test_a_zero_with_a_vast_exponent_takes_no_vast_memory() -> None:
    tracemalloc.start()
    try:
        for text in ("0E-3000000", "0E+3000000", "-0E-3000000"):
            assert quantity.to_text(Decimal(text)) == "0"
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "-",
        "e5",
        "1_000",
        "1,5",
        "1 000",
        "0x10",
        "1.2.3",
        "--1",
        "\uff11\uff12",
        "\u0661\u0662",
        "1\N{NO-BREAK SPACE}",
        "1²",
    ],
)
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not a number"):
        quantity.parse(text)


@given(st.text(max_size=40))
def test_any_text_is_read_exactly_or_refused(text: str) -> None:
    try:
        value = quantity.parse(text)
    except Invalid:
        return
    assert quantity.problem_with(value) is None
    assert Fraction(value) == Fraction(Decimal(text.strip()))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_written_out_survives_or_is_refused_never_rounded(number: float) -> None:
    exact = Decimal(number)
    try:
        assert quantity.parse(f"{exact:f}") == exact
    except Invalid:
        assert quantity.problem_with(exact) is not None


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E+3", "1000"), ("2.50", "2.5"), ("-0.000", "0"), ("100", "100"), ("-0.10", "-0.1"), ("0E+20", "0")],
)
def test_text_as_people_write_it(value: str, text: str) -> None:
    assert quantity.to_text(Decimal(value)) == text

"""Sums: to the last digit whatever the numbers look like, and nothing is added that is no usable quantity."""

from __future__ import annotations

from decimal import localcontext
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.areas.metering.reading.records import Odd
from recoup.areas.metering.reading.sums import exact_sum, number, plain_sum
from recoup.core.quantity import EXACT
from support.usage_texts import bad_values, good_values

# Small enough that their sum is still a usable quantity: a sum beyond is looked at record by record.
_small = st.one_of(
    st.integers(min_value=0, max_value=10**20).map(str),
    st.from_regex(r"(0|[1-9][0-9]{0,20})\.[0-9]{1,18}", fullmatch=True),
)
_unusual = st.from_regex(r"[1-9](\.[0-9]{1,4})?[eE][+-]?[0-9]", fullmatch=True)


def _joined(tokens: list[str]) -> bytes:
    return ",".join(tokens).encode()


@given(st.lists(_small, max_size=30))
def test_plain_numbers(tokens: list[str]) -> None:
    with localcontext(EXACT):
        assert Fraction(exact_sum(_joined(tokens), len(tokens))) == sum(map(Fraction, tokens))


@given(st.lists(st.one_of(_small, _unusual), max_size=30))
def test_numbers_with_exponents_among_them(tokens: list[str]) -> None:
    with localcontext(EXACT):
        assert Fraction(exact_sum(_joined(tokens), len(tokens))) == sum(map(Fraction, tokens))
        assert Fraction(plain_sum(_joined(tokens), len(tokens))) == sum(map(Fraction, tokens))


@given(st.lists(good_values, max_size=10))
def test_any_usable_numbers_are_added_exactly_or_looked_at(tokens: list[str]) -> None:
    total = sum(map(Fraction, tokens))
    with localcontext(EXACT):
        assert Fraction(plain_sum(_joined(tokens), len(tokens))) == total
        try:
            assert Fraction(exact_sum(_joined(tokens), len(tokens))) == total
        except Odd:
            assert total >= 10**30 or any("0000000" in token for token in tokens)


@given(st.lists(_small, max_size=10), bad_values, st.integers(min_value=0, max_value=10))
def test_one_number_that_cannot_be_used_is_enough(tokens: list[str], bad: str, at: int) -> None:
    tokens.insert(at, bad)
    with localcontext(EXACT), pytest.raises(Odd):
        exact_sum(_joined(tokens), len(tokens))


@pytest.mark.parametrize(
    "token", ["0.0000000000000000001", "1." + "0" * 18 + "1", "9" * 31, "1" + "0" * 30, "1" * 4_400]
)
def test_too_many_digits_are_noticed_without_a_sign_or_an_exponent(token: str) -> None:
    with localcontext(EXACT), pytest.raises(Odd):
        exact_sum(f"1.5,{token},2".encode(), 3)


def test_nothing_adds_up_to_zero() -> None:
    with localcontext(EXACT):
        assert exact_sum(b"", 0) == plain_sum(b"", 0) == 0


@pytest.mark.parametrize("token", [b'"5"', b"null", b"true", b"[1]", b"{}"])
def test_what_is_no_number_has_none(token: bytes) -> None:
    with pytest.raises(Odd):
        number(msgspec.Raw(token))

"""Money: whole minor units with their currency; nothing is rounded, and no two currencies meet."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recoup.core.errors import Invalid
from recoup.core.money import EXPONENTS, LARGEST_MINOR, Money, exponent

currencies = st.sampled_from(["EUR", "USD", "INR", "JPY", "KWD", "CLF"])
minors = st.integers(min_value=-LARGEST_MINOR, max_value=LARGEST_MINOR)
small = st.integers(min_value=-(2**61), max_value=2**61)


@given(minors, currencies)
def test_what_is_printed_is_read_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    amount, printed_currency = str(money).split(" ")
    assert Money.parse(amount, printed_currency) == money


@given(small, small, currencies)
def test_sums_and_differences_are_those_of_the_minor_units(left: int, right: int, currency: str) -> None:
    one, other = Money(left, currency), Money(right, currency)
    assert (one + other).minor == left + right
    assert (one - other).minor == left - right
    assert (one < other) == (left < right)
    assert one + other - other == one


@given(minors, minors, currencies, currencies)
def test_two_currencies_never_meet(left: int, right: int, currency: str, other_currency: str) -> None:
    assume(currency != other_currency)
    one, other = Money(left, currency), Money(right, other_currency)
    assert one != other
    for meet in (Money.__add__, Money.__sub__, Money.__lt__):
        with pytest.raises(Invalid, match=f"{currency} and {other_currency} cannot be put together"):
            meet(one, other)


@given(minors, currencies)
def test_a_decimal_of_whole_units_is_taken_exactly(minor: int, currency: str) -> None:
    amount = Decimal(minor).scaleb(-exponent(currency))
    assert Money.exactly(amount, currency) == Money(minor, currency)
    assert Money.rounded(amount, currency) == Money(minor, currency)


@given(small, currencies, st.integers(min_value=1, max_value=9))
def test_one_digit_too_many_is_refused_not_rounded(minor: int, currency: str, digit: int) -> None:
    text = f"{Decimal(minor).scaleb(-exponent(currency)):f}"
    finer = f"{text}{digit}" if "." in text else f"{text}.{digit}"
    with pytest.raises(Invalid, match=f"finer than the smallest unit of {currency}"):
        Money.parse(finer, currency)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("9.00", "EUR", 900),
        ("9", "EUR", 900),
        ("-0.05", "USD", -5),
        ("1E+3", "INR", 100_000),
        ("12.500", "EUR", 1250),
        ("12", "JPY", 12),
        ("1.234", "KWD", 1234),
        ("0.0001", "CLF", 1),
    ],
)
def test_amounts_as_people_write_them(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("amount", "minor"),
    [
        ("0.005", 0),
        ("0.015", 2),
        ("0.025", 2),
        ("-0.015", -2),
        ("0.0051", 1),
        ("0.0050000000000000000001", 1),
        ("42.8026894910711395372", 4280),
    ],
)
def test_estimates_are_rounded_half_to_even_once_however_fine_they_are(amount: str, minor: int) -> None:
    assert Money.rounded(Decimal(amount), "EUR") == Money(minor, "EUR")


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e30", "-1e309"])
def test_what_is_no_estimate_is_refused(amount: str) -> None:
    with pytest.raises(Invalid):
        Money.rounded(Decimal(amount), "EUR")


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "1e309", "\uff11\uff12", "1_000", "", "9,00", "EUR 9", "12.345"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Money.parse(text, "EUR")


@pytest.mark.parametrize("currency", ["", "eur", "EU", "EURO", "€", "EUR\n", "\uff25\uff35\uff32", "E R"])
def test_what_is_no_currency_is_refused(currency: str) -> None:
    with pytest.raises(Invalid, match="is not a currency"):
        Money(1, currency)


@pytest.mark.parametrize("minor", [LARGEST_MINOR + 1, -LARGEST_MINOR - 1])
def test_more_than_a_column_holds_is_refused(minor: int) -> None:
    with pytest.raises(Invalid, match="too large"):
        Money(minor, "EUR")


def test_a_sum_that_no_column_holds_is_refused() -> None:
    with pytest.raises(Invalid, match="too large"):
        Money(LARGEST_MINOR, "EUR") + Money(1, "EUR")


@pytest.mark.parametrize(("minor", "currency", "text"), [(900, "EUR", "9.00 EUR"), (-5, "USD", "-0.05 USD")])
def test_printed_with_all_digits_of_the_currency(minor: int, currency: str, text: str) -> None:
    assert str(Money(minor, currency)) == text
    assert str(Money(0, currency)) == f"0.00 {currency}"


def test_every_listed_exponent_is_used_when_printing() -> None:
    for currency, digits in EXPONENTS.items():
        point = str(Money(1, currency)).split(" ")[0].partition(".")[2]
        assert len(point) == digits

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.areas.claims.reading.numbers import sums_in

AMOUNTS = st.decimals(min_value=0, max_value=Decimal("99999999999.99"), places=2)
STYLES = {
    "1,234.56": (",", "."),
    "1.234,56": (".", ","),
    "1 234,56": (" ", ","),
    "1'234.56": ("'", "."),
    "1\u202f234,56": ("\u202f", ","),
    "1234.56": ("", "."),
    "1234,56": ("", ","),
}


def written(amount: Decimal, style: str) -> str:
    thousands, point = STYLES[style]
    whole, cents = f"{amount:,.2f}".split(".")
    return f"{whole.replace(',', thousands)}{point}{cents}"


@given(
    amount=AMOUNTS, style=st.sampled_from(sorted(STYLES)), label=st.sampled_from(["", "Total\t", "Summe: "])
)
def test_any_sum_is_read_exactly_however_it_is_written(amount: Decimal, style: str, label: str) -> None:
    text = f"{label}{written(amount, style)}"
    [found] = sums_in(text)
    assert Decimal(found.value) == amount
    assert text[found.start : found.end] == written(amount, style)


@given(amount=AMOUNTS, style=st.sampled_from(sorted(STYLES)), before=st.booleans())
@pytest.mark.parametrize(
    ("mark", "code"),
    [("€", "EUR"), ("EUR", "EUR"), ("$", "USD"), ("£", "GBP"), ("zł", "PLN"), ("CHF", "CHF"), ("US$", "USD")],
)
def test_a_currency_beside_it_is_read_with_it(
    amount: Decimal, style: str, before: bool, mark: str, code: str
) -> None:
    money = written(amount, style)
    [found] = sums_in(f"{mark} {money}" if before else f"{money} {mark}")
    assert (Decimal(found.value), found.currency) == (amount, code)


@given(st.text(max_size=60))
def test_any_text_is_read_without_a_failure_and_gives_exact_decimals(text: str) -> None:
    for found in sums_in(text):
        assert Decimal(found.value) >= 0
        assert found.value.isascii()
        assert 0 <= found.start < found.end <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "19,00 %",
        "9.00 Uhr - 20.00 Uhr",
        "01.05.14",
        "Tel. 05251 / 180420",
        "12,34.56",
        "1.499,00/kg",
        "0,75 €/Stk",
        "v1.25.3",
        "12:30.15",
        "HRB 13302",
    ],
)
def test_what_is_no_sum_is_not_taken_for_one(text: str) -> None:
    assert sums_in(text) == []


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("€ 2.321,00\t21%\t€ 2.321,00", ["2321.00", "2321.00"]),
        ("SUMME\tEUR\t152,00", ["152.00"]),
        ("2*9,95", ["9.95"]),
        ("5,69 D", ["5.69"]),
        ("0,35C", ["0.35"]),
        ("40,- €", ["40"]),
        ("40€", ["40"]),
        ("¥12,000", ["12000"]),
        ("Tax 15% on $ 112.90", ["112.90"]),
    ],
)
def test_sums_as_invoices_and_receipts_have_them(text: str, values: list[str]) -> None:
    assert [found.value for found in sums_in(text)] == values


def test_each_sum_has_its_own_currency() -> None:
    assert [found.currency for found in sums_in("USD 5.00 EUR 4.50")] == ["USD", "EUR"]
    assert [found.currency for found in sums_in("5.00 USD 4.50 EUR")] == ["USD", "EUR"]


@pytest.mark.parametrize("text", ["-2,84", "€ -9,32", "− 9,32 €"])  # noqa: RUF001 - a minus as it is printed
def test_what_goes_off_is_marked(text: str) -> None:
    assert [found.is_negative for found in sums_in(text)] == [True]

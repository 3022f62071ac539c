from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.areas.claims.reading.fields import proposals
from recoup.areas.claims.reading.results import Field, Proposed
from recoup.areas.claims.reading.words import Word
from support.invoices import LAYOUTS, TONGUES, Invoice

LINES = st.decimals(min_value=Decimal("1.00"), max_value=Decimal("99999.99"), places=2)


def of(field: Field, found: tuple[Proposed, ...]) -> list[str]:
    return [one.value for one in found if one.field is field]


@settings(max_examples=12, deadline=None)
@given(day=st.dates(date(2001, 1, 1), date(2060, 1, 1)), lines=st.tuples(LINES, LINES))
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("tongue", sorted(TONGUES))
def test_an_invoice_in_any_language_and_layout_is_understood(
    tongue: str, layout: str, day: date, lines: tuple[Decimal, Decimal]
) -> None:
    due, ordered = date.fromordinal(day.toordinal() + 30), date.fromordinal(day.toordinal() - 12)
    invoice = Invoice(TONGUES[tongue], layout, day, due, ordered, lines)
    found = proposals(invoice.words())
    assert of(Field.DATE, found)[0] == day.isoformat()
    assert Decimal(of(Field.AMOUNT, found)[0]) == invoice.total
    assert of(Field.CURRENCY, found)[0] == invoice.tongue.code
    assert of(Field.SUPPLIER, found)[0].strip(".") == invoice.tongue.supplier.strip(".")


def test_a_box_is_where_the_value_stands() -> None:
    invoice = Invoice(
        TONGUES["de"],
        "beside",
        date(2024, 3, 5),
        date(2024, 4, 4),
        date(2024, 2, 1),
        (Decimal(900), Decimal(50)),
    )
    total = next(one for one in proposals(invoice.words()) if one.field is Field.AMOUNT)
    stands = next(word.box for word in invoice.words() if word.text == "1.140,00")
    assert (total.page, total.box) == (1, stands)


def test_at_most_three_values_are_proposed_for_a_field_and_confidence_falls() -> None:
    words = [Word(f"{n}.0{n % 9 + 1}.2024", 1, (100, 40 * n, 200, 40 * n + 12)) for n in range(1, 20)]
    words += [Word(f"{n},00", 1, (600, 40 * n, 640, 40 * n + 12)) for n in range(1, 20)]
    found = proposals(words)
    for field in Field:
        confidences = [one.confidence for one in found if one.field is field]
        assert len(confidences) <= 3
        assert confidences == sorted(confidences, reverse=True)


def test_what_a_recogniser_was_not_sure_of_is_proposed_with_less_confidence() -> None:
    def read(sure: int) -> Proposed:
        label = Word("Total", 1, (500, 500, 540, 512), sure)
        return next(
            one
            for one in proposals([label, Word("17,30", 1, (700, 500, 740, 512), sure)])
            if one.field is Field.AMOUNT
        )

    assert read(400).confidence < read(990).confidence


def test_cash_and_change_are_not_what_a_receipt_is_about() -> None:
    lines = ["zu zahlen\t7,16", "Bar\t50,00", "Rückgeld\t42,84", "MwSt 7 %\t0,47"]
    words = []
    for number, line in enumerate(lines):
        label, money = line.split("\t")
        top = 300 + 20 * number
        words += [
            Word(part, 1, (100 + 60 * at, top, 150 + 60 * at, top + 12))
            for at, part in enumerate(label.split())
        ]
        words.append(Word(money, 1, (700, top, 760, top + 12)))
    assert of(Field.AMOUNT, proposals(words))[0] == "7.16"


def test_a_page_without_words_proposes_nothing() -> None:
    assert proposals([]) == ()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda text, left, top, size: Word(text, 1, (left, top, left + size, top + size)),
            st.text(min_size=1, max_size=12).filter(
                lambda text: not any(letter.isspace() for letter in text)
            ),
            st.integers(0, 900),
            st.integers(0, 900),
            st.integers(1, 90),
        ),
        max_size=25,
    )
)
def test_any_words_anywhere_are_read_without_a_failure(words: list[Word]) -> None:
    for one in proposals(words):
        assert 0 <= one.confidence <= 1000
        assert one.box in {word.box for word in words} or one.box[0] <= one.box[2]

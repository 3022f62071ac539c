from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from recoup.areas.claims.reading.words import WHOLE, Box, Word, as_shown, rows_of


def word(text: str, left: int, top: int, *, page: int = 1, letter: int = 8) -> Word:
    return Word(text, page, (left, top, left + letter * len(text), top + 12))


def test_rows_are_rebuilt_from_words_in_any_order() -> None:
    words = [
        word("5,000.00", 700, 401),
        word("TOTAL", 500, 400),
        word("DUE", 548, 399),
        word("Subtotal", 500, 380),
        word("4,000.00", 700, 381),
        word("Invoice", 50, 40, page=2),
    ]
    random.Random(7).shuffle(words)
    rows = rows_of(words)
    assert [(row.page, row.text) for row in rows] == [
        (1, "Subtotal\t4,000.00"),
        (1, "TOTAL DUE\t5,000.00"),
        (2, "Invoice"),
    ]


def test_a_row_of_a_page_that_lies_askew_is_followed_though_its_end_is_a_line_lower() -> None:
    askew = [word(f"word{n}", 50 + 90 * n, 100 + 2 * n) for n in range(9)]
    below = [word(f"next{n}", 50 + 90 * n, 117 + 2 * n) for n in range(9)]
    assert [row.text.count("word") for row in rows_of([*below, *askew])] == [9, 0]


def test_the_words_of_a_place_in_a_row_are_found_again() -> None:
    [row] = rows_of([word("Total", 100, 10), word("12,50", 400, 10), word("EUR", 448, 10)])
    start = row.text.index("12,50")
    assert [found.text for found in row.between(start, start + 5)] == ["12,50"]
    assert [found.text for found in row.between(start, len(row.text))] == ["12,50", "EUR"]


def test_a_row_that_falls_is_followed_over_a_wide_gap_when_it_is_known_how_far_lines_fall() -> None:
    words = [
        Word(text, 1, (left, top, left + 60, top + 12), lean=30.0)
        for text, left, top in (("Total", 50, 402), ("9,00", 800, 424), ("Net", 50, 386), ("7,00", 800, 408))
    ]
    assert [row.text for row in rows_of(words)] == ["Net\t7,00", "Total\t9,00"]


@given(
    st.tuples(*[st.integers(0, WHOLE)] * 4).map(
        lambda box: (*map(min, box[:2], box[2:]), *map(max, box[:2], box[2:]))
    )
)
def test_four_quarter_turns_bring_a_box_back(box: Box) -> None:
    turned = box
    for _ in range(4):
        turned = as_shown(turned, 1)
        assert turned[0] <= turned[2]
        assert turned[1] <= turned[3]
    assert turned == box
    assert as_shown(as_shown(box, 1), 3) == box
    assert as_shown(as_shown(box, 2), 2) == box

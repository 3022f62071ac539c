from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.areas.claims.reading.days import days_in, folded, is_month_first

DAYS = st.dates(min_value=date(1980, 1, 1), max_value=date(2079, 12, 31))
MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
}
ORDERS = [
    "{d} {name} {y}",
    "{d}. {name} {y}",
    "{dd}-{name}-{y}",
    "{d} de {name} de {y}",
    "{name} {d}, {y}",
    "{d}.{name} {y}",
]


@given(day=DAYS, tongue=st.sampled_from(sorted(MONTHS)), order=st.sampled_from(ORDERS), short=st.booleans())
def test_a_day_with_a_month_by_name_is_read_in_six_languages(
    day: date, tongue: str, order: str, short: bool
) -> None:
    name = MONTHS[tongue].split()[day.month - 1]
    if short and tongue in {"en", "de"}:
        name = name[:3]
    text = order.format(d=day.day, dd=f"{day.day:02}", name=name, y=day.year)
    assert [found.day for found in days_in(f"Date: {text}\tpage 1")] == [day]


@given(day=DAYS)
@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d.%m.%y", "%d-%m-%Y", "%d/%m/%Y"])
def test_a_day_in_numbers_is_read(day: date, form: str) -> None:
    [found] = days_in(f"Datum {day.strftime(form)} 14:05")
    assert found.day == day


@given(day=DAYS)
def test_where_the_month_comes_first_it_is_read_first_and_the_other_is_kept(day: date) -> None:
    [found] = days_in(f"{day:%m/%d/%Y}", month_first=True)
    assert found.day == day
    exchanged = day.day <= 12 and day.day != day.month
    assert found.other == (date(day.year, day.day, day.month) if exchanged else None)


@given(st.text(max_size=60))
def test_any_text_is_read_without_a_failure(text: str) -> None:
    assert len(folded(text)) == len(text)
    for found in days_in(text):
        assert 0 <= found.start < found.end <= len(text)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("August 3 , 2014", date(2014, 8, 3)),
        ("1er janvier 2023", date(2023, 1, 1)),
        ("3rd of March 2023", date(2023, 3, 3)),
        ("26 sept. 2022", date(2022, 9, 26)),
        ("02.03.2015:59", date(2020, 3, 2)),  # a recogniser ran 15:59 into the year
        ("8-9-2022", date(2022, 9, 8)),
        ("01.05.14-31.05.14", date(2014, 5, 1)),
    ],
)
def test_days_as_documents_have_them(text: str, day: date) -> None:
    assert days_in(text)[0].day == day


@pytest.mark.parametrize(
    "text", ["31.02.2020", "Tel 05251-871871-0", "12.345.678", "1.2.3.4", "99/99/2020", "May 2020"]
)
def test_what_is_no_day_is_not_taken_for_one(text: str) -> None:
    assert days_in(text) == []


def test_a_document_shows_the_order_of_its_days() -> None:
    assert is_month_first("due 04/04/2023, of 03/20/2023") is True
    assert is_month_first("28/11/2022") is False
    assert is_month_first("04/04/2023") is None

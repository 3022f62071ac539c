"""Lists as a request's query asks for them: filters, days in the reader's zone, orders, sizes, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from recoup.core.errors import Invalid
from recoup.core.keyset import Slice
from recoup.web.lists import Column, Filter, Listing, Order, Sheet, Wanted, asked_in, read_day, sheet

NEWEST, OLDEST = (
    Order("newest", "newest first", "at"),
    Order("oldest", "oldest first", "at", descending=False),
)


def rows(_db: Session, wanted: Wanted) -> Slice[int]:
    """Give seven rows, three at a time at most, as a table would."""
    start = int(wanted.after or 0)
    end = min(start + min(wanted.limit, 3), 7)
    return Slice(list(range(start, end)), str(end) if end < 7 else None)


THINGS: Listing[int] = Listing(
    name="things",
    title="Things",
    may="things.look",
    columns=(Column("at", "At", lambda row: row), Column("secret", "Hash", lambda row: row, on_page=False)),
    orders=(NEWEST, OLDEST),
    rows=rows,
    filters=(
        Filter("state", "State", (("open", "open"), ("over", "over")), usual="open"),
        Filter("name", "Name"),
        Filter("day", "Day", kind="day", read=read_day),
    ),
)
DB: Any = None


def shown(**asked: str) -> Sheet[int]:
    return sheet(DB, THINGS, asked, path="/desk/things", zone="Europe/Berlin")


def test_what_is_usual_holds_until_it_is_taken_away() -> None:
    assert shown().wanted.filters == {"state": "open"}
    assert shown(state="").wanted.filters == {}
    assert shown(state="over", name=" x ").wanted.filters == {"state": "over", "name": "x"}
    assert [one.is_filtered for one in (shown(), shown(state="open"), shown(state=""), shown(name="x"))] == [
        False,
        False,
        True,
        True,
    ]


def test_an_address_keeps_what_was_asked() -> None:
    page = shown(state="", name="a&b=c", rows="25", after="3")
    assert page.url(after=None) == "/desk/things?state=&name=a%26b%3Dc&rows=25"
    assert (
        page.url(after="6", order="oldest")
        == "/desk/things?state=&name=a%26b%3Dc&rows=25&after=6&order=oldest"
    )
    assert shown(name="").url() == "/desk/things"
    assert asked_in(page.url(after=None, rows=None).partition("?")[2]) == {"state": "", "name": "a&b=c"}


def test_days_begin_and_end_where_the_reader_is() -> None:
    wanted = shown(day="2025-03-30").wanted  # the day on which Berlin's clocks go forward
    assert wanted.since("day") == datetime(2025, 3, 29, 23, tzinfo=UTC)
    assert wanted.until("day") == datetime(2025, 3, 30, 22, tzinfo=UTC)
    assert shown().wanted.since("day") is None


def test_a_click_on_a_header_turns_its_order_round() -> None:
    at = THINGS.columns[0]
    assert shown().sorted_by(at) == "descending"
    assert shown().order_of(at) == OLDEST
    assert shown(order="oldest").order_of(at) == NEWEST
    assert shown().order_of(THINGS.columns[1]) is None
    assert [column.name for column in shown().columns] == ["at"]


def test_an_export_reads_on_to_the_end() -> None:
    assert list(THINGS.every(DB, shown().wanted)) == list(range(7))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"filter[user_id][$ne]": "1"}, "cannot be filtered"),
        ({"password": "x"}, "cannot be filtered"),
        ({"order": "password"}, "cannot be sorted"),
        ({"rows": "-1"}, "A page has"),
        ({"rows": "1000000000"}, "A page has"),
        ({"state": "'; drop table"}, "no .* to choose"),
        ({"name": "x" * 301}, "cannot be searched"),
        ({"name": "a\0b"}, "cannot be searched"),
        ({"name": "\ud800"}, "cannot be searched"),
        ({"day": "yesterday"}, "not a day"),
        ({"day": "0001-01-01"}, "not a day"),
        ({"day": "9999-12-31"}, "not a day"),
    ],
)
def test_what_does_not_fit_is_refused(asked: dict[str, str], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        shown(**asked)


@pytest.mark.parametrize("query", ["a=" + "x" * 5_000, "&".join(f"a{n}=1" for n in range(60)), "a=%ff"])
def test_a_query_that_no_page_wrote_is_refused(query: str) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        asked_in(query)

"""What pages decide: how an hour looks, which ways out there are, how usage is stacked, where a record is marked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.areas.metering.models import EntryState
from recoup.areas.metering.rules import hour_map, sentences, usage
from recoup.areas.metering.rules.adjusting import preview
from recoup.areas.metering.rules.hour_map import HourFacts
from recoup.areas.metering.rules.records import parts_of
from recoup.areas.metering.rules.settling import ways_out
from recoup.core.clock import HOUR

AT = datetime(2025, 7, 24, 10, tzinfo=UTC)
DEADLINE = AT + timedelta(hours=24)
ONE = Decimal(1)


def facts(state: str, *, records: int = 5, **entries: int) -> HourFacts:
    return HourFacts(uuid4(), state, "it broke", DEADLINE, records, entries)


def look(known: HourFacts | None, *, later: int, first: datetime = AT) -> hour_map.Cell:
    return hour_map.cell(AT, known, cloud="aws", first_hour=first, now=AT + later * HOUR)


@pytest.mark.parametrize(
    ("known", "later", "wanted"),
    [
        (None, 0, "ahead"),
        (None, 1, "waiting"),
        (None, 2, "missing"),
        (facts("waiting"), 2, "waiting"),
        (facts("waiting"), 18, "late"),
        (facts("waiting"), 24, "lost"),
        (facts("held"), 2, "held"),
        (facts("held"), 24, "lost"),
        (facts("taken"), 40, "accepted"),
        (facts("taken", planned=1), 2, "waiting"),
        (facts("taken", planned=1), 18, "late"),
        (facts("taken", rejected=1, unknown=3), 2, "rejected"),
        (facts("taken", duplicate=1), 2, "rejected"),
        (facts("taken", held=1, planned=2), 2, "held"),
        (facts("taken", unknown=1), 2, "unknown"),
        (facts("taken", expired=1), 40, "lost"),
        (facts("taken", dismissed=2, restamped=1), 40, "accepted"),
    ],
)
def test_an_hour_looks_as_its_most_pressing_entry(known: HourFacts | None, later: int, wanted: str) -> None:
    assert look(known, later=later).look == wanted


def test_what_lapses_within_a_day_is_marked_and_what_is_settled_is_not() -> None:
    assert look(facts("held"), later=2).lapses
    assert "It can be submitted until 25 Jul, 10:00 UTC." in look(facts("held"), later=2).title
    assert look(None, later=3).lapses
    assert not look(facts("taken"), later=2).lapses
    assert not look(facts("held"), later=24).lapses
    assert not hour_map.cell(
        AT, HourFacts(uuid4(), "held", "", None, 0, {}), cloud="gcp", first_hour=AT, now=AT + 2 * HOUR
    ).lapses


def test_before_the_first_hour_nothing_is_missing() -> None:
    assert look(None, later=9, first=AT + HOUR).look == "before"


def test_the_map_has_the_latest_day_first_and_ends_with_the_streams_first_day() -> None:
    rows = hour_map.days({}, cloud="aws", first_hour=AT, until=date(2025, 7, 26), now=AT + timedelta(days=2))
    assert [row.day.day for row in rows] == [26, 25, 24]
    assert all(len(row.cells) == 24 for row in rows)
    counts = hour_map.counted(rows)
    assert (counts["missing"], counts["waiting"]) == (47, 1)
    long = hour_map.days({}, cloud="aws", first_hour=AT, until=date(2026, 1, 1), now=AT + timedelta(days=90))
    assert len(long) == hour_map.DAYS


@pytest.mark.parametrize(
    ("state", "later", "ways"),
    [
        (EntryState.REJECTED, 1, ["send", "dismiss"]),
        (EntryState.REJECTED, 25, ["restamp", "dismiss"]),
        (EntryState.DUPLICATE, 1, ["accept", "restamp"]),
        (EntryState.UNKNOWN, 1, ["accept", "send"]),
        (EntryState.UNKNOWN, 25, ["accept"]),
        (EntryState.EXPIRED, 25, ["restamp", "dismiss"]),
        (EntryState.HELD, 1, ["send", "restamp", "dismiss"]),
        (EntryState.ACCEPTED, 1, []),
        (EntryState.PLANNED, 1, []),
    ],
)
def test_ways_out_are_those_that_help(state: str, later: int, ways: list[str]) -> None:
    found = ways_out(state, quantity=ONE, deadline=DEADLINE, now=AT + later * HOUR)
    assert [way.how for way in found] == ways


def test_without_a_quantity_there_is_nothing_to_send() -> None:
    found = ways_out(EntryState.HELD, quantity=Decimal(0), deadline=None, now=AT)
    assert [way.how for way in found] == ["dismiss"]


def test_a_window_is_told_in_one_sentence() -> None:
    told = sentences.of_window(
        "taken", completed_by="marker", files=1, records=1_234, entries={"accepted": 3, "rejected": 1}
    )
    assert told == (
        "The producer's marker closed it. 1 file with 1,234 records were read. "
        "Of 4 entries 3 were accepted; 1 rejected."
    )


@given(
    st.lists(
        st.tuples(
            st.integers(0, 4),
            st.sampled_from([f"c{number}" for number in range(12)]),
            st.decimals(0, 10**12, places=6),
        ),
        max_size=60,
    )
)
def test_stacked_usage_loses_nothing(sums: list[tuple[int, str, Decimal]]) -> None:
    days = [date(2025, 7, 20) + timedelta(days=number) for number in range(5)]
    made = usage.stack([(days[day], name, value) for day, name, value in sums], days)
    assert made.total == sum((value for *_, value in sums), Decimal(0))
    assert sum((made.of_day(day) for day in days), Decimal(0)) == made.total
    assert len(made.names) <= usage.MOST_NAMES + 1


def test_a_record_is_marked_where_its_figure_stands_and_stays_whole() -> None:
    text = '{"dimension": "a\\"b", "value":-1.5E3,"other":"value", "pricePerUnit" : 2}'
    parts = parts_of(text)
    assert "".join(part for part, _ in parts) == text
    assert [part for part, marked in parts if marked] == ['"a\\"b"', "-1.5E3", "2"]


def test_a_preview_adds_up_by_contract_and_dimension() -> None:
    rows = [
        ("s", "a", "cpu", Decimal("0.5"), Decimal(2)),
        ("s", "a", "cpu", Decimal("0.5"), Decimal(-3)),
        ("s", "b", "cpu", Decimal(0), Decimal("0.1")),
    ]
    first, second = preview(rows)
    assert (first.added, first.afterwards) == (Decimal(-1), Decimal("-0.5"))
    assert second.afterwards == Decimal("0.1")

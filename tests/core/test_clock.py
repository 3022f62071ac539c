"""Instants: always aware, always UTC, read and written without losing a microsecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.clock import HOUR, hour_of, parse_instant, to_text, utc_now
from recoup.core.errors import Invalid

offsets = st.integers(min_value=-14 * 60, max_value=14 * 60).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
instants = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001 - as above
    timezones=offsets,
)


@given(instants)
def test_what_is_written_is_read_back(instant: datetime) -> None:
    assert parse_instant(to_text(instant)) == instant


@given(instants)
def test_text_is_utc_and_sorts_like_time_within_one_precision(instant: datetime) -> None:
    text = to_text(instant)
    assert text.endswith("Z")
    assert "+" not in text
    later = instant + timedelta(seconds=1)
    assert text < to_text(later)


@given(instants)
def test_what_any_zone_wrote_is_the_same_instant_in_utc(instant: datetime) -> None:
    read = parse_instant(instant.isoformat())
    assert read == instant
    assert read.utcoffset() == timedelta(0)


@given(instants)
def test_the_hour_of_an_instant_contains_it(instant: datetime) -> None:
    start = hour_of(instant)
    assert start <= instant < start + HOUR
    assert start.utcoffset() == timedelta(0)
    assert (start.minute, start.second, start.microsecond) == (0, 0, 0)


def test_an_hour_is_one_of_utc_also_where_clocks_stand_at_half_past() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    assert hour_of(datetime(2025, 7, 23, 2, 45, tzinfo=kolkata)) == datetime(2025, 7, 22, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-07-23T21:00:00Z", datetime(2025, 7, 23, 21, tzinfo=UTC)),
        ("2025-07-23T21:00", datetime(2025, 7, 23, 21, tzinfo=UTC)),
        ("2025-07-23", datetime(2025, 7, 23, tzinfo=UTC)),
        (" 2025-07-23T21:00:00+02:00\n", datetime(2025, 7, 23, 19, tzinfo=UTC)),
        ("2025-07-23T21:00:00.000001Z", datetime(2025, 7, 23, 21, 0, 0, 1, tzinfo=UTC)),
    ],
)
def test_times_as_people_write_them(text: str, expected: datetime) -> None:
    assert parse_instant(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1753304400",
        "2025-13-01T00:00:00Z",
        "2025-02-30",
        "2025-07-23T25:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "\uff12\uff10\uff12\uff15-07-23",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not a time"):
        parse_instant(text)


def test_whole_seconds_are_written_without_a_fraction() -> None:
    assert to_text(datetime(2025, 7, 23, 21, tzinfo=UTC)) == "2025-07-23T21:00:00Z"
    assert to_text(datetime(2025, 7, 23, 21, 0, 0, 5, tzinfo=UTC)) == "2025-07-23T21:00:00.000005Z"


def test_the_machine_is_asked_in_utc() -> None:
    before = datetime.now(UTC)
    now = utc_now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC

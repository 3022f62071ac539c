"""Figures of claims: spans of a period, percentiles, what the page and the lists of it say."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.areas.claims import spans
from recoup.areas.claims.lists import FIGURES, REVIEWERS
from recoup.areas.claims.models import Flag
from recoup.areas.claims.queries.figure_rows import Narrowed
from recoup.areas.claims.rules import figures as rules
from recoup.areas.claims.rules.figures import Period, Step
from recoup.core.db import acting
from recoup.core.errors import Invalid
from recoup.core.money import Money
from recoup.core.system import System
from support.claim_rows import written
from support.claims import ANA, CARL, DORA, REA, as_, claims_api, populate
from support.desk import text_of

PAGE = "/desk/claims/figures"
TODAY = date(2025, 7, 24)
MONTHS = {"since": "2025-06-01", "until": "2025-07-31", "step": "month"}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def asked(first: date | None, last: date | None, step: Step | None = None, *, zone: str = "UTC") -> Period:
    return rules.period(first, last, step, today=TODAY, zone=zone)


# ---------------------------------------------------------------- periods


def test_the_usual_period_is_the_last_twelve_months_by_month() -> None:
    period = asked(None, None)
    assert (period.first, period.last, period.step) == (date(2024, 8, 1), TODAY, Step.MONTH)
    assert [period.title(number) for number in (0, 11)] == ["Aug 2024", "Jul 2025"]
    assert len(period.begins) == 12
    assert period.ends(0) == date(2024, 8, 31)
    assert period.ends(11) == TODAY


def test_spans_begin_at_midnight_of_the_readers_zone_on_both_sides_of_a_clock_change() -> None:
    period = asked(date(2025, 3, 24), date(2025, 4, 6), Step.WEEK, zone="Europe/Berlin")
    assert period.edges == [
        datetime(2025, 3, 23, 23, tzinfo=UTC),
        datetime(2025, 3, 30, 22, tzinfo=UTC),
    ]
    assert period.until == datetime(2025, 4, 6, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last", "step"),
    [
        (date(2025, 6, 1), TODAY, Step.WEEK),
        (date(2024, 1, 15), TODAY, Step.MONTH),
        (date(1990, 1, 1), TODAY, Step.YEAR),
        (TODAY, TODAY, Step.WEEK),
    ],
)
def test_the_step_fits_the_length(first: date, last: date, step: Step) -> None:
    assert asked(first, last).step == step


@pytest.mark.parametrize(
    ("first", "last", "step", "problem"),
    [
        (TODAY, TODAY - DAY, None, "before it begins"),
        (date(1970, 1, 1), TODAY, Step.WEEK, "count by year"),
        (date(2020, 1, 1), TODAY, Step.WEEK, "count by month"),
        (date(1970, 1, 1), date(9000, 1, 1), None, "more than 160"),
    ],
)
def test_a_period_that_cannot_be_shown_is_refused(
    first: date, last: date, step: Step | None, problem: str
) -> None:
    with pytest.raises(Invalid) as refused:
        asked(first, last, step)
    assert problem in refused.value.sentence()


@given(
    first=st.dates(date(2000, 1, 1), date(2030, 12, 31)),
    days=st.integers(0, 900),
    step=st.sampled_from([Step.WEEK, Step.MONTH, Step.YEAR]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
)
def test_spans_cover_every_day_once(first: date, days: int, step: Step, zone: str) -> None:
    period = asked(first, first + timedelta(days=days), step, zone=zone)
    covered = []
    for number, begin in enumerate(period.begins):
        end = period.ends(number)
        covered += [begin + timedelta(days=day) for day in range((end - begin).days + 1)]
    assert covered == [first + timedelta(days=day) for day in range(days + 1)]
    assert period.edges == sorted(set(period.edges))
    assert period.edges[-1] < period.until


@given(
    st.dictionaries(st.integers(0, 500), st.integers(1, 50), max_size=20), st.sampled_from([1, 50, 90, 100])
)
def test_a_percentile_is_the_least_hour_within_which_so_many_were_decided(
    hours: dict[int, int], percent: int
) -> None:
    every = sorted(hour for hour, count in hours.items() for _ in range(count))
    found = rules.percentile(hours, percent)
    if not every:
        assert found is None
        return
    assert found is not None
    assert 100 * sum(one <= found for one in every) >= percent * len(every)
    assert 100 * sum(one < found for one in every) < percent * len(every)


def test_lengths_and_shares_read_as_people_write_them() -> None:
    assert [rules.length(hours) for hours in (None, 0, 1, 47, 48, 84, 24 * 365)] == [
        "none yet",
        "under 1 h",
        "1 h",
        "47 h",
        "2.0 days",
        "3.5 days",
        "over a year",
    ]
    assert (rules.share(2, 3), rules.share(0, 0)) == (67, None)


# ---------------------------------------------------------------- counted


@pytest.fixture
def ids(system: System) -> dict[str, UUID]:
    return populate(system)


@pytest.fixture
def counted(system: System, ids: dict[str, UUID]) -> None:
    """Two months: four claims decided by Rea, one by Ron, one withdrawn, one imported, two open, one in dollars."""
    june, july = datetime(2025, 6, 10, 12, tzinfo=UTC), datetime(2025, 7, 10, 12, tzinfo=UTC)
    for hours, minor in ((2, 100_000), (4, 200_000), (30, 300_000)):
        written(
            system,
            ids[CARL],
            status="approved",
            claim_type="fire",
            claim_minor=minor,
            approved_minor=minor // 2,
            created_at=june,
            decided_at=june + hours * HOUR,
        )
    written(system, ids[CARL], status="rejected", created_at=june, decided_at=july)
    ron = "token:ron@example.com"
    written(system, ids[CARL], by=ron, status="rejected", created_at=july, decided_at=july + HOUR)
    withdrawn = {"reason_code": "withdrawn", "created_at": july, "decided_at": july + HOUR}
    written(system, ids[DORA], status="rejected", **withdrawn)
    past = {"is_history": True, "created_at": june - 500 * DAY, "decided_at": june}
    written(system, ids[DORA], status="completed", claim_minor=7_000, approved_minor=7_000, **past)
    written(system, ids[DORA], created_at=july, assignee_id=ids[REA], open_flags=1)
    dollars = {"currency": "USD", "claim_minor": 900}
    written(system, ids[DORA], status="under_review", created_at=july, due_at=july, **dollars)


def test_what_was_filed_and_decided_is_counted_by_span_type_and_currency(
    system: System, ids: dict[str, UUID], counted: None
) -> None:
    assert counted is None
    period = asked(date(2025, 6, 1), date(2025, 7, 31), Step.MONTH)
    with system.sessions() as db:
        acting(db, role="reviewer", person=ids[REA])
        found = spans.gathered(db, period, Narrowed())
        without = spans.gathered(db, period, Narrowed(history=False))
        fire = spans.gathered(db, period, Narrowed(claim_type="fire"))
        reviewers = spans.reviewers(db, period)
    assert found.inflow() == [4, 4]
    assert (found.approved(), found.rejected()) == ([4, 0], [0, 2])
    assert (without.approved(), without.inflow()) == ([3, 0], [4, 4])
    assert found.within(50) == [4, 1]
    assert found.within(90) == [30, 720]
    assert found.currencies == ["EUR", "USD"]
    (burnt, *_) = found.amounts("EUR")
    assert (burnt.claim_type, burnt.filed, burnt.approved) == ("fire", 3, 3)
    assert (burnt.claimed, burnt.of_approved, burnt.paid) == (
        Money(600_000, "EUR"),
        Money(600_000, "EUR"),
        Money(300_000, "EUR"),
    )
    assert fire.inflow() == [3, 0]
    assert [(one.name, one.approved, one.rejected, one.hours, one.open) for one in reviewers] == [
        ("rea@example.com", 3, 1, 4, 1),
        ("ron@example.com", 0, 1, 1, 0),
    ]


def test_the_page_shows_them_and_exports_what_it_shows(
    system: System, ids: dict[str, UUID], counted: None
) -> None:
    assert counted is None
    with claims_api(system) as client:
        shown = client.get(PAGE, params=MONTHS, headers=as_(REA))
        analyst = text_of(client.get(PAGE, headers=as_(ANA)))
    text = text_of(shown)
    assert "Filed 8" in text
    assert "4 approved, 2 rejected" in text
    assert "Approved 67 %" in text
    assert "Value at risk now" in text
    assert "rea@example.com 4 75 % 4 h 1" in text
    assert "Reviewers" in analyst
    chart = re.search(r'id="inflow-option">(.*?)</script>', shown.text)
    assert chart is not None
    option: dict[str, Any] = json.loads(html.unescape(chart[1]))
    assert option["series"][0]["data"][-1] == 4
    query = re.search(
        r'name="list" value="claims_figures"><input type="hidden" name="query" value="([^"]*)"', shown.text
    )
    assert query is not None
    assert query[1] == "since=2025-06-01&amp;until=2025-07-31&amp;step=month"
    wanted = FIGURES.wanted(MONTHS)
    with system.sessions() as db:
        acting(db, role="reviewer", person=ids[REA])
        rows = list(FIGURES.every(db, wanted))
        people = list(REVIEWERS.every(db, REVIEWERS.wanted(MONTHS)))
    assert sum(row.amounts.filed for row in rows) == 8
    assert sum(row.amounts.approved + row.amounts.rejected for row in rows) == 6
    assert [one.name for one in people] == ["rea@example.com", "ron@example.com"]


@pytest.fixture
def client(system: System, ids: dict[str, UUID]) -> Iterator[httpx2.Client]:
    assert ids
    with claims_api(system, zone="Asia/Kathmandu") as client:
        yield client


def test_what_is_no_period_is_said_and_an_empty_one_is_empty(client: httpx2.Client) -> None:
    for query in ("since=2025-07-02&until=2025-07-01", "since=yesterday", "step=hour", "type=water", "x=1"):
        refused = client.get(f"{PAGE}?{query}", headers=as_(REA))
        assert refused.status_code == 422, query
        assert f'href="{PAGE}"' in refused.text
    empty = client.get(PAGE, headers=as_(REA))
    assert empty.status_code == 200
    text = text_of(empty)
    assert "Nothing was filed or decided" in text
    assert "Days begin and end in Asia/Kathmandu." in text
    assert "No flag was raised yet." in text


def test_flags_are_told_by_how_often_they_were_right(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    claim = written(system, ids[CARL])
    with system.sessions.begin() as db:
        for number, finding in enumerate(("right", "wrong", "wrong", None)):
            looked = {"finding": finding, "resolved_at": system.clock() if finding else None}
            rest = {"reason": "", "details": {}, "created_at": system.clock(), "resolved_by": "", "note": ""}
            db.add(
                Flag(claim_id=claim, person_id=ids[CARL], kind="round", about=str(number), **looked, **rest)
            )
    assert "Round sum 4 3 33 %" in text_of(client.get(PAGE, headers=as_(REA)))

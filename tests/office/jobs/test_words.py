"""Schedules in words: what they say, and that two which read alike are owed alike."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from itertools import islice

import pytest

from recoup.core.errors import Invalid
from recoup.office.jobs.rules import schedules, words

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "zone", "said"),
    [
        ("10 * * * *", "UTC", "ten past every hour, UTC"),
        ("0 2 10 * *", "Asia/Bangkok", "on the 10th of each month at 02:00, Asia/Bangkok"),
        ("40 3 * * *", "UTC", "every day at 03:40, UTC"),
        ("0 * * * *", "UTC", "every hour on the hour, UTC"),
        ("1 * * * *", "UTC", "1 minute past every hour, UTC"),
        ("30 * * * *", "UTC", "half past every hour, UTC"),
        ("* * * * *", "UTC", "every minute, UTC"),
        ("*/5 * * * *", "UTC", "every 5 minutes, UTC"),
        ("3/20 * * * *", "UTC", "every 20 minutes, from 3 past each hour, UTC"),
        (
            "*/7 * * * *",
            "UTC",
            "at 0, 7, 14, 21, 28, 35, 42, 49 and 56 minutes past every hour, UTC",
        ),
        ("* 3 * * *", "UTC", "every minute from 03:00 to 03:59, UTC"),
        ("0 9-17 * * 1-5", "UTC", "every hour on the hour from 09:00 to 17:00, on weekdays, UTC"),
        ("*/15 9-17 * * *", "UTC", "every 15 minutes from 09:00 to 17:45, UTC"),
        ("10 */2 * * *", "UTC", "every 2 hours from 00:10, UTC"),
        ("0 */6 * * *", "UTC", "every day at 00:00, 06:00, 12:00 and 18:00, UTC"),
        ("5 4 * * SUN", "UTC", "on Sundays at 04:05, UTC"),
        ("5 4 * * 7,6", "UTC", "on Saturdays and Sundays at 04:05, UTC"),
        ("0 8 * * 1,4", "UTC", "on Mondays and Thursdays at 08:00, UTC"),
        ("0 8 * * 1#2", "UTC", "on the second Monday of the month at 08:00, UTC"),
        ("0 8 * * 5L", "UTC", "on the last Friday of the month at 08:00, UTC"),
        ("0 0 L * *", "UTC", "on the last day of each month at 00:00, UTC"),
        ("0 0 31 * *", "UTC", "on the 31st of each month (in a shorter month its last day) at 00:00, UTC"),
        ("0 0 30,31 * *", "UTC", "on the 30th and 31st of each month (not in a shorter month) at 00:00, UTC"),
        ("0 0 31 1,3 *", "UTC", "on the 31st of January and March at 00:00, UTC"),
        ("0 0 1 1,7 *", "UTC", "on the 1st of January and July at 00:00, UTC"),
        ("0 0 * 2 *", "UTC", "every day in February at 00:00, UTC"),
        ("0 0 1,15 * 3", "UTC", "on the 1st and 15th of each month and also on Wednesdays at 00:00, UTC"),
        ("0 0 1-31 * 1", "UTC", "every day at 00:00, UTC"),
        ("0 0 */10 * 1", "UTC", "on the 1st, 11th, 21st and 31st of each month (not in a shorter month), if these are Mondays, at 00:00, UTC"),
    ],
)  # fmt: skip
def test_a_schedule_reads_as_a_person_would_say_it(cron: str, zone: str, said: str) -> None:
    assert words.in_words(cron, zone) == said


def _any_cron(dice: random.Random) -> str:
    def some(low: int, high: int) -> str:
        first = dice.randint(low, high)
        return dice.choice(
            [
                str(first),
                f"{first}-{dice.randint(first, high)}",
                f"*/{dice.randint(1, high)}",
                f"{first},{dice.randint(low, high)}",
                f"{first}/{dice.randint(1, high)}",
            ]
        )

    day = dice.choice(["*", "*", "*", "L", some(1, 31), str(dice.randint(27, 31))])
    weekday = dice.choice(["*", "*", "*", "1-5", "6,0", "7", f"{dice.randint(0, 6)}#2", "5L", some(0, 6)])
    hour = dice.choice(["*", some(0, 23)])
    return f"{dice.choice(['*', '0', some(0, 59)])} {hour} {day} {dice.choice(['*', '*', some(1, 12)])} {weekday}"


def test_schedules_that_read_alike_are_owed_alike() -> None:
    dice, seen, repeated = random.Random(20260305), {}, 0
    for _ in range(3_000):
        cron = _any_cron(dice)
        try:
            said = words.in_words(cron, "UTC")
        except Invalid:
            continue
        owed = list(islice(schedules.slots(cron, "UTC", after=START), 40))
        if said in seen:
            repeated += 1
            assert seen[said][1] == owed, f"{cron!r} and {seen[said][0]!r} both read {said!r}"
        seen[said] = (cron, owed)
    assert repeated > 100


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "* * * * * *", "61 * * * *", "a b c d e", "0 0 31 2 *", "*" * 300]
)
def test_what_is_no_schedule_is_refused(cron: str) -> None:
    with pytest.raises(Invalid):
        words.in_words(cron, "UTC")


@pytest.mark.parametrize(
    ("number", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (13, "13th"), (22, "22nd")]
)
def test_numbers_are_counted_in_words(number: int, said: str) -> None:
    assert words.ordinal(number) == said


def test_a_monthly_time_is_a_cron_and_back() -> None:
    assert schedules.monthly(day=10, hour=2, minute=0) == "0 2 10 * *"
    assert schedules.monthly_of("0 2 10 * *") == (10, 2, 0)
    assert schedules.monthly_of(schedules.monthly(day=None, hour=23, minute=59)) == (None, 23, 59)
    assert schedules.monthly_of("10 * * * *") is None


@pytest.mark.parametrize(
    ("cron", "dense"),
    [("10 * * * *", True), ("0 */12 * * *", True), ("40 3 * * *", False), ("0 2 10 * *", False)],
)
def test_a_job_owed_more_than_once_a_day_is_shown_by_the_hour(cron: str, *, dense: bool) -> None:
    assert schedules.is_dense(cron, "UTC", now=START) is dense

"""A schedule in words: what a person reads instead of cron fields. Schedules that read alike are owed alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cronsim import CronSim

from recoup.core.errors import Invalid
from recoup.core.parts import Missed
from recoup.office.jobs.rules import schedules

MINUTES, HOURS = 60, 24
FEW = 6
"""So many times of day are told one by one."""
DAYS = range(1, 32)
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
WORKING_DAYS = frozenset(range(1, 6))
WEEKEND = frozenset({0, 6})
ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", CronSim.LAST: "last"}
PAST = {5: "five", 10: "ten", 15: "quarter", 20: "twenty", 25: "twenty-five", 30: "half"}
TEENS = range(11, 14)

MISSED = {
    Missed.ALL: "Every slot that was missed is run afterwards, oldest first.",
    Missed.LATEST: "Of the slots that were missed only the latest is run afterwards; the others are skipped.",
    Missed.SKIP: "Slots that were missed are skipped; the next run is the next slot.",
}
"""What happens to slots that passed while nothing ran."""


@dataclass(frozen=True, slots=True)
class _Time:
    """When on a day; ``once`` where it is a list of times, not a rhythm."""

    text: str
    once: bool = False


def in_words(cron: str, zone: str) -> str:
    """Write a schedule in words: ``on the 10th of each month at 02:00, Asia/Bangkok``. Raise Invalid as slots do."""
    fields = schedules.fields_of(cron)
    time, day = _time(sorted(fields.minutes), sorted(fields.hours)), _day(fields, cron)
    if time.once:
        return f"{day or 'every day'} {time.text}, {zone}"
    return f"{time.text}, {day}, {zone}" if day else f"{time.text}, {zone}"


def readable(cron: str, zone: str) -> str:
    """Write a schedule in words, or as it stands where it cannot be read: a page must not fail over it."""
    try:
        return in_words(cron, zone)
    except Invalid:
        return f"{cron} {zone}"


# ---------------------------------------------------------------- the time of day


def _time(minutes: Sequence[int], hours: Sequence[int]) -> _Time:
    every_hour = len(hours) == HOURS
    if len(minutes) == MINUTES:
        return _Time("every minute" if every_hour else f"every minute {_of_hours(hours)}")
    if len(minutes) * len(hours) <= FEW:
        times = [f"{hour:02}:{minute:02}" for hour in hours for minute in minutes]
        return _Time(f"at {listed(times)}", once=True)
    rhythm = _rhythm(minutes, hours)
    if rhythm is not None:
        return rhythm
    if every_hour:
        return _Time(f"at {listed(minutes)} minutes past every hour")
    return _Time(f"at {listed(minutes)} minutes past the hours {listed(hours)}")


def _rhythm(minutes: Sequence[int], hours: Sequence[int]) -> _Time | None:
    """Say it as a rhythm, where it is one."""
    first, last = f"{hours[0]:02}:{minutes[0]:02}", f"{hours[-1]:02}:{minutes[-1]:02}"
    span = "" if len(hours) == HOURS else f" from {first} to {last}"
    if len(minutes) == 1:
        if _is_run(hours):
            return _Time(f"{_past(minutes[0])}{span}")
        step = _step(hours, HOURS)
        return _Time(f"every {step} hours from {first}") if step else None
    step = _step(minutes, MINUTES)
    if step is None or not _is_run(hours):
        return None
    start = "" if span or not minutes[0] else f", from {minutes[0]} past each hour"
    return _Time(f"every {step} minutes{span}{start}")


def _past(minute: int) -> str:
    if minute == 0:
        return "every hour on the hour"
    unit = "minute" if minute == 1 else "minutes"
    return f"{PAST.get(minute, f'{minute} {unit}')} past every hour"


def _of_hours(hours: Sequence[int]) -> str:
    if _is_run(hours):
        return f"from {hours[0]:02}:00 to {hours[-1]:02}:59"
    return f"of the hours {listed(hours)}"


def _is_run(values: Sequence[int]) -> bool:
    return values[-1] - values[0] == len(values) - 1


def _step(values: Sequence[int], whole: int) -> int | None:
    """Return the distance of values that go evenly round the clock."""
    step = whole // len(values)
    even = len(values) > 1 and list(values) == list(range(values[0], whole, step))
    return step if even and step * len(values) == whole and values[0] < step else None


# ---------------------------------------------------------------- the day


def _day(fields: Any, cron: str) -> str:
    """Say on which days; nothing where it is every day. ``fields``: a CronSim, which brings no types."""
    months = (
        "" if len(fields.months) == len(MONTHS) else listed(MONTHS[one - 1] for one in sorted(fields.months))
    )
    weekdays = {0 if one == len(WEEKDAYS) else one for one in fields.weekdays}
    any_day, any_weekday = set(DAYS) <= set(fields.days), set(range(len(WEEKDAYS))) <= weekdays
    if (any_day and any_weekday) or ((any_day or any_weekday) and not fields.day_and):
        return f"every day in {months}" if months else ""
    dates = _dates(fields, cron, months)
    if any_weekday:
        return f"on {dates}"
    named = _weekdays(weekdays)
    if any_day:
        return f"on {named} in {months}" if months else f"on {named}"
    if fields.day_and:
        return f"on {dates}, if these are {named},"
    return f"on {dates} and also on {named}" + (f" in {months}" if months else "")


def _dates(fields: Any, cron: str, months: str) -> str:
    days = sorted(fields.days, key=lambda day: day if day > 0 else max(DAYS) - day)
    names = {CronSim.LAST: "last day", CronSim.LAST_WEEKDAY: "last Monday-to-Friday day"}
    text = f"the {listed(names.get(one) or ordinal(one) for one in days)} of {months or 'each month'}"
    if not schedules.SHORT_MONTHS.get(max(days), set()) & set(fields.months):
        return text
    if cron.split()[schedules.DAY_FIELD].isdecimal():
        return f"{text} (in a shorter month its last day)"
    return f"{text} (not in a shorter month)"


def _weekdays(weekdays: set[Any]) -> str:
    plain = {one for one in weekdays if isinstance(one, int)}
    nth = sorted({(one[0] % len(WEEKDAYS), one[1]) for one in weekdays if not isinstance(one, int)})
    parts: list[str] = []
    if plain == WORKING_DAYS:
        parts.append("weekdays")
    elif plain == WEEKEND:
        parts.append("Saturdays and Sundays")
    else:
        parts += [f"{WEEKDAYS[one % 7]}s" for one in sorted(plain, key=lambda one: (one - 1) % 7)]
    parts += [f"the {ORDINALS[rank]} {WEEKDAYS[one]} of the month" for one, rank in nth]
    return listed(parts)


# ---------------------------------------------------------------- words


def ordinal(number: int) -> str:
    """Write ``1st``, ``22nd``, ``13th``."""
    ending = "th" if number % 100 in TEENS else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def listed(items: Iterable[object]) -> str:
    """Write ``a, b and c``."""
    *others, last = map(str, items)
    return f"{', '.join(others)} and {last}" if others else last


def sentence(text: str) -> str:
    """Begin a text with a capital letter."""
    return f"{text[:1].upper()}{text[1:]}"

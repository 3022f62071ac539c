"""Decisions about slots: when a schedule is owed, and what happens to slots that passed while nothing ran."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from recoup.core.errors import Invalid
from recoup.core.parts import Missed

ON_TIME = timedelta(minutes=2)
"""A slot this old or younger is on time; an older one was missed."""
MOST_SLOTS = 50_000
"""A month of minutes: a schedule that stood still for longer forgets what came before."""
SHORT_MONTHS = {29: {2}, 30: {2}, 31: {2, 4, 6, 9, 11}}
DAY_FIELD, MONTH_FIELD = 2, 3
FIELDS = 5
LONGEST_CRON = 200
DAYS_OF_WEEK = 7
WRITE_FIVE = "Write five fields, such as '10 * * * *' for ten past each hour."

_MONTHLY = re.compile(r"([0-9]{1,2}) ([0-9]{1,2}) ([0-9]{1,2}|L) \* \*")


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """What becomes of one slot: ``run`` on time, ``caught_up`` late, or ``skipped`` with a reason."""

    at: datetime
    state: str
    reason: str = ""


def check_schedule(cron: str, zone: str) -> None:
    """Raise Invalid when the cron fields or the time zone cannot be read."""
    check_zone(zone)
    fields_of(cron)


def check_zone(zone: str) -> None:
    """Raise Invalid when there is no such time zone."""
    _zone(zone)


def fields_of(cron: str) -> CronSim:
    """Read the five fields into sets of what matches; raise Invalid. Seconds, a sixth field, are refused."""
    if len(cron) > LONGEST_CRON or len(cron.split()) != FIELDS:
        raise Invalid(
            f"{cron[:LONGEST_CRON]!r} is no schedule: it does not have five fields.", fix=WRITE_FIVE
        )
    return _simulate(cron, datetime(2026, 1, 1, tzinfo=UTC))


def monthly(*, day: int | None, hour: int, minute: int) -> str:
    """Return the cron fields of a time once a month; ``day`` None is the last day of the month."""
    return f"{minute} {hour} {'L' if day is None else day} * *"


def monthly_of(cron: str) -> tuple[int | None, int, int] | None:
    """Return day, hour and minute where a schedule is one of ``monthly``."""
    found = _MONTHLY.fullmatch(cron)
    if found is None:
        return None
    minute, hour, day = found.groups()
    return (None if day == "L" else int(day)), int(hour), int(minute)


def is_dense(cron: str, zone: str, *, now: datetime) -> bool:
    """Say whether a schedule is owed more than once on some day of the coming week."""
    week = islice(slots(cron, zone, after=now), DAYS_OF_WEEK + 1)
    return sum(1 for at in week if at - now <= timedelta(days=DAYS_OF_WEEK)) > DAYS_OF_WEEK


def slots(cron: str, zone: str, *, after: datetime) -> Iterator[datetime]:
    """Yield the instants (UTC) after ``after`` at which a schedule is owed, for ever.

    Fields are read as wall-clock time in ``zone``; a time that a clock change skips runs at its end, one that it
    repeats runs once, unless the hour field is a pattern (as Debian's cron does; computed by cronsim). A day of
    the month that a month does not have is its last day.
    """
    start = after.astimezone(_zone(zone))
    streams = [_simulate(fields, start) for fields in _with_last_days(cron)]
    previous: datetime | None = None
    for instant in heapq.merge(*(_in_utc(stream) for stream in streams)):
        if instant != previous:
            yield instant
        previous = instant


def due(cron: str, zone: str, *, after: datetime, until: datetime) -> Sequence[datetime]:
    """Return the slots in (after, until], at most the latest 50,000."""
    found: list[datetime] = []
    for instant in slots(cron, zone, after=after):
        if instant > until:
            break
        found.append(instant)
    return found[-MOST_SLOTS:]


def plan_slots(moments: Sequence[datetime], *, missed: Missed, paused: bool, now: datetime) -> list[SlotPlan]:
    """Decide what becomes of slots that have become due, oldest first."""
    plans = []
    for index, at in enumerate(moments):
        on_time = now - at <= ON_TIME
        latest = index == len(moments) - 1
        if paused:
            plans.append(SlotPlan(at, "skipped", "the job was paused"))
        elif on_time and (latest or missed is Missed.ALL):
            plans.append(SlotPlan(at, "run"))
        elif missed is Missed.ALL or (missed is Missed.LATEST and latest):
            plans.append(SlotPlan(at, "caught_up", "nothing ran when it was due"))
        elif missed is Missed.LATEST:
            plans.append(SlotPlan(at, "skipped", "a later slot ran in its place"))
        else:
            plans.append(SlotPlan(at, "skipped", "nothing ran when it was due"))
    return plans


def _with_last_days(cron: str) -> list[str]:
    fields = cron.split()
    expressions = [cron]
    if len(fields) > MONTH_FIELD and fields[DAY_FIELD].isdecimal():
        short = SHORT_MONTHS.get(int(fields[DAY_FIELD]), set())
        months = short & set(_simulate(cron, datetime(2026, 1, 1, tzinfo=UTC)).months)
        if months:
            fields[DAY_FIELD], fields[MONTH_FIELD] = "L", ",".join(str(month) for month in sorted(months))
            expressions.append(" ".join(fields))
    return expressions


def _in_utc(stream: Iterator[datetime]) -> Iterator[datetime]:
    for moment in stream:
        yield moment.astimezone(UTC)


def _simulate(cron: str, start: datetime) -> CronSim:
    try:
        return CronSim(cron, start)
    except CronSimError as error:
        raise Invalid(
            f"{cron!r} is no schedule: {error}.",
            fix=WRITE_FIVE,
        ) from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"{name!r} is no time zone.", fix="Write one such as Europe/Berlin or UTC.") from None

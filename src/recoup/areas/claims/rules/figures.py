"""Figures of claims: the spans of time that they are counted in, and how long deciding took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from recoup.core.errors import Invalid

MOST_SPANS = 160
WEEKS_UNTIL, MONTHS_UNTIL = timedelta(days=140), timedelta(days=366 * 6)
USUAL_MONTHS = 12
LONGEST_HOURS = 24 * 365
"""Deciding that took longer is counted with what took so long."""
A_DAY = timedelta(days=1)
DECEMBER = 12
DAY_HOURS, TWO_DAYS = 24, 48


class Step(StrEnum):
    """How long one span of a period is."""

    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Period:
    """Days from ``first`` to ``last``, both included, as they begin and end in ``zone``, in spans of one ``step``."""

    first: date
    last: date
    step: Step
    zone: str

    @property
    def begins(self) -> list[date]:
        """The first day of each span; the first and the last span may be cut short by the period."""
        days = [self.first]
        while (following := _following(days[-1], self.step)) <= self.last:
            days.append(following)
        return days

    @property
    def edges(self) -> list[datetime]:
        """The first instant of each span, UTC."""
        return [self._midnight(day) for day in self.begins]

    @property
    def until(self) -> datetime:
        """The first instant after the period, UTC."""
        return self._midnight(self.last + A_DAY)

    def title(self, number: int) -> str:
        """Write a span, counted from 0: ``Jul 2025``, ``2025``, or a week by its first day, ``21 Jul``."""
        day = self.begins[number]
        match self.step:
            case Step.WEEK:
                return f"{day:%d %b}"
            case Step.MONTH:
                return f"{day:%b %Y}"
        return f"{day:%Y}"

    def ends(self, number: int) -> date:
        """Return the last day of a span, counted from 0."""
        begins = self.begins
        return begins[number + 1] - A_DAY if number + 1 < len(begins) else self.last

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)


def period(first: date | None, last: date | None, step: Step | None, *, today: date, zone: str) -> Period:
    """Return the period that is asked for: without a first day the twelve months up to the last one, this included.

    Without a step it is what the period's length asks for. Raise Invalid for a period that ends before it begins, or
    that has more spans than can be shown.
    """
    ends = last or today
    begins = first or months_back(ends, USUAL_MONTHS - 1)
    if ends < begins:
        raise Invalid(
            f"The period ends on {ends}, before it begins on {begins}.", fix="Choose the days again."
        )
    length = ends - begins
    usual = Step.WEEK if length <= WEEKS_UNTIL else Step.MONTH if length <= MONTHS_UNTIL else Step.YEAR
    chosen = step or usual
    shortest = {Step.WEEK: 7, Step.MONTH: 28, Step.YEAR: 365}[chosen]
    if length.days // shortest > MOST_SPANS:
        raise Invalid(
            f"From {begins} to {ends} there are more than {MOST_SPANS} {chosen}s.",
            fix=f"Choose fewer days, or count by {'month' if usual == Step.WEEK else usual}.",
        )
    return Period(begins, ends, chosen, zone)


def months_back(day: date, months: int) -> date:
    """Return the first day of the month so many months before the month of ``day``."""
    number = day.year * DECEMBER + day.month - 1 - months
    return date(number // DECEMBER, number % DECEMBER + 1, 1)


def percentile(hours: Mapping[int, int], percent: int) -> int | None:
    """Return within how many whole hours ``percent`` of all were decided; ``hours`` counts claims by whole hours.

    None where there are none.
    """
    total = sum(hours.values())
    wanted = -(-total * percent // 100)
    seen = 0
    for hour in sorted(hours):
        seen += hours[hour]
        if seen >= wanted > 0:
            return hour
    return None


def length(hours: int | None) -> str:
    """Write how long something took: ``under 1 h``, ``41 h``, ``3.5 days``."""
    if hours is None:
        return "none yet"
    if hours < 1:
        return "under 1 h"
    if hours >= LONGEST_HOURS:
        return "over a year"
    return f"{hours} h" if hours < TWO_DAYS else f"{hours / DAY_HOURS:.1f} days"


def share(part: int, whole: int) -> int | None:
    """Return a part in whole percent; None of nothing."""
    return round(100 * part / whole) if whole else None


def _following(day: date, step: Step) -> date:
    """Return the first day of the span after the one that ``day`` lies in: a Monday, a first of the month or year."""
    match step:
        case Step.WEEK:
            return day + timedelta(days=7 - day.weekday())
        case Step.MONTH:
            return date(day.year + day.month // DECEMBER, day.month % DECEMBER + 1, 1)
    return date(day.year + 1, 1, 1)

"""When what lapses: reports that were not fetched, and claims that wait for an answer.

YouTube keeps reports for 60 days, those of days before their job was made for 30
(developers.google.com/youtube/reporting/v1/reports); potential and disputed claims expire after 30 days, appealed ones
after 7 (support.google.com/youtube/answer/9948004).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from recoup.areas.rights.rules.causes import Cause

PACIFIC = ZoneInfo("America/Los_Angeles")
KEPT, HISTORICAL_KEPT = timedelta(days=60), timedelta(days=30)
ANSWER_WITHIN = {
    Cause.POTENTIAL: timedelta(days=30),
    Cause.DISPUTED: timedelta(days=30),
    Cause.APPEALED: timedelta(days=7),
}


def data_day(starts_at: datetime) -> date:
    """Return the day in California that a report is of: its first instant is midnight there."""
    return starts_at.astimezone(PACIFIC).date()


def fetch_until(*, made_at: datetime, ends_at: datetime, job_created: datetime) -> datetime:
    """Return until when a report can be fetched."""
    return made_at + (HISTORICAL_KEPT if ends_at <= job_created else KEPT)


def answer_until(standing: Cause, since: datetime) -> datetime | None:
    """Return until when a claim has to be answered that stands so since the end of a data day, if it has to be."""
    within = ANSWER_WITHIN.get(standing)
    return None if within is None else since + within


def is_stale(newest_end: datetime, *, now: datetime, days: int) -> bool:
    """Say whether the newest data day is so long over that a newer one should be there."""
    return now - newest_end > timedelta(days=days)

"""The one place that asks the machine for the time. Everything else takes ``now`` as an argument."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from recoup.core.errors import Invalid

Clock = Callable[[], datetime]
"""Answers the current instant, aware, in UTC."""

HOUR = timedelta(hours=1)


def utc_now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return datetime.now(UTC)


def hour_of(instant: datetime) -> datetime:
    """Return the start of the UTC hour that contains ``instant``."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def to_text(instant: datetime) -> str:
    """Write as ``YYYY-MM-DDTHH:MM:SSZ``, with microseconds only where there are some."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 instant; one without a zone is taken as UTC. Raise Invalid on anything else."""
    try:
        instant = datetime.fromisoformat(text.strip())
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # in UTC, the first and last hours of the calendar lie outside it
        raise Invalid(f"{text!r} is not a time.", fix="Write it like 2025-07-23T21:00:00Z.") from None

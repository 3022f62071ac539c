"""When an hour is complete, where its files are, and until when it can be submitted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from recoup.areas.metering.rules.streams import CLOUDS, StreamConfig
from recoup.core.clock import HOUR, parse_instant
from recoup.core.errors import Invalid

MARKER = "last_success_export.json"
USAGE_NAMES = (".json", ".ndjson", ".jsonl")
MONTH_END_GRACE = timedelta(hours=6)
AFTER_THE_LAST_DAYS_HOURS = timedelta(hours=3)


def hour_folder(stream: StreamConfig, hour: datetime) -> str:
    """Return the folder of one hour: UTC, zero padded, with a slash at its end."""
    return f"{stream.folder}{hour:%Y/%m/%d/%H}/"


def hour_in(stream: StreamConfig, key: str) -> datetime | None:
    """Return the hour that a key belongs to, or None when it is not laid out like an hour file."""
    try:
        year, month, day, hour = (int(part) for part in key.removeprefix(stream.folder).split("/")[:4])
        return datetime(year, month, day, hour, tzinfo=UTC)
    except ValueError:
        return None


def is_usage_file(key: str, folder: str) -> bool:
    """Say whether a key directly in an hour's folder holds usage (``.json``, ``.ndjson``, ``.jsonl``, also ``.gz``)."""
    name = key.removeprefix(folder)
    return "/" not in name and name.removesuffix(".gz").endswith(USAGE_NAMES)


def first_hour(stream: StreamConfig, *, imported: datetime | None, now: datetime) -> datetime:
    """Return where a new stream starts: after the old script's last hour, as configured, or 24 hours back."""
    if imported is not None:
        return imported + HOUR
    start = stream.start or now - timedelta(hours=24)
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    return start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def read_marker(body: bytes) -> dict[str, datetime]:
    """Read the producer's marker: stream key to the instant up to which it wrote everything. Raise Invalid."""
    try:
        document = json.loads(body)
        return {str(key): parse_instant(value["last_processed_to"]) for key, value in document.items()}
    except (ValueError, KeyError, TypeError, AttributeError, Invalid) as error:
        raise Invalid(f"The producer's marker cannot be read: {error}.") from None


@dataclass(frozen=True, slots=True)
class Completeness:
    """Whether an hour may be read: ``by`` says what closed it, ``reason`` why it still waits."""

    by: str | None
    reason: str = ""


def completeness(
    stream: StreamConfig, hour: datetime, *, marker_to: datetime | None, now: datetime
) -> Completeness:
    """Decide whether the producer is done with ``hour``.

    The marker closes an hour when it reaches its end (its last second counts). A marker that names the stream is
    trusted over the clock: an hour that it leaves open is not complete, however old.
    """
    end = hour + HOUR
    if stream.complete_by != "settle":
        if marker_to is not None:
            if marker_to >= end - timedelta(seconds=1):
                return Completeness("marker")
            return Completeness(
                None, f"the producer's marker has reached {marker_to:%Y-%m-%d %H:%M:%S} UTC only"
            )
        if stream.complete_by == "marker":
            return Completeness(None, "the producer's marker does not name this stream yet")
    if now >= end + stream.settle:
        return Completeness("settle")
    return Completeness(None, f"it settles until {end + stream.settle:%Y-%m-%d %H:%M} UTC")


def deadline(cloud: str, hour: datetime) -> datetime | None:
    """Return when the cloud starts to refuse usage of ``hour``; None where it names no limit."""
    terms = CLOUDS[cloud]
    if terms.expire is None:
        return None
    latest = hour + terms.expire
    return min(latest, _next_month(hour) + MONTH_END_GRACE) if terms.month_end else latest


def warn_at(cloud: str, hour: datetime) -> datetime:
    """Return when a person should hear that ``hour`` is not submitted yet.

    At AWS's month end that is the start of the month's last day, by when Clazar wants everything in, or, for the
    hours of that day itself, three hours after their end.
    """
    terms = CLOUDS[cloud]
    latest = hour + terms.warn
    if not terms.month_end:
        return latest
    last_day = _next_month(hour) - timedelta(days=1)
    return (
        min(latest, max(last_day, hour + HOUR + AFTER_THE_LAST_DAYS_HOURS)) if latest > last_day else latest
    )


def _next_month(instant: datetime) -> datetime:
    year, month = (instant.year + 1, 1) if instant.month == 12 else (instant.year, instant.month + 1)  # noqa: PLR2004
    return datetime(year, month, 1, tzinfo=UTC)

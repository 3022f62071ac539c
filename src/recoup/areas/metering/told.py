"""How metering's events read, where its subjects lead, and what to do first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy.orm import Session

from recoup.areas.metering import lists
from recoup.areas.metering.queries import stream_rows
from recoup.core.system import System
from recoup.web.area import Step

EVENTS: Mapping[str, str] = {
    "metering.stream_started": "The stream {name} starts with {first_hour}.",
    "metering.state_imported": "The state of the old exporter was taken over up to {last_hour}.",
    "metering.window_taken": "An hour was read: {records} records in {files} files became {entries} entries.",
    "metering.window_held": "An hour is held: {reason}",
    "metering.window_changed": "An hour that was taken changed: {reason}",
    "metering.adjustment_carried": "A late difference of {difference} {dimension} is carried on. {note}",
    "metering.adjustment_dismissed": "A late difference of {difference} {dimension} was let go. {note}",
    "metering.entries_accepted": "The marketplace took {dimensions} of {contract}.",
    "metering.entries_rejected": "The marketplace refused {dimensions} of {contract}: {reason}",
    "metering.entries_unknown": "Nobody knows whether the marketplace took {dimensions} of {contract}: {reason}",
    "metering.entries_expired": "It is too late for {dimensions} of {contract}: {reason}",
}


def _hour(name: str) -> str:
    stream, _, hour = name.rpartition("/")
    return lists.to("windows", stream=stream, day=hour.partition("T")[0])


LEADS: Mapping[str, str | Callable[[str], str]] = {
    "metering/stream": f"{lists.DESK}/streams/{{}}",
    "metering/entry": f"{lists.DESK}/entries/{{}}",
    "metering/window": _hour,
}


def first_steps(_system: System, db: Session) -> list[Step]:
    """Return what metering needs before it can collect anything."""
    return [
        Step(
            "Set up a stream",
            "Say where the usage files lie and which service, environment and plan to bill, in the settings.",
            lists.DESK,
            is_done=bool(stream_rows.streams(db)),
        )
    ]

"""A map of hours: what each hour of a stream says at a glance, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from uuid import UUID

from recoup.areas.metering.models import EntryState, WindowState
from recoup.areas.metering.rules import hours
from recoup.core.clock import HOUR

DAYS = 31
A_DAY = timedelta(days=1)

Look = Literal[
    "accepted",
    "waiting",
    "late",
    "held",
    "unknown",
    "rejected",
    "lost",
    "missing",
    "before",
    "ahead",
]

LOOKS: Mapping[Look, str] = {
    "accepted": "accepted",
    "waiting": "waiting",
    "late": "late",
    "held": "held",
    "unknown": "unknown",
    "rejected": "partly rejected",
    "lost": "too late",
    "missing": "missing",
}
"""What an hour can be, as the legend names it."""

_LOOK_OF_ENTRIES: Sequence[tuple[str, Look]] = (
    (EntryState.REJECTED, "rejected"),
    (EntryState.DUPLICATE, "rejected"),
    (EntryState.HELD, "held"),
    (EntryState.UNKNOWN, "unknown"),
    (EntryState.EXPIRED, "lost"),
    (EntryState.PLANNED, "waiting"),
)
"""The most pressing state first: it gives the hour its look."""
_SAID_OF_ENTRIES: Mapping[str, str] = {
    EntryState.REJECTED: "rejected by the marketplace",
    EntryState.DUPLICATE: "there already, sent by somebody else",
    EntryState.HELD: "held for a person",
    EntryState.UNKNOWN: "sent with an unknown outcome",
    EntryState.EXPIRED: "too late for the marketplace",
    EntryState.PLANNED: "on the way to the marketplace",
    EntryState.RESTAMPED: "moved into a later hour",
    EntryState.DISMISSED: "let go by a person",
}


@dataclass(frozen=True, slots=True)
class HourFacts:
    """An hour that has a window: how it stands, and its entries that are neither accepted nor carried, by state."""

    window_id: UUID
    state: str
    reason: str
    deadline: datetime | None
    records: int
    entries: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour of the map. ``lapses``: it can be submitted for less than a day."""

    hour: datetime
    look: Look
    title: str
    window_id: UUID | None = None
    lapses: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """A row of the map: a UTC day and its 24 hours."""

    day: date
    cells: Sequence[Cell]


def cell(hour: datetime, facts: HourFacts | None, *, cloud: str, first_hour: datetime, now: datetime) -> Cell:
    """Say how an hour stands."""
    name = f"{hour:%d %b, %H:00} UTC"
    if facts is None:
        return _without_window(hour, name, cloud=cloud, first_hour=first_hour, now=now)
    look, said = _standing(facts, hour, cloud=cloud, now=now)
    lapses = look not in {"accepted", "lost"} and _lapses(facts.deadline, now)
    until = f" It can be submitted until {facts.deadline:%d %b, %H:%M} UTC." if lapses else ""
    return Cell(hour, look, f"{name}: {said}{until}", facts.window_id, lapses)


def days(
    known: Mapping[datetime, HourFacts], *, cloud: str, first_hour: datetime, until: date, now: datetime
) -> list[Day]:
    """Return the map of the days up to ``until``, the latest first, from the stream's first day on."""
    rows = []
    last = min(until, now.astimezone(UTC).date())
    day = last
    while day > last - timedelta(days=DAYS) and day >= first_hour.astimezone(UTC).date():
        start = datetime.combine(day, time(), UTC)
        made = [start + number * HOUR for number in range(24)]
        rows.append(
            Day(day, [cell(at, known.get(at), cloud=cloud, first_hour=first_hour, now=now) for at in made])
        )
        day -= A_DAY
    return rows


def counted(rows: Sequence[Day]) -> dict[Look, int]:
    """Return how many hours look how, in the legend's order."""
    looks = [one.look for row in rows for one in row.cells]
    return {look: looks.count(look) for look in LOOKS}


def _without_window(hour: datetime, name: str, *, cloud: str, first_hour: datetime, now: datetime) -> Cell:
    if hour < first_hour:
        return Cell(hour, "before", f"{name}: before the stream's first hour.")
    if hour + HOUR > now:
        return Cell(hour, "ahead", f"{name}: not over yet.")
    if now < hour + 2 * HOUR:
        return Cell(hour, "waiting", f"{name}: just over; the next export looks at it.")
    deadline = hours.deadline(cloud, hour)
    said = "no export has run since it ended."
    if deadline is not None and now >= deadline:
        return Cell(hour, "missing", f"{name}: {said} It was to be submitted by {deadline:%d %b, %H:%M} UTC.")
    until = f" It can be submitted until {deadline:%d %b, %H:%M} UTC." if deadline else ""
    return Cell(hour, "missing", f"{name}: {said}{until}", lapses=_lapses(deadline, now))


def _standing(facts: HourFacts, hour: datetime, *, cloud: str, now: datetime) -> tuple[Look, str]:
    is_late = now >= hours.warn_at(cloud, hour)
    if facts.state != WindowState.TAKEN:
        reason = _sentence(facts.reason)
        if facts.deadline is not None and now >= facts.deadline:
            return "lost", f"not read before {facts.deadline:%d %b, %H:%M} UTC. {reason}".strip()
        if facts.state == WindowState.HELD:
            return "held", f"held. {reason}".strip()
        return ("late", f"late. {reason}".strip()) if is_late else ("waiting", f"waiting. {reason}".strip())
    told = {state: count for state, count in facts.entries.items() if count}
    look: Look = next((look for state, look in _LOOK_OF_ENTRIES if state in told), "accepted")
    if not told:
        return look, "accepted." if facts.records else "accepted; nothing was used."
    if look == "waiting" and is_late:
        look = "late"
    said = ", ".join(f"{count} {_SAID_OF_ENTRIES[state]}" for state, count in sorted(told.items()))
    return look, f"{LOOKS[look]}. Of its entries {said}."


def _lapses(deadline: datetime | None, now: datetime) -> bool:
    return deadline is not None and now < deadline <= now + A_DAY


def _sentence(text: str) -> str:
    text = text.strip()
    if not text:
        return ""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")

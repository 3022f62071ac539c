"""A job's slots as a map: the last 35 days of a job that runs daily or less often, the last week by the hour else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from recoup.office.jobs.models import RunState

DAYS_SHOWN = 35
WEEK = 7
HOURS = 24
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of one slot: what was written about it, and how its run stands."""

    at: datetime
    slot: str = "owed"
    """``run``, ``caught_up``, ``skipped``, or ``owed`` where nothing was written yet."""
    reason: str = ""
    run_id: UUID | None = None
    run_state: str | None = None
    had_trouble: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A way that a slot can stand: its name in the legend, and the class of its cell."""

    name: str
    title: str
    css: str


KINDS = (
    Kind("failed", "failed", "bad"),
    Kind("trouble", "ran, with trouble", "warn"),
    Kind("late", "owed and not started yet", "odd"),
    Kind("moving", "running or queued", "calm"),
    Kind("skipped", "skipped or missed", "dull"),
    Kind("caught_up", "caught up later", "late"),
    Kind("ran", "ran", "ok"),
    Kind("next", "owed next", "next"),
    Kind("coming", "owed later", "coming"),
)
"""From what one must look at to what one need not: a cell with several slots shows the first of them."""
BY_NAME = {kind.name: kind for kind in KINDS}
RANK = {kind.name: rank for rank, kind in enumerate(KINDS)}
ALWAYS_EXPLAINED = ("ran", "trouble", "failed", "skipped", "caught_up")


@dataclass(frozen=True, slots=True)
class Cell:
    """One day, or one hour, of the map. ``kind`` None: nothing is owed then."""

    label: str
    kind: Kind | None
    said: str
    run_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A week of days, or a day of hours; a cell is None outside the time that is shown."""

    label: str
    cells: Sequence[Cell | None]


@dataclass(frozen=True, slots=True)
class SlotMap:
    """The map, its rows in the order of time."""

    by_hour: bool
    zone: str
    heads: Sequence[str]
    rows: Sequence[Row]
    legend: Sequence[Kind]


def shown_from(*, zone: str, by_hour: bool, now: datetime) -> datetime:
    """Return the instant at which a map begins: a midnight in its zone."""
    back = WEEK - 1 if by_hour else DAYS_SHOWN - 1
    return _midnight(now.astimezone(ZoneInfo(zone)).date() - timedelta(days=back), zone)


def shown_until(*, zone: str, by_hour: bool, now: datetime) -> datetime:
    """Return the instant at which a map ends: with today by the hour, else with this week."""
    today = now.astimezone(ZoneInfo(zone)).date()
    last = today if by_hour else today + timedelta(days=WEEK - 1 - today.weekday())
    return _midnight(last + timedelta(days=1), zone)


def kind_of(mark: Mark, *, coming: datetime | None, now: datetime) -> str:
    """Say how a slot stands; ``coming`` is the next one that is owed."""
    if mark.slot == "owed":
        return ("next" if mark.at == coming else "coming") if mark.at > now else "late"
    if mark.slot == "skipped" or mark.run_state in {None, RunState.CANCELLED}:
        return "skipped"
    if mark.run_state in {RunState.QUEUED, RunState.RUNNING}:
        return "moving"
    if mark.run_state != RunState.SUCCEEDED:
        return "failed"
    if mark.had_trouble:
        return "trouble"
    return "caught_up" if mark.slot == "caught_up" else "ran"


def slot_map(marks: Sequence[Mark], *, zone: str, by_hour: bool, now: datetime) -> SlotMap:
    """Draw the map of these slots."""
    coming = min((mark.at for mark in marks if mark.slot == "owed" and mark.at > now), default=None)
    placed: dict[tuple[date, int], list[tuple[str, Mark]]] = defaultdict(list)
    for mark in sorted(marks, key=lambda one: one.at):
        local = mark.at.astimezone(ZoneInfo(zone))
        place = (local.date(), local.hour if by_hour else 0)
        placed[place].append((kind_of(mark, coming=coming, now=now), mark))
    first = shown_from(zone=zone, by_hour=by_hour, now=now).astimezone(ZoneInfo(zone)).date()
    last = shown_until(zone=zone, by_hour=by_hour, now=now).astimezone(ZoneInfo(zone)).date()
    days = [first + timedelta(days=number) for number in range((last - first).days)]
    if by_hour:
        heads = [f"{hour:02}" for hour in range(HOURS)]
        rows = [
            Row(
                f"{day:%a %d %b}",
                [
                    _cell(
                        placed.get((day, hour), []), f"{day:%a %d %b}, {hour:02}:00 to {hour:02}:59", "", zone
                    )
                    for hour in range(HOURS)
                ],
            )
            for day in days
        ]
    else:
        heads = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        rows = _weeks(days, placed, zone)
    seen = {kind for found in placed.values() for kind, _ in found}
    legend = [kind for kind in KINDS if kind.name in seen or kind.name in ALWAYS_EXPLAINED]
    return SlotMap(by_hour, zone, heads, rows, sorted(legend, key=lambda kind: kind.name != "ran"))


def _weeks(
    days: Sequence[date], placed: dict[tuple[date, int], list[tuple[str, Mark]]], zone: str
) -> list[Row]:
    rows: list[list[Cell | None]] = []
    labels: list[str] = []
    for day in days:
        if not rows or day.weekday() == 0:
            rows.append([None] * WEEK)
            labels.append(f"{day:%d %b}")
        rows[-1][day.weekday()] = _cell(placed.get((day, 0), []), f"{day:%a %d %b}", str(day.day), zone)
    return [Row(label, cells) for label, cells in zip(labels, rows, strict=True)]


def _cell(found: Sequence[tuple[str, Mark]], when: str, label: str, zone: str) -> Cell:
    if not found:
        return Cell(label, None, f"{when}: nothing owed")
    name, mark = min(found, key=lambda one: RANK[one[0]])
    if len(found) == 1:
        said = f"{mark.at.astimezone(ZoneInfo(zone)):%a %d %b, %H:%M}: {_told(name, mark)}"
    else:
        counted = [(kind.title, sum(1 for one, _ in found if one == kind.name)) for kind in KINDS]
        said = f"{when}: {len(found)} slots, " + ", ".join(
            f"{count} {title}" for title, count in counted if count
        )
    return Cell(label, BY_NAME[name], said, mark.run_id)


def _told(name: str, mark: Mark) -> str:
    title = BY_NAME[name].title
    if name == "skipped" and mark.run_state == RunState.CANCELLED:
        return "cancelled by a person"
    return f"skipped, {mark.reason}" if name == "skipped" and mark.reason else title


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)

"""Gathers what the pages show of jobs and runs, beyond what every door shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy.orm import Session

from recoup.core.errors import Invalid
from recoup.core.parts import Job, Missed
from recoup.office.jobs import queries, queries_pages
from recoup.office.jobs.models import JobRow, Run, RunLine, RunState, Schedule, Slot
from recoup.office.jobs.rules import calendar, comparison, events, schedules, words
from recoup.office.journal import queries as journal
from recoup.office.journal.models import Event

NEXT_SLOTS = 5
RECENT_RUNS = 10
EVENTS_SHOWN = 20
LINES_SHOWN = 500
LINES_COMPARED = 5_000
MOST_MARKS = 12_000
"""A week of minutes, with room."""
ACTIVE = frozenset({RunState.QUEUED, RunState.RUNNING})


@dataclass(frozen=True, slots=True)
class Planned:
    """A schedule as a person reads it; ``problem`` says why it cannot be read."""

    cron: str
    zone: str
    missed: Missed
    words: str
    coming: Sequence[datetime]
    problem: str = ""

    @property
    def explained(self) -> str:
        """What happens to slots that were missed."""
        return words.MISSED[self.missed]


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job in the list of jobs."""

    job: Job
    paused: bool
    is_set_up: bool
    planned: Planned | None
    last: Run | None


@dataclass(frozen=True, slots=True)
class JobView:
    """A job's own page."""

    line: JobLine
    row: JobRow | None
    map: calendar.SlotMap | None
    recent: Sequence[Run]


@dataclass(frozen=True, slots=True)
class Log:
    """A part of a run's log, and whether there is more before it."""

    lines: Sequence[RunLine]
    has_earlier: bool

    @property
    def first(self) -> str:
        """The place before which earlier lines stand."""
        return place_of(self.lines[0]) if self.lines else ""

    @property
    def last(self) -> str:
        """The place after which the log goes on."""
        return place_of(self.lines[-1]) if self.lines else "0-0"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a run, as far as its lines tell."""

    number: int
    began: datetime
    ended: datetime
    lines: int

    @property
    def length(self) -> timedelta:
        """From its first line to its last."""
        return self.ended - self.began


@dataclass(frozen=True, slots=True)
class Compared:
    """Two runs of one job, the later one second."""

    before: Run
    after: Run
    counts: Sequence[comparison.Counted]
    parameters: Sequence[comparison.Asked]
    gone: comparison.OnlyIn
    new: comparison.OnlyIn
    is_cut: bool


def planned(cron: str, zone: str, missed: Missed, *, now: datetime) -> Planned:
    """Read a schedule as a person does; one that cannot be read says why."""
    try:
        text = words.in_words(cron, zone)
        coming = list(islice(schedules.slots(cron, zone, after=now), NEXT_SLOTS))
    except Invalid as error:
        return Planned(cron, zone, missed, f"{cron} {zone}", [], error.sentence())
    return Planned(cron, zone, missed, words.sentence(text), coming)


def jobs_listed(db: Session, jobs: Mapping[str, Job], *, now: datetime) -> list[JobLine]:
    """Return every job with its schedule and its last run."""
    rows = {row.name: row for row in queries.jobs(db)}
    plans: dict[str, Schedule] = {}
    for schedule in queries.schedules(db):
        plans.setdefault(schedule.job, schedule)
    last: dict[str, Run] = {}
    for run in queries_pages.latest_by_kind(db):
        last.setdefault(run.job, run)
    return [
        _line(job, rows.get(job.name), plans.get(job.name), last.get(job.name), now=now)
        for job in sorted(jobs.values(), key=lambda job: job.name)
    ]


def job_viewed(db: Session, job: Job, *, now: datetime) -> JobView:
    """Return a job with the map of its slots and its recent runs."""
    row = queries.job(db, job.name)
    schedule = next(iter(queries.schedules(db, job_name=job.name)), None)
    recent = queries.runs(db, job_name=job.name, limit=RECENT_RUNS)
    line = _line(job, row, schedule, recent[0] if recent else None, now=now)
    drawn = None
    if schedule is not None and line.planned is not None and not line.planned.problem:
        drawn = _map(db, schedule, paused=line.paused, now=now)
    return JobView(line, row, drawn, recent)


def _line(
    job: Job, row: JobRow | None, schedule: Schedule | None, last: Run | None, *, now: datetime
) -> JobLine:
    plan = None
    if schedule is not None:
        plan = planned(schedule.cron, schedule.zone, Missed(schedule.missed), now=now)
    return JobLine(job, row is not None and row.paused, row is not None, plan, last)


def _map(db: Session, schedule: Schedule, *, paused: bool, now: datetime) -> calendar.SlotMap:
    by_hour = schedules.is_dense(schedule.cron, schedule.zone, now=now)
    since = calendar.shown_from(zone=schedule.zone, by_hour=by_hour, now=now)
    until = calendar.shown_until(zone=schedule.zone, by_hour=by_hour, now=now)
    marks = [_mark(slot, run) for slot, run in queries.slots_since(db, job_name=schedule.job, since=since)]
    if not paused:
        start = max(schedule.watermark, since - timedelta(microseconds=1))
        for at in islice(schedules.slots(schedule.cron, schedule.zone, after=start), MOST_MARKS):
            if at >= until:
                break
            marks.append(calendar.Mark(at))
    return calendar.slot_map(marks, zone=schedule.zone, by_hour=by_hour, now=now)


def _mark(slot: Slot, run: Run | None) -> calendar.Mark:
    if run is None:
        return calendar.Mark(slot.at, slot.state, slot.reason)
    trouble = run.needs_person or run.looked_after_at is not None
    return calendar.Mark(slot.at, slot.state, slot.reason, run.id, run.state, had_trouble=trouble)


def history_of(db: Session, subject: str) -> list[tuple[str, Event]]:
    """Return the latest lines of the journal about one job or run, each with how it reads."""
    found = journal.timeline(db, subject=subject, limit=EVENTS_SHOWN)
    return [(events.told(event.kind, event.detail), event) for event in found if event.subject == subject]


# ---------------------------------------------------------------- runs


def place_of(line: RunLine) -> str:
    """Write where a line stands in its run's log."""
    return f"{line.attempt}-{line.number}"


def place(text: str) -> tuple[int, int]:
    """Read where a line stands; the caller has checked its form."""
    attempt, number = text.split("-")
    return int(attempt), int(number)


def log_of(db: Session, run: Run, *, before: tuple[int, int] | None = None) -> Log:
    """Return the end of a run's log, or what stands before a line."""
    lines = queries.last_lines(db, run.id, before=before, limit=LINES_SHOWN + 1)
    return Log(lines[-LINES_SHOWN:], len(lines) > LINES_SHOWN)


def attempts_of(db: Session, run: Run) -> list[Attempt]:
    """Return the tries of a run."""
    return [Attempt(*found) for found in queries.attempts(db, run.id)]


def compared(db: Session, before: Run, after: Run) -> Compared:
    """Compare two runs of a job: the first lines of both, what they counted and what they were asked."""
    old, new = (
        [line.text for line in queries.lines(db, run.id, limit=LINES_COMPARED)] for run in (before, after)
    )
    return Compared(
        before,
        after,
        comparison.counts(before.counts, after.counts),
        comparison.parameters(before.params, after.params),
        gone=comparison.only_in(old, new),
        new=comparison.only_in(new, old),
        is_cut=LINES_COMPARED in {len(old), len(new)},
    )

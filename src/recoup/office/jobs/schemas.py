"""Jobs, runs and their lines as they are shown, and what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from pydantic import Field

from recoup.core.parts import Job, Missed
from recoup.office.jobs.models import JobRow, Run, Schedule
from recoup.office.jobs.rules import schedules as rules
from recoup.web.wire import Asked, Instant, Parameters, Shown, Word

NEXT_SLOTS = 5


class ScheduleShown(Shown):
    """When a job is owed."""

    cron: str
    zone: str
    missed: Missed = Field(description="What happens to slots that passed while nothing ran.")
    enabled: bool
    params: dict[str, Any]
    next: list[Instant] = Field(description="The next five slots, while the job is not paused.")

    @classmethod
    def of(cls, row: Schedule, *, now: datetime) -> ScheduleShown:
        """Show a schedule with the slots that come after ``now``."""
        coming = islice(rules.slots(row.cron, row.zone, after=now), NEXT_SLOTS)
        return cls(
            cron=row.cron,
            zone=row.zone,
            missed=Missed(row.missed),
            enabled=row.enabled,
            params=row.params,
            next=list(coming),
        )


class RunShown(Shown):
    """One execution of a job."""

    id: UUID
    job: str
    params: dict[str, Any]
    state: str
    trigger: str
    actor: str
    slot: Instant | None
    attempt: int
    worker: str | None
    not_before: Instant
    cancel_requested: bool
    queued_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    done: int
    total: int | None
    label: str
    counts: dict[str, int]
    summary: str
    needs_person: bool


class ArtifactShown(Shown):
    """A file that a run left behind; ``link`` downloads it for an hour, where the caller may open it."""

    name: str
    file_id: UUID
    size: int
    sha256: str
    link: str | None


class RunInFull(RunShown):
    """A run with what it left behind."""

    artifacts: list[ArtifactShown]


class LineShown(Shown):
    """A line of a run's log."""

    attempt: int
    number: int
    at: Instant
    level: str
    text: str


class JobShown(Shown):
    """What can run, when it does, who is told, and how it went last."""

    name: str
    title: str
    help: str
    paused: bool
    notify_success: list[str]
    notify_failure: list[str]
    schedules: list[ScheduleShown]
    params: dict[str, Any] = Field(description="Its parameters, as JSON Schema.")
    last_run: RunShown | None

    @classmethod
    def of(
        cls,
        job: Job,
        row: JobRow | None,
        schedules: Sequence[Schedule],
        last: Sequence[Run],
        *,
        now: datetime,
    ) -> JobShown:
        """Show a job with what a person changed about it."""
        return cls(
            name=job.name,
            title=job.title,
            help=job.help,
            paused=row is not None and row.paused,
            notify_success=list(map(str, row.notify_success)) if row else [],
            notify_failure=list(map(str, row.notify_failure)) if row else [],
            schedules=[ScheduleShown.of(one, now=now) for one in schedules],
            params=job.params.model_json_schema(),
            last_run=RunShown.model_validate(last[0]) if last else None,
        )


class RunAsked(Asked):
    """A run that somebody wants."""

    params: Parameters = Field(default_factory=dict)


class ScheduleAsked(Asked):
    """Another schedule for a job, from now on."""

    cron: Word = Field(description="Five fields, such as `10 * * * *` for ten past each hour.")
    zone: Word = Field(default="UTC", description="The time zone that the fields are read in.")
    missed: Missed = Missed.LATEST


class NotifyAsked(Asked):
    """Who gets a mail when a run succeeds, and who when it fails or needs a person."""

    success: list[Word] = Field(default_factory=list, max_length=50)
    failure: list[Word] = Field(default_factory=list, max_length=50)

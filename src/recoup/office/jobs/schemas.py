"""Jobs, runs and their lines as they are shown, and what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from recoup.core.errors import Invalid
from recoup.core.parts import Job, Missed
from recoup.office.jobs.models import JobRow, Run, Schedule
from recoup.office.jobs.rules import schedules as rules
from recoup.office.messages import rules as messages
from recoup.web.wire import Asked, Instant, Note, Parameters, Shown, Word

NEXT_SLOTS = 5
MOST_TOLD = 50


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
    looked_after_at: Instant | None
    looked_after_by: str | None


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


class LookedAfter(Asked):
    """Word that somebody looked after a run, and what they found."""

    note: Note = ""


# ---------------------------------------------------------------- forms of the pages


def _address(text: str) -> str:
    try:
        return messages.address(text).addr_spec
    except Invalid as error:
        raise ValueError(error.sentence()) from None


def _day(text: str) -> str:
    if text != "last" and text not in map(str, range(1, 32)):
        raise ValueError("A month has the days 1 to 31, and a last one.")
    return text


class ScheduleForm(BaseModel):
    """When a job is owed, as the form asks for it: once a month, or by cron fields."""

    how: Literal["monthly", "cron"] = Field(default="monthly", title="How often")
    day: Annotated[str, AfterValidator(_day)] = Field(
        default="10", title="Day of the month", description="A shorter month runs on its last day."
    )
    hour: int = Field(default=2, ge=0, le=23, title="Hour", description="0 to 23.")
    minute: int = Field(default=0, ge=0, le=59, title="Minute", description="0 to 59.")
    cron: Word = Field(
        default="10 * * * *",
        title="Cron fields",
        description="Minute, hour, day of the month, month, day of the week. 10 * * * * is ten past every hour.",
    )
    zone: Word = Field(
        default="UTC",
        title="Time zone",
        description="A time that a clock change skips runs at its end, one that it repeats runs once.",
    )
    missed: Missed = Field(default=Missed.LATEST, title="Missed slots")

    @property
    def fields(self) -> str:
        """The cron fields that were asked for, either way."""
        if self.how == "cron":
            return " ".join(self.cron.split())
        day = None if self.day == "last" else int(self.day)
        return rules.monthly(day=day, hour=self.hour, minute=self.minute)


class NotifyForm(BaseModel):
    """Who is told, one address a line."""

    success: list[Annotated[str, AfterValidator(_address)]] = Field(
        default_factory=list,
        max_length=MOST_TOLD,
        title="When a run succeeds",
        description="One address on each line. They get a mail for every run that went well.",
    )
    failure: list[Annotated[str, AfterValidator(_address)]] = Field(
        default_factory=list,
        max_length=MOST_TOLD,
        title="When a run fails or needs a person",
        description="One address on each line. They get one mail a day until a run goes well again.",
    )

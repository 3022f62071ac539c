"""Tables of jobs: what a person changed about a job, its schedules, their slots, and the runs."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from recoup.core.db import Base


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PARKED = "parked"


STATES = ", ".join(f"'{state}'" for state in RunState)


class JobRow(Base):
    """What a person may change about a job; the job itself is code."""

    __tablename__ = "jobs"

    name: Mapped[str] = mapped_column(primary_key=True)
    paused: Mapped[bool]
    notify_success: Mapped[list[Any]]
    notify_failure: Mapped[list[Any]]


class Schedule(Base):
    """When a job is owed: cron fields in a time zone. Slots up to ``watermark`` have been written."""

    __tablename__ = "schedules"
    __table_args__ = (CheckConstraint("missed in ('all', 'latest', 'skip')", name="missed"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    job: Mapped[str] = mapped_column(ForeignKey("jobs.name"), index=True)
    cron: Mapped[str]
    zone: Mapped[str]
    missed: Mapped[str]
    params: Mapped[dict[str, Any]]
    enabled: Mapped[bool]
    watermark: Mapped[datetime]


class Run(Base):
    """One execution of a job. ``attempt`` is the fence: whoever writes must name it."""

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint(f"state in ({STATES})", name="state"),
        CheckConstraint("(state = 'running') = (lease_until is not null)", name="lease"),
        Index("ix_runs_moving", "state", postgresql_where="state in ('queued', 'running')"),
        Index("ix_runs_job_id", "job", "id"),
        Index("ix_runs_queued_at_id", "queued_at", "id"),
        Index("ix_runs_kinds", "job", "state", "trigger", "needs_person", "queued_at", "id"),
        Index("ix_runs_ended_badly", "finished_at", postgresql_where="state in ('failed', 'parked')"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    job: Mapped[str]
    params: Mapped[dict[str, Any]]
    state: Mapped[str]
    trigger: Mapped[str]
    actor: Mapped[str]
    slot: Mapped[datetime | None]
    attempt: Mapped[int]
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    alone: Mapped[bool] = mapped_column(server_default=false())
    """Whether its worker runs nothing else beside it: the last try of what took its workers with it."""
    not_before: Mapped[datetime]
    cancel_requested: Mapped[bool]
    queued_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    done: Mapped[int]
    total: Mapped[int | None]
    label: Mapped[str]
    counts: Mapped[dict[str, Any]]
    summary: Mapped[str]
    needs_person: Mapped[bool]
    """Whether somebody has to look after it still."""
    looked_after_at: Mapped[datetime | None]
    looked_after_by: Mapped[str | None]


class Slot(Base):
    """A moment at which a scheduled run was owed, and what became of it."""

    __tablename__ = "slots"
    __table_args__ = (CheckConstraint("state in ('run', 'caught_up', 'skipped')", name="state"),)

    schedule_id: Mapped[UUID] = mapped_column(
        ForeignKey("schedules.id", ondelete="CASCADE"), primary_key=True
    )
    at: Mapped[datetime] = mapped_column(primary_key=True)
    state: Mapped[str]
    reason: Mapped[str]
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("runs.id"))
    written_at: Mapped[datetime]


class RunLine(Base):
    """A line of a run's live log."""

    __tablename__ = "run_lines"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    level: Mapped[str]
    text: Mapped[str]


class RunArtifact(Base):
    """A file that a run left behind."""

    __tablename__ = "run_artifacts"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    file_id: Mapped[UUID] = mapped_column(ForeignKey("files.id"))

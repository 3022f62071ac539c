"""A house with jobs of its own, and its portal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel, ConfigDict, Field

from recoup.core.ids import new_id
from recoup.core.parts import DefaultSchedule, Job, Outcome, RunningRun
from recoup.core.system import System
from recoup.office.jobs import service
from recoup.office.jobs.models import Run, RunLine
from support.desk import desk
from support.house import MovableClock, ScriptedChannel, opened
from support.postgres import Database
from support.runs import AddLines, AddRun


class LoadParams(BaseModel):
    model_config = ConfigDict(extra="forbid")

    layout: str = Field(default="narrow", description="which layout the file has")
    most_rows: int | None = Field(default=500, ge=1, le=1_000)
    dry_run: bool = Field(default=True, title="Dry run", description="Nothing is kept.")


class AskParams(BaseModel):
    model_config = ConfigDict(extra="forbid")

    who: str


class NoParams(BaseModel):
    model_config = ConfigDict(extra="forbid")


def done(_run: RunningRun, _params: BaseModel) -> Outcome:
    return Outcome("Loaded 12 rows.")


JOBS = (
    Job("test.load", "Load <b>files</b>", "Reads files.", LoadParams, done, DefaultSchedule("10 * * * *")),
    Job("test.daily", "Daily tidy", "Tidies.", NoParams, done, DefaultSchedule("40 3 * * *")),
    Job("test.quiet", "By hand only", "Does nothing by itself.", NoParams, done),
    Job("test.ask", "Asks who", "Needs a name.", AskParams, done),
    Job("test.made", "Made elsewhere", "A page starts it.", NoParams, done, by_hand=False),
)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 3, 5, 12, 0, tzinfo=UTC))


@pytest.fixture
def system(database: Database, tmp_path: Path, clock: MovableClock) -> Iterator[System]:
    channels = {"mail": ScriptedChannel("mail", dedupes=False)}
    with opened(database, tmp_path, clock=clock, channels=channels) as composed:
        jobs = {job.name: job for job in JOBS}
        made = replace(composed, parts=replace(composed.parts, jobs=jobs))
        with made.sessions.begin() as db:
            service.set_up(db, jobs, now=clock())
        yield made


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with desk(system) as served:
        served.headers["Sec-Fetch-Site"] = "same-origin"  # a browser says so, and the portal sets cookies
        yield served


@pytest.fixture
def add_run(system: System) -> AddRun:
    """Put a run into the table, as if it had been executed."""

    def add(job: str = "test.load", **given: Any) -> Run:
        at = given.pop("at", system.clock())
        state = given.get("state", "succeeded")
        is_over = state not in {"queued", "running"}
        values: dict[str, Any] = {
            "id": new_id(),
            "job": job,
            "params": {},
            "state": state,
            "trigger": "schedule",
            "actor": "schedule",
            "slot": None,
            "attempt": 1,
            "worker": "worker-1",
            "lease_until": at + timedelta(days=1) if state == "running" else None,
            "not_before": at,
            "cancel_requested": False,
            "queued_at": at,
            "started_at": None if state == "queued" else at,
            "finished_at": at + timedelta(seconds=20) if is_over else None,
            "done": 0,
            "total": None,
            "label": "",
            "counts": {},
            "summary": "",
            "needs_person": False,
        }
        run = Run(**{**values, **given})
        with system.sessions.begin() as db:
            db.add(run)
        return run

    return add


@pytest.fixture
def add_lines(system: System) -> AddLines:
    """Write lines into a run's log."""

    def add(run: Run, *texts: str, first: int = 1, attempt: int = 1, level: str = "info") -> None:
        with system.sessions.begin() as db:
            for number, text in enumerate(texts, first):
                db.add(
                    RunLine(
                        run_id=run.id,
                        attempt=attempt,
                        number=number,
                        at=system.clock(),
                        level=level,
                        text=text,
                    )
                )

    return add

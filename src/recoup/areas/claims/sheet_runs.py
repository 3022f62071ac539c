"""Large sheets of policies, for the page: the runs that look at one and that apply it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.claims.jobs.bringing_in import LARGE, REJECTED, SEEN, SHEETS, SheetParams, plan_of
from recoup.areas.claims.queries import import_rows
from recoup.areas.claims.service.policies import Plan
from recoup.core.errors import Conflict
from recoup.core.ports import BlobStore
from recoup.office.files import queries as file_rows
from recoup.office.files import service as files
from recoup.office.files.models import File
from recoup.office.jobs import queries as runs
from recoup.office.jobs import service as jobs
from recoup.office.jobs.models import Run, RunState

TRIGGER = "import"
ACTIVE = frozenset({RunState.QUEUED, RunState.RUNNING})


@dataclass(frozen=True, slots=True)
class Look:
    """The last look at a sheet: its run, what it saw once it is over, and the file of lines that are not taken."""

    run: Run
    plan: Plan | None
    rejected: UUID | None

    @property
    def is_active(self) -> bool:
        """Whether it goes on."""
        return self.run.state in ACTIVE


def is_large(size: int) -> bool:
    """Say whether a run does a sheet of so many bytes."""
    return size >= LARGE


def look(db: Session, file: File, *, actor: str, now: datetime) -> Run:
    """Queue a look at a sheet; one that goes on is not doubled."""
    last = import_rows.last_run(db, SHEETS.name, file.id, applies=False)
    if last is not None and last.state in ACTIVE:
        return last
    return _start(db, SheetParams(file=file.id), actor=actor, now=now)


def apply(db: Session, file: File, seen: str, *, actor: str, now: datetime) -> Run:
    """Queue what somebody saw; pressing again leads to the run that does it."""
    last = import_rows.last_run(db, SHEETS.name, file.id, applies=True)
    if last is not None and last.state in ACTIVE:
        return last
    return _start(db, SheetParams(file=file.id, seen=seen), actor=actor, now=now)


def looked(db: Session, store: BlobStore, file: File) -> Look | None:
    """Return the last look at a sheet; None where nobody began one."""
    run = import_rows.last_run(db, SHEETS.name, file.id, applies=False)
    if run is None:
        return None
    kept = {one.name: one.file_id for one in runs.artifacts(db, run.id)}
    if run.state != RunState.SUCCEEDED or SEEN not in kept:
        return Look(run, None, None)
    (stored,) = file_rows.by_ids(db, [kept[SEEN]])
    with files.open_file(store, stored) as body:
        return Look(run, plan_of.decode(body.read()), kept.get(REJECTED))


def stop(db: Session, file: File, *, actor: str, now: datetime) -> None:
    """Stop looking at a sheet that somebody gives up; raise Conflict while it is being applied."""
    applies = import_rows.last_run(db, SHEETS.name, file.id, applies=True)
    if applies is not None and applies.state in ACTIVE:
        raise Conflict("The policies are being written.", fix="Cancel the run first, or wait for its end.")
    last = import_rows.last_run(db, SHEETS.name, file.id, applies=False)
    if last is not None and last.state in ACTIVE:
        jobs.cancel(db, last.id, actor=actor, now=now)


def applying(db: Session, file: File) -> Run | None:
    """Return the run that applies a sheet, while it goes on or where it ended badly."""
    run = import_rows.last_run(db, SHEETS.name, file.id, applies=True)
    return run if run is not None and run.state != RunState.SUCCEEDED else None


def _start(db: Session, params: SheetParams, *, actor: str, now: datetime) -> Run:
    return jobs.start(db, SHEETS, params.model_dump(mode="json"), trigger=TRIGGER, actor=actor, now=now)

"""Gathers what both doors show of a job and of a run."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from recoup.core.parts import Job
from recoup.core.system import Caller, System
from recoup.office.files import service as files
from recoup.office.jobs import queries
from recoup.office.jobs.models import Run
from recoup.office.jobs.schemas import ArtifactShown, JobShown, RunInFull, RunShown

LINK_LIVES = timedelta(hours=1)


def job_in_full(db: Session, job: Job, *, now: datetime) -> JobShown:
    """Return a job with what a person changed about it, its schedules and its last run."""
    row, schedules = queries.job(db, job.name), queries.schedules(db, job_name=job.name)
    last = queries.runs(db, job_name=job.name, limit=1)
    return JobShown.of(job, row, schedules, last, now=now)


def run_in_full(db: Session, system: System, run: Run, *, me: Caller | None, now: datetime) -> RunInFull:
    """Return a run with links to what it left behind, as far as ``me`` may open it (None: a command, anything)."""
    artifacts = []
    for one in queries.artifacts(db, run.id):
        file = files.get(db, one.file_id)
        link = None
        if me is None or not file.may or me.may(file.may):
            secret = files.signing_secret(system.home)
            link = files.link(system.ports.files, secret, file, expires_in=LINK_LIVES, now=now)
        artifacts.append(
            ArtifactShown(name=one.name, file_id=file.id, size=file.size, sha256=file.sha256, link=link)
        )
    return RunInFull(**RunShown.model_validate(run).model_dump(), artifacts=artifacts)

"""The job that shows held documents to the virus scanner, until it answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from recoup.areas.claims.queries import document_rows
from recoup.areas.claims.service import scanning
from recoup.areas.claims.service.moves import House
from recoup.core.errors import Unavailable
from recoup.core.parts import Job, Outcome, RunningRun
from recoup.core.ports import Scanner
from recoup.office.files import queries as file_rows
from recoup.office.files import service as files
from recoup.office.jobs import queries as runs
from recoup.office.jobs import service as jobs

BETWEEN = timedelta(minutes=5)
"""At least so long a scanner that does not answer is left alone."""


class ScanParams(BaseModel):
    """Scanning takes no parameters."""

    model_config = ConfigDict(extra="forbid")


def run_scan(run: RunningRun, _params: ScanParams) -> Outcome:
    """Release what is clean, withdraw what is not, and tell its claimant."""
    system, scanner = run.system, run.system.ports.scanner
    with system.sessions.begin() as db:
        held = [(one.id, one.file_id) for one in document_rows.held(db)]
    if not held:
        return Outcome("No document is held.")
    if scanner is None:
        return Outcome(
            f"{len(held)} documents are held for a virus scanner, and none is set up: set claims.clamd.",
            needs_person=True,
        )
    for done, (document_id, file_id) in enumerate(held):
        run.checkpoint()
        run.progress(done, len(held), "documents")
        if file_id is None:
            continue
        try:
            virus = _scanned(run, scanner, file_id)
        except Unavailable as error:
            run.count("still held", len(held) - done)
            return Outcome(f"{error.detail} {len(held) - done} documents stay held.", needs_person=True)
        house = House.of(system.settings)
        with run.transaction() as db:
            scanning.scanned(db, document_id, virus=virus, house_=house, now=system.clock())
        run.count("infected" if virus else "released")
    return Outcome(f"{len(held)} documents were looked at.")


def _scanned(run: RunningRun, scanner: Scanner, file_id: UUID) -> str | None:
    with run.system.sessions.begin() as db:
        (file,) = file_rows.by_ids(db, [file_id])
    with files.open_file(run.system.ports.files, file) as body:
        return scanner.scan(body)


SCAN = Job(
    name="claims.scan",
    title="Documents: virus scanner",
    help="Show documents that are held to the virus scanner: release what is clean, withdraw what is not. It starts by "
    "itself while any is held.",
    params=ScanParams,
    run=run_scan,
)


def sweep(db: Session, now: datetime) -> None:
    """Start the job where a document is held, at most every few minutes; none is owed while there is nothing to do."""
    if not document_rows.held(db, limit=1):
        return
    newest = next(iter(runs.runs(db, job_name=SCAN.name, limit=1)), None)
    if newest is None or (newest.finished_at is not None and newest.finished_at <= now - BETWEEN):
        jobs.start(db, SCAN, {}, trigger="schedule", actor="claims", now=now)

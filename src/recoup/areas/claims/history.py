"""Past claims on their way in, for every door: the file is kept, a run looks at it, and another one loads it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import BinaryIO
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.claims import importing
from recoup.areas.claims.jobs.past import HISTORY, MAY, PREVIEW, LayoutName, PastParams, Seen
from recoup.areas.claims.queries import past_rows
from recoup.core.errors import Conflict, Invalid, NotFound
from recoup.core.ports import BlobStore
from recoup.office.files import queries as file_rows
from recoup.office.files import service as files
from recoup.office.files.models import File
from recoup.office.jobs import queries as runs
from recoup.office.jobs import service as jobs
from recoup.office.jobs.models import Run, RunState
from recoup.web.uploads import Bounds

FIELD = "file"
LARGEST = 100_000_000
"""Bytes of a file that comes through a browser or a request; the command takes any."""
BOUNDS = Bounds(files=1, bytes_each=LARGEST, file_fields=frozenset({FIELD}))
KEPT = "claims/history/file"
"""What the file of past claims belongs to."""
LIVES = timedelta(days=1)
TRIGGER = "import"


def keep(db: Session, store: BlobStore, *, body: BinaryIO, name: str, actor: str, now: datetime) -> File:
    """Keep a file where whoever runs the job finds it."""
    return files.keep(
        db,
        store,
        name=name,
        body=body,
        media_type=importing.CSV,
        subject=KEPT,
        actor=actor,
        now=now,
        may=MAY,
    )


def start(db: Session, file_id: UUID, layout: LayoutName, *, dry_run: bool, actor: str, now: datetime) -> Run:
    """Queue the run that loads a kept file, or says what it would load."""
    params = PastParams(file=file_id, layout=layout, dry_run=dry_run)
    return jobs.start(db, HISTORY, params.model_dump(mode="json"), trigger=TRIGGER, actor=actor, now=now)


def looked(db: Session, run_id: UUID) -> tuple[Run, PastParams]:
    """Return a run that looked at a file, with what it was asked; raise NotFound where there is none."""
    run = runs.run(db, run_id)
    params = PastParams.model_validate(run.params) if run is not None and run.job == HISTORY.name else None
    if run is None or params is None or not params.dry_run:
        raise NotFound("There is no such preview.", fix="Choose the file again.")
    return run, params


def seen(db: Session, store: BlobStore, run: Run) -> Seen | None:
    """Return what a run wrote down of the file that it looked at; None while it has not."""
    for one in runs.artifacts(db, run.id):
        if one.name == PREVIEW:
            (file,) = file_rows.by_ids(db, [one.file_id])
            with files.open_file(store, file) as body:
                return Seen.model_validate_json(body.read())
    return None


def name_of(db: Session, file_id: UUID) -> str:
    """Return what the file was called that somebody looked at."""
    file = file_rows.by_id(db, file_id)
    return file.name if file is not None else ""


def stands(db: Session, file_id: UUID) -> bool:
    """Say whether a file that was looked at can still be loaded: nobody did, and it was not given up."""
    return file_rows.withdrawn(db, file_id) is None and not past_rows.is_loaded(db, file_id)


def load(db: Session, run_id: UUID, *, actor: str, now: datetime) -> Run:
    """Queue the load of a file that was looked at. Raise Conflict where it cannot be loaded, or is already."""
    run, params = looked(db, run_id)
    file = _standing(db, params.file)
    if run.state != RunState.SUCCEEDED:
        raise Conflict("This file cannot be loaded as it is.", fix="Look at what is wrong with it.")
    if past_rows.is_loaded(db, file.id):
        raise Conflict("This file is loaded already, or is being loaded.", fix="See the runs of Past claims.")
    return start(db, file.id, params.layout, dry_run=False, actor=actor, now=now)


def leave(db: Session, run_id: UUID, *, actor: str, now: datetime) -> None:
    """Give a file up that nobody loads: it is withdrawn, and the run that looks at it is asked to stop."""
    run, params = looked(db, run_id)
    if past_rows.is_loaded(db, params.file):
        raise Conflict("This file is loaded already, or is being loaded.", fix="See the runs of Past claims.")
    if run.state in {RunState.QUEUED, RunState.RUNNING}:
        jobs.cancel(db, run.id, actor=actor, now=now)
    give_up(db, _standing(db, params.file), actor=actor, now=now)


def give_up(db: Session, file: File, *, actor: str, now: datetime) -> None:
    """Withdraw a file of past claims of which nothing was loaded: it holds people's names."""
    files.withdraw(db, file, reason="Nothing was loaded from it.", actor=actor, now=now)


def sweep(db: Session, now: datetime) -> None:
    """Withdraw files that somebody looked at a day ago and that nobody loaded since."""
    for file in past_rows.unloaded_files(db, KEPT, before=now - LIVES):
        give_up(db, file, actor="claims", now=now)


def layout_of(text: str) -> LayoutName:
    """Return the layout that a form names; raise Invalid for another."""
    if text == "nfip":
        return "nfip"
    if text == "recoup":
        return "recoup"
    raise Invalid(f"{text[:40]!r} is no layout.", fix="Give nfip or recoup.")


def _standing(db: Session, file_id: UUID) -> File:
    file = file_rows.by_id(db, file_id)
    if file is None or file.subject != KEPT or file_rows.withdrawn(db, file.id) is not None:
        raise NotFound("This preview is over.", fix="Choose the file again.")
    return file

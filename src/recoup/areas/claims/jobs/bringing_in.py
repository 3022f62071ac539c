"""Large sheets of policies, looked at and applied as runs that say how far they are; small ones are done at once."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, cast
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from recoup.areas.claims import importing
from recoup.areas.claims.rules.policies import Rejected
from recoup.areas.claims.service import policies
from recoup.areas.claims.service.policies import Plan
from recoup.areas.claims.sheets import reading
from recoup.areas.claims.sheets.reading import Reading
from recoup.core.parts import Job, Outcome, RunningRun
from recoup.core.system import System
from recoup.office.desk.rules import defused
from recoup.office.files import queries as file_rows
from recoup.office.files import service as files
from recoup.office.files.models import File

LARGE = 1 << 20
"""Bytes of a sheet from which on a run does it: some 10,000 lines of CSV, which take about a second."""
SEEN, REJECTED = "preview.json", "rejected.csv"
STEPS = 3
APPLIED = "It was applied, and kept with the import."
"""Why the file of a preview is withdrawn that was applied."""
plan_of: msgspec.json.Decoder[Plan] = msgspec.json.Decoder(Plan)


class SheetParams(BaseModel):
    """Parameters of the job."""

    model_config = ConfigDict(extra="forbid")

    file: UUID = Field(description="the stored sheet")
    seen: str | None = Field(default=None, description="what somebody saw; not set: only look")


def run_job(run: RunningRun, params: SheetParams) -> Outcome:
    """Look at a sheet as the job ``claims.policies``, or do what somebody saw; all of it or nothing."""
    with run.system.sessions.begin() as db:
        file, withdrawn = files.get(db, params.file), file_rows.withdrawn(db, params.file)
    if withdrawn is not None:
        return Outcome(
            "The sheet was applied before." if withdrawn.reason == APPLIED else "The sheet was given up."
        )
    run.progress(0, STEPS, "Reading the sheet")
    with importing.stored(run.system, file) as body, _read(run, body, file) as read:
        if params.seen is None:
            return _look(run, read)
        return _apply(run, read, params.seen, body=body, file=file)


@contextmanager
def _read(run: RunningRun, body: BinaryIO, file: File) -> Iterator[Reading]:
    with run.system.sessions() as db, importing.sheet(run.system, db, body, name=file.name) as read:
        run.checkpoint()
        run.progress(1, STEPS, "Comparing it with what stands")
        yield read


def _look(run: RunningRun, read: Reading) -> Outcome:
    with run.transaction(late=True) as db:
        plan = policies.plan(db, read)
        run.checkpoint()
        run.progress(2, STEPS, "Writing down what would change")
        lines = list(policies.every_rejection(db, read)) if plan.rejected else []
    if lines:
        with written(run.system, read.header, lines) as body:
            run.artifact(REJECTED, body, media_type=importing.CSV, may=policies.MAY)
    run.artifact(SEEN, msgspec.json.encode(plan), media_type="application/json", may=policies.MAY)
    _count(run, plan)
    return Outcome(f"{plan.rows:,} lines: {plan.new:,} policies would be added, {plan.changed:,} changed.")


def _apply(run: RunningRun, read: Reading, seen: str, *, body: BinaryIO, file: File) -> Outcome:
    actor, now = f"run:{run.id}", run.system.clock()
    with run.transaction(late=True) as db:
        run.progress(1, STEPS, "Comparing and writing")
        done = policies.apply(
            db,
            run.system.ports.files,
            read,
            body=body,
            media_type=file.media_type,
            seen=seen,
            actor=actor,
            now=now,
        )
        run.checkpoint()
        policies.end_preview(db, file, reason=APPLIED, actor=actor, now=now)
    _count(run, done)
    return Outcome(policies.said(done))


def _count(run: RunningRun, plan: Plan) -> None:
    run.progress(STEPS, STEPS, "Done")
    for name, count in (("added", plan.new), ("changed", plan.changed), ("stay", plan.same)):
        run.count(name, count)
    run.count("not taken", plan.rejected)


def written(
    system: System, header: Sequence[str], lines: Sequence[Rejected] | Iterator[Rejected]
) -> BinaryIO:
    """Write lines that are not taken into a file of their own, from its beginning; it is gone when it is closed."""
    kept = tempfile.TemporaryFile("w+", encoding="utf-8-sig", newline="", dir=system.home / reading.FOLDER)  # noqa: SIM115
    writer = csv.writer(kept, lineterminator="\r\n")
    writer.writerow(["line", "reason", *map(defused, header)])
    for one in lines:
        writer.writerow([one.line, one.reason, *map(defused, one.cells)])
    body = cast("BinaryIO", kept.detach())
    body.seek(0)
    return body


SHEETS = Job(
    name="claims.policies",
    title="Policies from a sheet",
    help="Say what a large sheet of policies would change, and do exactly that once somebody saw it.",
    params=SheetParams,
    run=run_job,
    by_hand=False,
)

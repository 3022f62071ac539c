"""The job that writes a list into a file: on one snapshot, so that the file is one moment, however long it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy.orm import Session

from recoup.core.db import act_as
from recoup.core.parts import Job, Outcome, RunningRun
from recoup.core.system import System
from recoup.office.controls import service as controls
from recoup.office.desk import service as exports
from recoup.office.desk.controls import MOST_EXPORT_ROWS
from recoup.office.desk.schemas import ExportParams
from recoup.office.jobs import queries


def run_export(run: RunningRun, params: ExportParams) -> Outcome:
    """Write the list, and keep the file with the run; a second attempt finds what the first one kept."""
    system = run.system
    listing = exports.listing(system.parts, params.list)
    wanted = exports.asked(listing, params.query, zone=params.zone)
    with system.sessions.begin() as db:
        if queries.artifacts(db, run.id):
            return Outcome(f"The file with {listing.title} was written before.")
        most = controls.value(db, MOST_EXPORT_ROWS)

    now = system.clock()
    with exports.workplace(system.home, now=now) as folder:
        path = folder / f"export.{params.format}"
        with _snapshot(system, params) as db:
            total = listing.count(db, wanted.filters) if listing.count else None

            def step(rows: int) -> None:
                run.progress(rows, max(total, rows) if total else None, "Rows")
                run.checkpoint()

            try:
                written = exports.write(
                    path,
                    listing,
                    listing.every(db, wanted),
                    format=params.format,
                    zone=params.zone,
                    most_rows=most,
                    step=step,
                )
            except exports.TooManyRows as error:
                return Outcome(error.sentence(), needs_person=True)
        run.count("rows", written.rows)
        run.progress(written.rows, written.rows, "Rows")
        name = exports.file_name(listing, params.format, zone=params.zone, now=now)
        with path.open("rb") as body:
            run.artifact(name, body, media_type=written.media_type, may=listing.may)
    rows = "1 row" if written.rows == 1 else f"{written.rows:,} rows"
    return Outcome(" ".join([f"{listing.title}: {rows} in {name}.", *written.remarks]))


@contextmanager
def _snapshot(system: System, params: ExportParams) -> Iterator[Session]:
    """Open a transaction that sees one moment, and what the asker may see."""
    with system.sessions.begin() as db:
        db.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        act_as(db, role=params.role, person=params.person)
        yield db


EXPORT = Job(
    name=exports.JOB,
    title="Export of a list",
    help="Write all rows of a list, as somebody narrowed and sorted it, into a file. Started below each list.",
    params=ExportParams,
    run=run_export,
    lease=timedelta(minutes=10),  # while a large file goes to a slow store, the run cannot say that it lives
    by_hand=False,
)

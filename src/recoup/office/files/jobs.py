"""The job that keeps stored bytes and their rows together."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from recoup.core.ids import parse_id
from recoup.core.parts import DefaultSchedule, Job, Missed, Outcome, RunningRun
from recoup.core.system import System
from recoup.office.files import service


class SweepParams(BaseModel):
    """The sweep takes no parameters."""

    model_config = ConfigDict(extra="forbid")


def run_sweep(run: RunningRun, _params: SweepParams) -> Outcome:
    """Remove what a broken transaction left in the store; report rows whose bytes are gone."""
    system = run.system
    with run.transaction() as db:
        swept = service.sweep_orphans(db, system.ports.files, now=system.clock())
    run.count("removed", len(swept.removed))
    lost = [*swept.without_object, *swept.wrong_size]
    for file_id in lost:
        run.log(f"The bytes of file {file_id} are gone or cut.", level="error")
    if swept.parked:
        return Outcome("Far more stored objects than files: nothing was removed.", needs_person=True)
    text = f"{len(swept.removed)} objects without a file removed, {len(lost)} files without their bytes."
    return Outcome(text, needs_person=bool(lost))


SWEEP = Job(
    name="files.sweep",
    title="Stored files: sweep",
    help="Compare stored bytes with their rows: remove what nobody owns, report what is missing.",
    params=SweepParams,
    run=run_sweep,
    schedule=DefaultSchedule("40 3 * * *", missed=Missed.LATEST),
)


def remove_task(system: System, *, file_id: str) -> None:
    """Remove the bytes of a file that was withdrawn."""
    with system.sessions.begin() as db:
        service.remove_bytes(db, system.ports.files, parse_id(file_id))

"""Where reports lie while a run works on them: a folder of its own, removed with it or when it is found left behind."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from recoup.core.parts import RunningRun
from recoup.core.system import System
from recoup.office.jobs import queries as runs


def fingerprints(system: System) -> Path:
    """Return the folder of fingerprints: what is missing there is made anew from the history."""
    return system.home / "rights" / "fingerprints"


@contextmanager
def folder(run: RunningRun) -> Iterator[Path]:
    """Yield a folder for this run; what runs that are over left behind goes first."""
    place = run.system.home / "rights" / "work"
    place.mkdir(parents=True, exist_ok=True)
    _sweep(run, place)
    mine = place / f"{run.id}-{run.attempt}"
    mine.mkdir()
    try:
        yield mine
    finally:
        shutil.rmtree(mine, ignore_errors=True)


def _sweep(run: RunningRun, place: Path) -> None:
    with run.system.sessions.begin() as db:
        busy = {str(one.id) for one in runs.running(db)}
    for left in place.iterdir():
        owner = left.name.rpartition("-")[0]
        if owner not in busy or owner == str(run.id):
            shutil.rmtree(left, ignore_errors=True)


def keep_fingerprints_of(system: System, heads: Collection[UUID]) -> None:
    """Remove all fingerprints but those of the newest snapshots: a process that died left others behind."""
    known = {str(one) for one in heads}
    for left in fingerprints(system).glob("*"):
        if left.name.rpartition("-")[0] not in known:
            left.unlink(missing_ok=True)


def drop_fingerprints(system: System, report_id: UUID, *, but: Path | None = None) -> None:
    """Remove the fingerprints of a report, or all of them but one."""
    for left in fingerprints(system).glob(f"{report_id}-*"):
        if left != but:
            left.unlink(missing_ok=True)

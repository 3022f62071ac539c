"""A dry run: the export itself, in one transaction that is rolled back. What it shows is what would be sent."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.metering.jobs.export import ExportParams, Report, export
from recoup.areas.metering.service.submissions import KIND
from recoup.core.errors import Forbidden
from recoup.core.ids import new_id
from recoup.core.system import System
from recoup.office.outbox import queries as outbox

log = logging.getLogger("recoup.jobs")


@dataclass(frozen=True, slots=True)
class Submission:
    """One submission as it would leave: its name, what it is about, and the exact bytes."""

    key: str
    subject: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What an export would do."""

    report: Report
    submissions: list[Submission]


def rehearse(system: System, params: ExportParams) -> Rehearsal:
    """Export without a trace: files are read, nothing is committed, nothing is handed over, no token is asked for."""
    with system.sessions() as db:
        try:
            waiting = {one.id for one in outbox.planned(db, KIND)}
            report = export(_RehearsedRun(system, db), params, rehearsal=True)
            planned = [
                Submission(one.key, one.subject, one.payload)
                for one in outbox.planned(db, KIND)
                if one.id not in waiting
            ]
        finally:
            db.rollback()
    return Rehearsal(report, sorted(planned, key=lambda one: one.key))


class _RehearsedRun:
    """A run that keeps nothing: every transaction is a savepoint of one that is rolled back in the end."""

    def __init__(self, system: System, db: Session) -> None:
        self.system = system
        self.id = new_id()
        self.attempt = 1
        self._db = db

    def log(self, text: str, *, level: str = "info") -> None:
        log.log(logging.getLevelName(level.upper()), "%s", text)

    def progress(self, done: int, total: int | None = None, label: str = "") -> None:
        """Keep nothing."""

    def count(self, name: str, by: int = 1) -> None:
        """Keep nothing."""

    @contextmanager
    def transaction(self, *, late: bool = False) -> Iterator[Session]:  # noqa: ARG002 - nobody can take it over
        with self._db.begin_nested():
            yield self._db

    def checkpoint(self) -> None:
        """Go on: nobody can take a rehearsal over."""

    def artifact(self, name: str, body: bytes | BinaryIO, *, media_type: str, may: str = "") -> UUID:  # noqa: ARG002 - it keeps none
        raise Forbidden(f"A rehearsal keeps no file ({name}, {media_type}).")

"""Where the engine and the clock come in: tick the schedules, execute a queued run."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from recoup.core.system import System
from recoup.office.jobs import execution, queries, service


def tick(system: System, now: datetime) -> None:
    """Write due slots and queue their runs, one short transaction per schedule."""
    with system.sessions.begin() as db:
        behind = queries.schedules_behind(db, now=now)
    for schedule_id in behind:
        with system.sessions.begin() as db:
            service.tick_schedule(db, schedule_id, now=now)


def run_task(system: System, *, run_id: str) -> None:
    """Execute a queued run; one that is over or held elsewhere is left alone."""
    execution.execute(system, UUID(run_id))

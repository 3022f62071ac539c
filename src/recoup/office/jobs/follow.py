"""Watch a run from outside, whoever executes it: its lines as they come, how far it is, how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from uuid import UUID

from recoup.core.system import System
from recoup.office.jobs import queries
from recoup.office.jobs.models import Run, RunLine, RunState
from recoup.web.wire import found

EVERY = 0.3
AT_ONCE = 1_000
OVER = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.PARKED})


def follow(
    system: System,
    run_id: UUID,
    *,
    lines: Callable[[Sequence[RunLine]], None],
    standing: Callable[[Run], None] = lambda _run: None,
) -> Run:
    """Hand on every line and how far the run is, until it is over; return it. Raise NotFound when there is none."""
    after = (0, 0)
    while True:
        with system.sessions.begin() as db:
            # The run before its lines: what a finished run wrote is all there.
            run = found(queries.run(db, run_id), f"run {run_id}", see="runs list")
            new = queries.lines(db, run_id, after=after, limit=AT_ONCE)
        standing(run)
        if new:
            lines(new)
            after = (new[-1].attempt, new[-1].number)
        if len(new) == AT_ONCE:
            continue
        if run.state in OVER:
            return run
        time.sleep(EVERY)


def went_well(run: Run) -> bool:
    """Say whether a run ended without leaving anything for a person."""
    return run.state == RunState.SUCCEEDED and not run.needs_person

"""Where the engine and the clock come in: send a code, note what is too old, throw away what nobody needs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from recoup.core.parts import DefaultSchedule, Job, Missed, Outcome, RunningRun
from recoup.core.system import System
from recoup.office.people.secrets import Keys
from recoup.office.people.service import codes, upkeep


def send_code_task(system: System, *, challenge_id: str) -> None:
    """Send the code that somebody asked for, if they may have one."""
    with system.sessions.begin() as db:
        codes.send_code(
            db,
            UUID(challenge_id),
            keys=Keys.of(system.settings),
            sender=system.settings.mail.sender,
            now=system.clock(),
        )


def tick(system: System, now: datetime) -> None:
    """Note which requests for a code are too old."""
    with system.sessions.begin() as db:
        codes.end_expired(db, now)


class CleanParams(BaseModel):
    """Cleaning takes no parameters."""

    model_config = ConfigDict(extra="forbid")


def run_clean(run: RunningRun, _params: CleanParams) -> Outcome:
    """Throw away what nobody needs any more."""
    with run.transaction() as db:
        removed = upkeep.clean(db, now=run.system.clock())
    for name, number in removed.items():
        run.count(name, number)
    return Outcome(f"{sum(removed.values()):,} rows that nobody needs were removed.")


CLEAN = Job(
    name="people.clean",
    title="People: clean up",
    help="End sessions that are over; remove old requests for codes, used tokens and links.",
    params=CleanParams,
    run=run_clean,
    schedule=DefaultSchedule("20 4 * * *", missed=Missed.LATEST),
)

"""Where the engine and the clock come in: send a code, note what is too old, throw away what nobody needs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from recoup.core.system import System
from recoup.office.people.secrets import Keys
from recoup.office.people.service import codes


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

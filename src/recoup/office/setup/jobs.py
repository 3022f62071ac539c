"""What happens by itself: the schedule and recipients that wait for the monthly job are given to it."""

from __future__ import annotations

from datetime import datetime

from recoup.core.errors import RecoupError
from recoup.core.system import System
from recoup.office.setup.rules.layout import MONTHLY
from recoup.office.setup.service import files


def tick(system: System, now: datetime) -> None:
    """Give the monthly job what waits for it; of several that try at once one does it."""
    if MONTHLY not in system.parts.jobs:
        return
    try:
        with system.sessions.begin() as db:
            files.hand_over(db, system.parts.jobs, actor=files.ACTOR, now=now)
    except RecoupError:  # another did it, or what waits does not fit, which its page says
        return

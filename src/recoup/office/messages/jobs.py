"""What is looked at all the time: templates that could not be used."""

from __future__ import annotations

from datetime import datetime

from recoup.core.system import System
from recoup.office.messages import wording


def tick(system: System, now: datetime) -> None:
    """Tell the administrators of templates that failed; telling twice is once."""
    wording.tell_of_broken(system, now)

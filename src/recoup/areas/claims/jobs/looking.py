"""What is looked at after a claim was filed."""

from __future__ import annotations

from recoup.areas.claims.service import flagging
from recoup.core.system import System


def look_task(system: System, *, claim_id: str) -> None:
    """Raise a claim's flags."""
    with system.sessions.begin() as db:
        flagging.look(db, int(claim_id), now=system.clock())

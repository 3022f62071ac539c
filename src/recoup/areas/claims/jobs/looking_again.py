"""What is looked at again after policies were brought in."""

from __future__ import annotations

from recoup.areas.claims.service import flagging
from recoup.areas.claims.service.moves import House
from recoup.core.system import System


def look_again_task(system: System, *, claim_ids: str) -> None:
    """Raise the flags of open claims whose policy has other days now; the ids stand between commas."""
    house = House.of(system.settings)
    for claim_id in claim_ids.split(","):
        with system.sessions.begin() as db:
            flagging.look(db, int(claim_id), house_=house, now=system.clock())

"""What is done about a claim after it was filed."""

from __future__ import annotations

from recoup.areas.claims.service import flagging
from recoup.areas.claims.service.moves import House
from recoup.core.system import System


def look_task(system: System, *, claim_id: str) -> None:
    """Tell the claimant, and raise the claim's flags."""
    house = House.of(system.settings)
    with system.sessions.begin() as db:
        flagging.look(db, int(claim_id), house_=house, now=system.clock())

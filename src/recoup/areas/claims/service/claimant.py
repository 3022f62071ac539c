"""What claimants do with their own claims: withdraw one, appeal against a rejection."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from recoup.areas.claims.models import Claim, Status
from recoup.areas.claims.queries import claim_rows
from recoup.areas.claims.rules.statuses import TITLES
from recoup.areas.claims.service import moves
from recoup.areas.claims.service.moves import By, House, Move
from recoup.core.errors import Conflict, Invalid, NotFound

WITHDRAWN = "Withdrawn by the claimant."


def withdraw(db: Session, claim_id: int, *, note: str, by: By, house_: House, now: datetime) -> Claim:
    """Withdraw one's own claim while nobody reviews it."""
    claim = own(db, claim_id, by)
    if claim.status != Status.PENDING:
        raise Conflict(
            f"The claim is {TITLES[claim.status].lower()}, and cannot be withdrawn any more.",
            fix="Write a message to the reviewer.",
        )
    move = Move(Status.REJECTED, note or WITHDRAWN, "withdrawn")
    return moves.put(db, claim, move, by=by, house_=house_, now=now)


def appeal(db: Session, claim_id: int, *, note: str, by: By, house_: House, now: datetime) -> Claim:
    """Ask for another look at one's own rejected claim, while that is still possible; ``note`` says why."""
    claim = own(db, claim_id, by)
    if claim.status != Status.REJECTED or claim.reason_code == "withdrawn":
        raise Conflict("Only a claim that was rejected can be appealed.")
    if claim.due_at is None or now > claim.due_at:
        raise Conflict("The time for an appeal is over.", fix="Write to your insurer.")
    if not note:
        raise Invalid("An appeal says why the decision should be looked at again.")
    move = Move(Status.UNDER_REVIEW, note, "appeal")
    return moves.put(db, claim, move, by=by, house_=house_, now=now)


def own(db: Session, claim_id: int, by: By) -> Claim:
    """Return somebody's own claim for changing; raise NotFound where it is another's."""
    claim = (
        claim_rows.by_id(db, claim_id, owner=by.person, for_update=True) if by.person is not None else None
    )
    if claim is None or claim.is_history:
        raise NotFound(f"There is no claim {claim_id}.")
    return claim

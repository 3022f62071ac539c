"""Who has a claim on their desk."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.claims.models import Claim
from recoup.areas.claims.rules.statuses import OPEN, TITLES
from recoup.areas.claims.service import moves
from recoup.areas.claims.service.moves import By
from recoup.core.errors import Conflict
from recoup.office.journal import service as journal


def assign(db: Session, claim_id: int, person: UUID | None, *, by: By, now: datetime) -> Claim:
    """Give an open claim to a reviewer, or to nobody; raise Conflict where it is decided already."""
    claim = moves.locked(db, claim_id)
    if person is not None and person == claim.person_id:
        moves.not_ones_own(claim, by)
    if claim.status not in OPEN:
        raise Conflict(f"The claim is {TITLES[claim.status].lower()}; nobody has to take it.")
    if claim.assignee_id != person:
        claim.assignee_id, claim.updated_at = person, now
        journal.record(
            db,
            "claims.assigned",
            f"claims/claim/{claim.id}",
            actor=by.actor,
            now=now,
            number=claim.claim_number,
            to=str(person) if person else "",
        )
        db.flush()
    return claim

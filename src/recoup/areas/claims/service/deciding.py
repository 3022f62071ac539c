"""The second person: above a reviewer's limit an approval is confirmed, or sent back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from recoup.areas.claims.models import Decision, DecisionState, Status
from recoup.areas.claims.queries import claim_rows
from recoup.areas.claims.service import moves
from recoup.areas.claims.service.moves import By, House, Moved
from recoup.core.errors import Conflict, Forbidden, Invalid
from recoup.office.journal import service as journal


def confirm(
    db: Session, claim_id: int, *, version: int | None, note: str, by: By, house_: House, now: datetime
) -> Moved:
    """Approve what another reviewer decided; the claim moves, and its sum is owed."""
    claim = moves.locked(db, claim_id, version=version)
    decision = _waiting(db, claim_id, by=by)
    moves.not_ones_own(claim, by)
    if claim.status != Status.UNDER_REVIEW:
        raise Conflict("The claim is no longer under review.")
    decision.second_by, decision.second_at, decision.second_note = by.actor, now, note
    return Moved(moves.apply_approval(db, claim, decision, by=by, house_=house_, now=now))


def send_back(db: Session, claim_id: int, *, version: int | None, note: str, by: By, now: datetime) -> Moved:
    """Decline what another reviewer decided; the claim stays under review. A reviewer may take back their own."""
    claim = moves.locked(db, claim_id, version=version)
    decision = claim_rows.waiting(db, claim_id, for_update=True)
    if decision is None:
        raise Conflict("No decision on this claim waits for a second person.")
    moves.not_ones_own(claim, by)
    if not note:
        raise Invalid("The first reviewer has to be told why.", fix="Give a note.")
    decision.state, decision.second_note = DecisionState.DECLINED, note
    decision.second_at = now
    decision.second_by = by.actor if by.actor != decision.first_by else None
    claim.version += 1
    claim.updated_at = now
    journal.record(
        db,
        "claims.second_declined",
        f"claims/claim/{claim.id}",
        actor=by.actor,
        now=now,
        number=claim.claim_number,
        note=note,
    )
    db.flush()
    return Moved(claim)


def _waiting(db: Session, claim_id: int, *, by: By) -> Decision:
    decision = claim_rows.waiting(db, claim_id, for_update=True)
    if decision is None:
        raise Conflict("No decision on this claim waits for a second person.")
    if decision.first_by == by.actor:
        raise Forbidden("The second person is another one than the first.", fix="Let a colleague look at it.")
    return decision

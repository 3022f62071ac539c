"""Hints: what reading a document proposed, and whether a person took it over."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.claims.models import Proposal
from recoup.areas.claims.queries import document_rows, review_rows
from recoup.areas.claims.service import moves
from recoup.areas.claims.service.moves import By
from recoup.core.errors import Conflict, NotFound
from recoup.office.journal import service as journal


def settle(
    db: Session, claim_id: int, proposal_id: UUID, *, is_right: bool, by: By, now: datetime
) -> Proposal:
    """Say whether what was read is right. It changes nothing of the claim; raise Conflict where somebody said so."""
    claim = moves.locked(db, claim_id)
    moves.not_ones_own(claim, by)
    documents = [one.id for one in document_rows.of_claim(db, claim_id)]
    proposal = review_rows.proposal(db, proposal_id, documents)
    if proposal is None:
        raise NotFound("There is no such reading of a document of this claim.")
    if proposal.taken is not None:
        raise Conflict("Somebody looked at this reading already.", fix="Load the page again.")
    proposal.taken = is_right
    journal.record(
        db,
        "claims.reading_settled",
        review_rows.subject(claim_id),
        actor=by.actor,
        now=now,
        number=claim.claim_number,
        document=proposal.document_id,
        field=proposal.field,
        value=proposal.value,
        finding="right" if is_right else "wrong",
    )
    db.flush()
    return proposal

"""What the virus scanner said of a document that was held."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from recoup.areas.claims.models import DocumentState
from recoup.areas.claims.queries import claim_rows, document_rows
from recoup.areas.claims.rules.statuses import OPEN
from recoup.areas.claims.service import documents, proposing, telling
from recoup.areas.claims.service.moves import House


def scanned(db: Session, document_id: int, *, virus: str | None, house_: House, now: datetime) -> None:
    """Release a held document, or withdraw it and tell the claimant, who may then send another one.

    A document that is no longer held stays as it is: somebody else was faster.
    """
    document = document_rows.by_id(db, document_id, for_update=True)
    if document is None or document.state != DocumentState.HELD:
        return
    if virus is None:
        documents.released(db, document, now=now)
        if document.claim_id is not None:
            proposing.queue_claim(db, document.claim_id)
        else:
            proposing.queue_draft(db, document)
        return
    documents.infected(db, document, found=virus, now=now)
    claim = (
        claim_rows.by_id(db, document.claim_id, for_update=True) if document.claim_id is not None else None
    )
    if claim is None:
        return  # still a draft, whose page says so
    if claim.status in OPEN:
        claim.asked_at = now
    what = f"The virus scanner found {virus} in it."
    telling.tell_lost(
        db, claim, document, what=what, sender=house_.sender, portal=house_.portal, ways=house_.ways, now=now
    )

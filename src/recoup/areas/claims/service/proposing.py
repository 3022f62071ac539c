"""What reading a document found, and what similar claims came to: kept beside the claim, and deciding nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from recoup.areas.claims.estimating.results import Card, Expected
from recoup.areas.claims.models import Estimate, ModelCard, Proposal
from recoup.areas.claims.queries import document_rows, estimate_rows
from recoup.areas.claims.reading.results import Reading
from recoup.core.ids import new_id


def propose(db: Session, document_id: int, reading: Reading | None, *, now: datetime) -> None:
    """Keep what a document says; None: it could not be read. A document is read once."""
    document = document_rows.by_id(db, document_id, for_update=True)
    if document is None or document.read_at is not None:
        return
    document.read_at = now
    for one in reading.proposals if reading else ():
        db.add(
            Proposal(
                id=new_id(),
                document_id=document.id,
                person_id=document.person_id,
                field=one.field.value,
                value=one.value,
                page=one.page,
                box=list(one.box),
                confidence=one.confidence,
                engine=reading.engine if reading else "",
                made_at=now,
                taken=None,
            )
        )
    db.flush()


def estimated(
    db: Session, cards: Sequence[Card], estimates: Mapping[int, Expected], *, now: datetime
) -> None:
    """Keep how a training did, and its estimates in place of those before: what is not estimated any more goes."""
    for card in cards:
        db.add(
            ModelCard(
                id=new_id(),
                made_at=now,
                currency=card.currency,
                rows=card.rows,
                data_sha256=card.data_sha256,
                error=card.error,
                median_error=card.median_error,
                is_used=card.is_used,
                note=card.note,
            )
        )
    db.execute(delete(Estimate))
    owners = estimate_rows.owners(db, list(estimates))
    rows = [
        {
            "claim_id": claim_id,
            "person_id": owners[claim_id],
            "low_minor": one.low_minor,
            "expected_minor": one.expected_minor,
            "high_minor": one.high_minor,
            "similar": one.similar,
            "made_at": now,
        }
        for claim_id, one in estimates.items()
        if claim_id in owners
    ]
    if rows:
        db.execute(insert(Estimate), rows)
    db.flush()

"""What reading a document found, and what similar claims came to: kept beside the claim, and deciding nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from recoup.areas.claims.estimating.results import Card, Expected
from recoup.areas.claims.models import Document, DocumentState, Estimate, ModelCard, Proposal
from recoup.areas.claims.queries import document_rows, estimate_rows
from recoup.areas.claims.reading.results import Reading
from recoup.areas.claims.rules import reading as rules
from recoup.core.ids import new_id
from recoup.core.tasks import defer
from recoup.core.workers import is_dead

READ = "claims.read"
"""The task that reads a claim's documents."""
READ_DRAFT = "claims.read_draft"
"""The task that reads a draft's documents while somebody types it."""


def queue_claim(db: Session, claim_id: int, *, at: datetime | None = None) -> None:
    """Have a claim's documents read, not before ``at``; one that waits to be read already is not queued twice."""
    defer(db, READ, at=at, once=f"{READ}:{claim_id}", claim_id=str(claim_id))


def queue_draft(db: Session, document: Document, *, at: datetime | None = None) -> None:
    """Have the documents of a draft read into which this one came, where it is of a kind that is read."""
    if document.draft_id is not None and rules.can_be_read(document):
        defer(
            db, READ_DRAFT, at=at, once=f"{READ_DRAFT}:{document.draft_id}", draft_id=str(document.draft_id)
        )


def busy_until(documents: Sequence[Document], *, now: datetime) -> datetime | None:
    """Return until when somebody who lives reads one of these documents; None where nobody does."""
    held = (one.reading_until for one in documents if not is_dead(one.reader))
    return max((until for until in held if until is not None and until > now), default=None)


def begin(db: Session, document_id: int, *, reader: str, now: datetime) -> Document | None:
    """Take a document for reading, for as long as that may last; None where there is nothing to read any more.

    Whoever comes meanwhile leaves it alone, so that nothing is read twice, before or after the claim is filed.
    """
    document = document_rows.by_id(db, document_id, for_update=True)
    if document is None or document.read_at is not None or not rules.can_be_read(document):
        return None
    if busy_until([document], now=now) is not None:
        return None
    document.reader, document.reading_until = reader, now + rules.LONGEST
    db.flush()
    return document


def leave(db: Session, document_id: int, *, reader: str, now: datetime) -> None:
    """Let go of a document that could not be read now, and may be later."""
    document = document_rows.by_id(db, document_id, for_update=True)
    if document is not None and document.reader == reader:
        document.reading_until = now
        db.flush()


def forget(db: Session, document_id: int) -> None:
    """Remove what a document said that was taken out of a draft."""
    db.execute(delete(Proposal).where(Proposal.document_id == document_id))


def propose(db: Session, document_id: int, reading: Reading | None, *, now: datetime) -> None:
    """Keep what a document says; None: it could not be read. A document is read once.

    What was withdrawn meanwhile says nothing any more.
    """
    document = document_rows.by_id(db, document_id, for_update=True)
    if document is None or document.read_at is not None or document.state == DocumentState.WITHDRAWN:
        return
    document.read_at = document.reading_until = now
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

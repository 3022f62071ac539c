"""What policy holders see of their own: claims, drafts, documents, and mails that did not reach them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from recoup.areas.claims.models import Claim, Document, DocumentState, Draft, Status
from recoup.core.keyset import Slice, slice_of
from recoup.office.journal.models import Event
from recoup.office.people.models import Person

UNDECIDED = (Status.PENDING, Status.UNDER_REVIEW)
DECIDED = (Status.APPROVED, Status.REJECTED, Status.COMPLETED)
MOST_OPEN = 200
NOT_REACHED = ("claims.mail_refused", "claims.unaddressable")


def open_claims(db: Session, person_id: UUID) -> Sequence[Claim]:
    """Return a person's claims that are not decided: those that wait for the claimant first, then the newest."""
    statement = select(Claim).where(
        Claim.person_id == person_id, Claim.status.in_(UNDECIDED), ~Claim.is_history
    )
    order = (Claim.asked_at.is_(None), Claim.id.desc())
    return db.scalars(statement.order_by(*order).limit(MOST_OPEN)).all()


def decided_claims(db: Session, person_id: UUID, *, after: str | None, limit: int) -> Slice[Claim]:
    """Return a page of a person's decided claims, the newest first."""
    statement = select(Claim).where(
        Claim.person_id == person_id, Claim.status.in_(DECIDED), ~Claim.is_history
    )
    return slice_of(db, statement, key=[Claim.id], after=after, limit=limit)


def document_counts(db: Session, draft_ids: Sequence[UUID]) -> dict[UUID | None, int]:
    """Return how many documents each draft has."""
    statement = (
        select(Document.draft_id, func.count())
        .where(Document.draft_id.in_(draft_ids), Document.state != DocumentState.WITHDRAWN)
        .group_by(Document.draft_id)
    )
    return {row[0]: row[1] for row in db.execute(statement)}


def infected(db: Session, claim_ids: Sequence[int]) -> dict[int, list[str]]:
    """Return the names of documents that cannot be used, by claim."""
    statement = (
        select(Document.claim_id, Document.file_name)
        .where(Document.claim_id.in_(claim_ids), Document.state == DocumentState.INFECTED)
        .order_by(Document.id)
    )
    found: dict[int, list[str]] = {}
    for row in db.execute(statement):
        found.setdefault(int(row.claim_id or 0), []).append(row.file_name)
    return found


def not_reached(db: Session, claim_id: int, *, since: datetime) -> Event | None:
    """Return the latest event that a mail about a claim did not reach its claimant."""
    statement = (
        select(Event)
        .where(Event.subject == f"claims/claim/{claim_id}", Event.kind.in_(NOT_REACHED), Event.at >= since)
        .order_by(Event.id.desc())
        .limit(1)
    )
    return db.scalars(statement).first()


def document(db: Session, document_id: int, *, person_id: UUID | None, looks: bool) -> Document | None:
    """Return a document that somebody may see: of their own claim or draft, or of any claim for who ``looks``.

    Nobody but its owner sees what is in a draft. One that was withdrawn is found, too.
    """
    if not 0 < document_id < 2**63:
        return None
    mine = Document.person_id == person_id
    seen = or_(mine, Document.claim_id.is_not(None)) if looks else mine
    return db.scalars(select(Document).where(Document.id == document_id, seen)).one_or_none()


def address(db: Session, person_id: UUID) -> str:
    """Return where a person's mails go."""
    return db.get_one(Person, person_id).address


def draft(db: Session, draft_id: UUID, *, person_id: UUID) -> Draft | None:
    """Return somebody's own draft, whether it was filed or not, unless it was discarded."""
    statement = select(Draft).where(
        Draft.id == draft_id, Draft.person_id == person_id, Draft.discarded_at.is_(None)
    )
    return db.scalars(statement).one_or_none()

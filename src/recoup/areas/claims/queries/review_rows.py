"""What a reviewer sees beside a claim: hints, what else there is of the same person, mails, and what happened since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from recoup.areas.claims.models import Claim, Estimate, Proposal
from recoup.areas.claims.queries.own_rows import NOT_REACHED
from recoup.office.journal.models import Event
from recoup.office.messages.models import Message
from recoup.office.outbox.models import Delivery

MOST_OTHERS = 8
MOST_EVENTS = 100
MOST_MAILS = 100
MOST_IN_FILE = 1_000
REACHED = "claims.reached"
"""Somebody told the claimant in another way what a mail did not."""
MOVED_TOGETHER = "claims.moved_together"


def subject(claim_id: int) -> str:
    """Return what the journal calls a claim."""
    return f"claims/claim/{claim_id}"


def estimate(db: Session, claim_id: int) -> Estimate | None:
    """Return what similar claims came to."""
    return db.get(Estimate, claim_id)


def proposals(db: Session, document_ids: Sequence[int]) -> dict[int, list[Proposal]]:
    """Return what reading each document found, the surest first."""
    found: dict[int, list[Proposal]] = {one: [] for one in document_ids}
    statement = select(Proposal).where(Proposal.document_id.in_(document_ids))
    for row in db.scalars(statement.order_by(Proposal.confidence.desc(), Proposal.id)):
        found[row.document_id].append(row)
    return found


def proposal(db: Session, proposal_id: UUID, document_ids: Sequence[int]) -> Proposal | None:
    """Return a proposal of one of these documents, locked."""
    statement = select(Proposal).where(Proposal.id == proposal_id, Proposal.document_id.in_(document_ids))
    return db.scalars(statement.with_for_update()).one_or_none()


def others_of_person(db: Session, claim: Claim) -> Sequence[Claim]:
    """Return the latest other claims of the same person."""
    statement = select(Claim).where(Claim.person_id == claim.person_id, Claim.id != claim.id)
    return db.scalars(statement.order_by(Claim.id.desc()).limit(MOST_OTHERS)).all()


def others_of_policy(db: Session, claim: Claim) -> Sequence[Claim]:
    """Return the latest other claims on the same policy."""
    statement = select(Claim).where(Claim.policy_number == claim.policy_number, Claim.id != claim.id)
    return db.scalars(statement.order_by(Claim.id.desc()).limit(MOST_OTHERS)).all()


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail about a claim, and how it stands."""

    id: UUID
    subject: str
    to: str
    state: str
    reason: str | None
    planned_at: datetime


def mails(db: Session, claim_id: int) -> list[Mail]:
    """Return the mails about a claim, oldest first."""
    statement = (
        select(
            Delivery.id,
            Message.subject,
            Message.recipient,
            Delivery.state,
            Delivery.reason,
            Delivery.created_at,
        )
        .join(Message, Message.delivery_id == Delivery.id)
        .where(Delivery.key.startswith(f"claims:{claim_id}:"))
        .order_by(Delivery.id)
        .limit(MOST_MAILS)
    )
    return [Mail(*row) for row in db.execute(statement)]


def bytes_of(db: Session, delivery_id: UUID) -> bytes | None:
    """Return the exact bytes of a mail."""
    return db.scalar(select(Delivery.payload).where(Delivery.id == delivery_id))


def latest_event(db: Session, claim_id: int) -> UUID | None:
    """Return the last thing that the journal says of a claim."""
    statement = select(Event.id).where(Event.subject == subject(claim_id)).order_by(Event.id.desc()).limit(1)
    return db.scalar(statement)


def events_since(db: Session, claim_id: int, seen: UUID) -> Sequence[Event]:
    """Return what happened to a claim after an event that somebody saw, oldest first."""
    statement = select(Event).where(Event.subject == subject(claim_id), Event.id > seen)
    return db.scalars(statement.order_by(Event.id).limit(MOST_EVENTS)).all()


def events(db: Session, claim_id: int) -> Sequence[Event]:
    """Return what the journal says of a claim, oldest first."""
    statement = select(Event).where(Event.subject == subject(claim_id))
    return db.scalars(statement.order_by(Event.id).limit(MOST_IN_FILE)).all()


def bulk(db: Session, bulk_id: UUID) -> Event | None:
    """Return the event that tells which claims were moved together."""
    statement = select(Event).where(Event.subject == f"claims/bulk/{bulk_id}", Event.kind == MOVED_TOGETHER)
    return db.scalars(statement).first()


def not_reached(
    db: Session, *, since: datetime, claim_id: int | None = None, limit: int = 20
) -> Sequence[Event]:
    """Return mails that did not reach a claimant, of whom nobody has said since that they were told; newest first."""
    later = aliased(Event)
    told = exists().where(later.subject == Event.subject, later.kind == REACHED, later.id > Event.id)
    statement = select(Event).where(Event.kind.in_(NOT_REACHED), Event.at >= since, ~told)
    if claim_id is not None:
        statement = statement.where(Event.subject == subject(claim_id))
    return db.scalars(statement.order_by(Event.id.desc()).limit(limit)).all()

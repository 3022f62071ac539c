"""Claims as their owners and the API see them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recoup.areas.claims.models import (
    Claim,
    Decision,
    DecisionState,
    Filing,
    History,
    Line,
    Note,
    Payment,
    PaymentState,
)
from recoup.core.keyset import Slice, slice_of

LARGEST_ID = 2**63 - 1


def by_id(db: Session, claim_id: int, *, owner: UUID | None = None, for_update: bool = False) -> Claim | None:
    """Return a claim; ``owner`` says whose it has to be."""
    if not 0 < claim_id <= LARGEST_ID:
        return None
    statement = select(Claim).where(Claim.id == claim_id)
    if owner is not None:
        statement = statement.where(Claim.person_id == owner)
    if for_update:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return db.scalars(statement).one_or_none()


def filing(db: Session, person_id: UUID, key: str) -> Filing | None:
    """Return what somebody filed under an ``Idempotency-Key``."""
    return db.get(Filing, (person_id, key))


def by_number(db: Session, number: str) -> Claim | None:
    """Return the claim of that number."""
    return db.scalars(select(Claim).where(Claim.claim_number == number)).one_or_none()


def page(
    db: Session,
    *,
    owner: UUID | None,
    status: str | None = None,
    flagged: bool = False,
    skip: int = 0,
    after: str | None,
    limit: int,
) -> Slice[Claim]:
    """Return claims, the newest first: one person's, or everybody's; what was imported as history is left out."""
    statement = select(Claim).where(~Claim.is_history)
    if owner is not None:
        statement = statement.where(Claim.person_id == owner)
    if status is not None:
        statement = statement.where(Claim.status == status)
    if flagged:
        statement = statement.where(Claim.open_flags > 0)
    if skip:
        statement = statement.offset(skip)
    return slice_of(db, statement, key=[Claim.id], after=after, limit=limit)


def histories(db: Session, claim_ids: Sequence[int]) -> dict[int, list[History]]:
    """Return the moves of each claim, oldest first."""
    rows = db.scalars(select(History).where(History.claim_id.in_(claim_ids)).order_by(History.id))
    found: dict[int, list[History]] = {one: [] for one in claim_ids}
    for row in rows:
        found[row.claim_id].append(row)
    return found


def lines(db: Session, claim_id: int) -> Sequence[Line]:
    """Return the parts of a claim in their order."""
    return db.scalars(select(Line).where(Line.claim_id == claim_id).order_by(Line.position)).all()


def notes(db: Session, claim_id: int, *, limit: int = 500) -> Sequence[Note]:
    """Return the messages of a claim, oldest first."""
    return db.scalars(select(Note).where(Note.claim_id == claim_id).order_by(Note.id).limit(limit)).all()


def waiting(db: Session, claim_id: int, *, for_update: bool = False) -> Decision | None:
    """Return the decision that waits for a second person."""
    statement = select(Decision).where(Decision.claim_id == claim_id, Decision.state == DecisionState.WAITING)
    if for_update:
        statement = statement.with_for_update()
    return db.scalars(statement).one_or_none()


def decisions(db: Session, claim_id: int) -> Sequence[Decision]:
    """Return every approval of a claim, oldest first."""
    return db.scalars(select(Decision).where(Decision.claim_id == claim_id).order_by(Decision.id)).all()


def payments(db: Session, claim_id: int) -> Sequence[Payment]:
    """Return the payments of a claim, oldest first."""
    return db.scalars(select(Payment).where(Payment.claim_id == claim_id).order_by(Payment.id)).all()


def open_payment(db: Session, claim_id: int) -> Payment | None:
    """Return the payment of a claim that is neither paid nor void."""
    statement = select(Payment).where(Payment.claim_id == claim_id, Payment.state == PaymentState.OPEN)
    return db.scalars(statement).one_or_none()


def currencies(db: Session, claim_ids: Sequence[int]) -> dict[int, str]:
    """Return the currency of each of these claims that is there."""
    rows = db.execute(select(Claim.id, Claim.currency).where(Claim.id.in_(claim_ids)))
    return {claim_id: currency for claim_id, currency in rows}  # noqa: C416 - a row is no pair to mypy


def unpaid(db: Session, claim_ids: Sequence[int]) -> set[int]:
    """Return which of these claims have a payment that is neither paid nor void."""
    statement = select(Payment.claim_id).where(
        Payment.claim_id.in_(claim_ids), Payment.state == PaymentState.OPEN
    )
    return set(db.scalars(statement))


def filed_since(db: Session, person_id: UUID, claim: Claim, *, days: int) -> int:
    """Return how many claims a person filed within so many days before a claim, the claim not counted."""
    since = claim.created_at - func.make_interval(0, 0, 0, days)
    statement = select(func.count()).where(
        Claim.person_id == person_id, Claim.created_at >= since, Claim.id < claim.id, ~Claim.is_history
    )
    return db.execute(statement).scalar_one()

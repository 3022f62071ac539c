"""Payments: what was approved is owed until it is paid, or found not to be owed after all."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from recoup.areas.claims import controls
from recoup.areas.claims.models import Claim, Payment, PaymentState, Status
from recoup.areas.claims.queries import claim_rows
from recoup.core.errors import Conflict, Invalid
from recoup.core.ids import new_id
from recoup.core.money import Money
from recoup.office.journal import service as journal
from recoup.office.owed import service as owed
from recoup.office.owed.service import Owed

AREA = "claims"


def open_payment(db: Session, claim: Claim, *, now: datetime) -> Payment:
    """Open the payment of a claim that has just been approved, and write it into the book of what is owed."""
    if claim.approved_minor is None:
        raise ValueError(f"claim {claim.id} has no approved amount")
    payment = Payment(
        id=new_id(),
        claim_id=claim.id,
        person_id=claim.person_id,
        amount_minor=claim.approved_minor,
        currency=claim.currency,
        state=PaymentState.OPEN,
        reference="",
        opened_at=now,
        ended_at=None,
        ended_by="",
    )
    db.add(payment)
    item = Owed(
        key=_key(claim),
        area=AREA,
        party=claim.person_name,
        title=f"Claim {claim.claim_number} was approved and is not paid",
        link=f"claims/claim/{claim.id}",
        amount=Money(payment.amount_minor, payment.currency),
        lapses_at=controls.service_levels(db).due(Status.APPROVED, now),
    )
    owed.put(db, item, now=now)
    db.flush()
    return payment


def end(
    db: Session, claim: Claim, state: Literal["paid", "void"], *, reference: str, actor: str, now: datetime
) -> Payment:
    """Say that a claim's open payment was made, or will not be; ``reference`` names the transfer, or the reason.

    Raise Conflict where none is open, Invalid without a reference.
    """
    payment = claim_rows.open_payment(db, claim.id)
    if payment is None:
        raise Conflict(f"Claim {claim.claim_number} has no open payment.")
    if not reference:
        raise Invalid(
            "A payment that was made has a reference, and one that is void a reason.", fix="Give reference."
        )
    payment.state, payment.reference = PaymentState(state), reference
    payment.ended_at, payment.ended_by = now, actor
    claim.version += 1
    claim.updated_at = now
    owed.settle(db, _key(claim), reason=f"{state}: {reference}", now=now)
    journal.record(
        db,
        "claims.payment_ended",
        f"claims/claim/{claim.id}",
        actor=actor,
        now=now,
        number=claim.claim_number,
        state=state,
        reference=reference,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
    )
    db.flush()
    return payment


def _key(claim: Claim) -> str:
    return f"claims:{claim.claim_number}"

"""Moving a claim: one history row, one journal event and at most one mail for each move, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.claims import controls
from recoup.areas.claims.models import Claim, Decision, DecisionState, History, Status
from recoup.areas.claims.queries import claim_rows, policy_rows
from recoup.areas.claims.rules import approving, authority, statuses
from recoup.areas.claims.rules.approving import ApprovedLine
from recoup.areas.claims.service import payments, telling
from recoup.core.errors import Changed, Conflict, Forbidden, NotFound
from recoup.core.ids import new_id
from recoup.core.money import Money
from recoup.office.controls import service as house
from recoup.office.journal import service as journal
from recoup.office.notices.ways import Ways
from recoup.settings import Settings


@dataclass(frozen=True, slots=True)
class By:
    """Who moves a claim: their name in the journal, the person where there is one, and their name in limits."""

    actor: str
    person: UUID | None
    name: str


@dataclass(frozen=True, slots=True)
class House:
    """What telling needs of this server: who a mail comes from, what its links begin with, what else may leave."""

    sender: str
    portal: str
    ways: Ways | None = None
    """How short notices leave, besides the mail; None: they do not."""

    @classmethod
    def of(cls, settings: Settings) -> House:
        """Read it from the settings."""
        return cls(settings.mail.sender, settings.web.address or "", Ways.of(settings))


@dataclass(frozen=True, slots=True)
class Move:
    """What a reviewer asks for. ``version`` is the one that they saw; None: whatever it is."""

    status: str
    notes: str = ""
    reason_code: str = ""
    amount: int | None = None
    lines: Sequence[ApprovedLine] = field(default=())
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """The claim, and the decision that now waits for a second person, where that is so."""

    claim: Claim
    waiting: Decision | None = None


def move(db: Session, claim_id: int, asked: Move, *, by: By, house_: House, now: datetime) -> Moved:
    """Move a claim as a reviewer.

    An approval above the reviewer's limit waits for a second person; the claim then stays where it is. Raise
    NotFound, Changed where the version is another, Forbidden on one's own claim, Conflict or Invalid as
    ``rules/statuses.check`` does, and Conflict while a decision waits.
    """
    claim = locked(db, claim_id, version=asked.version)
    not_ones_own(claim, by)
    statuses.check(
        statuses.Asked(asked.status, asked.notes, asked.reason_code, asked.amount),
        was=claim.status,
        claimed=claim.claim_minor,
        most=most_paid(db, claim),
        has_open_payment=claim_rows.open_payment(db, claim.id) is not None,
    )
    if asked.status == claim.status:
        return Moved(_noted(db, claim, asked.notes, by=by, now=now))
    if claim_rows.waiting(db, claim.id) is not None:
        raise Conflict(
            "A decision on this claim waits for a second person.", fix="Confirm it or send it back first."
        )
    if asked.status == Status.APPROVED and asked.amount is not None:
        approving.check_lines(claim_rows.lines(db, claim.id), asked.lines, asked.amount)
        decision = _decision(claim, asked, amount=asked.amount, by=by, now=now)
        db.add(decision)
        if not _may_alone(db, Money(asked.amount, claim.currency), by):
            return Moved(_waits(db, claim, decision, by=by, now=now), decision)
        return Moved(apply_approval(db, claim, decision, by=by, house_=house_, now=now))
    return Moved(put(db, claim, asked, by=by, house_=house_, now=now))


def locked(db: Session, claim_id: int, *, version: int | None = None) -> Claim:
    """Return a claim for changing; raise NotFound, or Changed where it is no longer the version that was seen."""
    claim = claim_rows.by_id(db, claim_id, for_update=True)
    if claim is None:
        raise NotFound(f"There is no claim {claim_id}.")
    if claim.is_history:
        raise Conflict("This claim was decided elsewhere; it is here for the figures only.")
    if version is not None and version != claim.version:
        raise Changed(
            f"Claim {claim.claim_number} was changed meanwhile: it is version {claim.version} now, you saw {version}.",
            fix="Read it again before you decide.",
        )
    return claim


def not_ones_own(claim: Claim, by: By) -> None:
    """Raise Forbidden where somebody would decide on their own claim."""
    if by.person is not None and by.person == claim.person_id:
        raise Forbidden("Nobody decides on their own claim.", fix="Let somebody else do it.")


def most_paid(db: Session, claim: Claim) -> int | None:
    """Return what the claim's policy pays for one claim at most, in minor units."""
    policy = policy_rows.of_id(db, claim.policy_id) if claim.policy_id is not None else None
    return policy.sum_insured_minor if policy is not None else None


def apply_approval(
    db: Session, claim: Claim, decision: Decision, *, by: By, house_: House, now: datetime
) -> Claim:
    """Approve a claim as a decision says; the sum is owed from now on."""
    decision.state = DecisionState.APPLIED
    parts = {one["position"]: one for one in decision.lines}
    for line in claim_rows.lines(db, claim.id):
        if line.position in parts:
            line.approved_minor = parts[line.position]["approved_minor"]
            line.reason_code = parts[line.position]["reason_code"]
    asked = Move(Status.APPROVED, decision.notes, decision.reason_code, decision.amount_minor)
    put(db, claim, asked, by=by, house_=house_, now=now)
    payments.open_payment(db, claim, now=now)
    return claim


def put(db: Session, claim: Claim, asked: Move, *, by: By, house_: House, now: datetime) -> Claim:
    """Write a move down, and plan its mail; the caller has checked that it may be made."""
    was, due = claim.status, controls.service_levels(db).due(asked.status, now)
    # All of it before the next statement: the constraints of the table hold for every state that is written.
    claim.status, claim.status_notes, claim.reason_code = asked.status, asked.notes, asked.reason_code
    claim.status_since = claim.updated_at = now
    claim.due_at = due
    claim.version += 1
    if asked.amount is not None:
        claim.approved_minor = asked.amount
    if asked.status in statuses.OPEN:
        claim.decided_at = None
    elif was in statuses.OPEN:
        claim.decided_at = now
    claim.asked_at = now if (was, asked.status) == (Status.UNDER_REVIEW, Status.PENDING) else None
    history(db, claim, was=was, asked=asked, by=by, now=now)
    journal.record(
        db,
        "claims.moved",
        f"claims/claim/{claim.id}",
        actor=by.actor,
        now=now,
        number=claim.claim_number,
        was=was,
        status=asked.status,
        reason=asked.reason_code,
        **({"amount_minor": asked.amount} if asked.amount is not None else {}),
    )
    telling.tell_moved(db, claim, sender=house_.sender, portal=house_.portal, ways=house_.ways, now=now)
    db.flush()
    return claim


def history(db: Session, claim: Claim, *, was: str, asked: Move, by: By, now: datetime) -> None:
    """Add a row to a claim's history."""
    db.add(
        History(
            claim_id=claim.id,
            person_id=claim.person_id,
            at=now,
            actor=by.actor,
            was=was,
            status=claim.status,
            reason_code=asked.reason_code,
            notes=asked.notes,
            amount_minor=asked.amount,
            version=claim.version,
        )
    )


def _noted(db: Session, claim: Claim, notes: str, *, by: By, now: datetime) -> Claim:
    claim.status_notes, claim.updated_at = notes, now
    claim.version += 1
    history(db, claim, was=claim.status, asked=Move(claim.status, notes), by=by, now=now)
    journal.record(
        db, "claims.noted", f"claims/claim/{claim.id}", actor=by.actor, now=now, number=claim.claim_number
    )
    db.flush()
    return claim


def _decision(claim: Claim, asked: Move, *, amount: int, by: By, now: datetime) -> Decision:
    parts: list[Any] = [
        {"position": one.position, "approved_minor": one.approved_minor, "reason_code": one.reason_code}
        for one in asked.lines
    ]
    return Decision(
        id=new_id(),
        claim_id=claim.id,
        person_id=claim.person_id,
        amount_minor=amount,
        reason_code=asked.reason_code,
        notes=asked.notes,
        lines=parts,
        state=DecisionState.WAITING,
        first_by=by.actor,
        first_at=now,
        second_by=None,
        second_at=None,
        second_note="",
    )


def _may_alone(db: Session, amount: Money, by: By) -> bool:
    limits = authority.read(house.value(db, controls.AUTHORITIES))
    return authority.may_alone(amount, name=by.name, limits=limits, usual=house.value(db, controls.AUTHORITY))


def _waits(db: Session, claim: Claim, decision: Decision, *, by: By, now: datetime) -> Claim:
    claim.updated_at = now
    claim.version += 1
    journal.record(
        db,
        "claims.second_asked",
        f"claims/claim/{claim.id}",
        actor=by.actor,
        now=now,
        number=claim.claim_number,
        amount_minor=decision.amount_minor,
        currency=claim.currency,
    )
    db.flush()
    return claim

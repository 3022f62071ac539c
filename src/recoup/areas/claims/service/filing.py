"""Filing a claim: the claim, its documents, its history and its mail stand together, or none of them does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recoup.areas.claims import controls
from recoup.areas.claims.models import Claim, Document, Filing, History, Line, Policy, Status
from recoup.areas.claims.queries import policy_rows
from recoup.areas.claims.rules import cover, numbers
from recoup.areas.claims.rules.loss import Loss
from recoup.areas.claims.service import documents, telling
from recoup.areas.claims.service.documents import Ready
from recoup.core.db import lock
from recoup.core.errors import BadRequest, Conflict, Invalid, NotFound
from recoup.core.ids import new_id
from recoup.core.ports import BlobStore
from recoup.core.tasks import defer
from recoup.office.journal import service as journal
from recoup.office.people.models import Person

LOOK = "claims.look"
"""The task that looks at a claim after it was filed: for flags, and for what its documents say."""
NUMBERS_TRIED = 5


@dataclass(frozen=True, slots=True)
class Key:
    """An ``Idempotency-Key`` and the sha256 (hexadecimal) of what came with it."""

    key: str
    sha256: str


def filed_before(db: Session, person_id: UUID, key: Key) -> int | None:
    """Return the claim that was filed under a key; hold the key until this transaction ends.

    Raise Invalid where other content came with the key.
    """
    lock(db, f"recoup.claims.filing:{person_id}:{key.key}")
    found = db.execute(
        select(Filing.claim_id, Filing.sha256).where(Filing.person_id == person_id, Filing.key == key.key)
    ).one_or_none()
    if found is None:
        return None
    if found.sha256 != key.sha256:
        raise Invalid(
            "This Idempotency-Key came with another claim before.", fix="Give each claim a key of its own."
        )
    return int(found.claim_id)


def policy_for(db: Session, policy_id: int, person_id: UUID) -> Policy:
    """Return a person's own policy; raise NotFound."""
    policy = policy_rows.of_id(db, policy_id, owner=person_id)
    if policy is None:
        raise NotFound("User policy not found.", fix="Your policies are at /policies/my.")
    return policy


def check_cover(policy: Policy, loss: Loss, *, today: date) -> None:
    """Raise Invalid or BadRequest where the policy does not cover the day, or the report is of a day to come."""
    cover.check(policy, loss.incident_date, today=today)
    if loss.reported_at is not None and loss.reported_at > today:
        raise Invalid(f"The day of the report {loss.reported_at} is in the future.")


def file(
    db: Session,
    store: BlobStore,
    policy: Policy,
    loss: Loss,
    *,
    ready: Sequence[Ready] = (),
    draft_id: UUID | None = None,
    key: Key | None = None,
    today: date,
    actor: str,
    sender: str,
    portal: str,
    now: datetime,
) -> Claim:
    """File a claim on a policy, with documents that were examined or those of a draft.

    ``today`` is the claimant's own day, ``portal`` this server's address for the mail, ``sender`` who it comes from.
    Raise BadRequest where the policy does not cover the day or no document is there, Conflict for too many
    documents, TooLarge for more than a person may have on open claims.
    """
    check_cover(policy, loss, today=today)
    person = db.get_one(Person, policy.person_id)
    documents.check_count(db, 0, more=len(ready))
    if ready:
        documents.check_quota(db, person.id, more=sum(one.examined.size for one in ready))
    claim = _claim(db, policy, person, loss, now=now)
    kept = [
        documents.keep(db, store, one, person_id=person.id, claim_id=claim.id, actor=actor, now=now)
        for one in ready
    ]
    if draft_id is not None:
        kept += documents.adopt(db, draft_id, claim.id)
    if not kept:
        raise BadRequest("At least one document is required.", fix="Add a bill, a photo or a report.")
    _details(db, claim, loss)
    db.add(
        History(
            claim_id=claim.id,
            person_id=person.id,
            at=now,
            actor=actor,
            was=None,
            status=claim.status,
            reason_code="",
            notes="",
            amount_minor=None,
            version=1,
        )
    )
    if key is not None:
        db.add(Filing(person_id=person.id, key=key.key, sha256=key.sha256, claim_id=claim.id, at=now))
    _record(db, claim, kept, actor=actor, now=now)
    telling.tell_filed(db, claim, kept, to=person.address, sender=sender, portal=portal, now=now)
    defer(db, LOOK, claim_id=str(claim.id))
    db.flush()
    return claim


def _claim(db: Session, policy: Policy, person: Person, loss: Loss, *, now: datetime) -> Claim:
    """Insert the claim under a number that nobody has."""
    due = controls.service_levels(db).due(Status.PENDING, now)
    for _ in range(NUMBERS_TRIED):
        statement = (
            insert(Claim)
            .values(
                claim_number=numbers.claim_number(now),
                person_id=person.id,
                person_name=person.name or person.address,
                policy_id=policy.id,
                policy_number=policy.policy_number,
                claim_type=loss.claim_type,
                incident_date=loss.incident_date,
                description=loss.description,
                currency=loss.amount.currency,
                claim_minor=loss.amount.minor,
                status=Status.PENDING,
                status_notes="",
                reason_code="",
                version=1,
                open_flags=0,
                is_history=False,
                created_at=now,
                updated_at=now,
                status_since=now,
                due_at=due,
                loss_time=loss.loss_time,
                loss_location=loss.loss_location,
                cause=loss.cause,
                police_report_no=loss.police_report_no,
                reported_at=loss.reported_at,
            )
            .on_conflict_do_nothing(index_elements=[Claim.claim_number])
            .returning(Claim)
        )
        claim = db.scalars(statement).one_or_none()
        if claim is not None:
            return claim
    raise Conflict("No number was free for this claim.", fix="File it again.")


def _details(db: Session, claim: Claim, loss: Loss) -> None:
    db.add_all(
        Line(
            id=new_id(),
            claim_id=claim.id,
            person_id=claim.person_id,
            position=position,
            title=one.title,
            claimed_minor=one.amount.minor,
            approved_minor=None,
            reason_code="",
        )
        for position, one in enumerate(loss.lines, 1)
    )


def _record(db: Session, claim: Claim, kept: Sequence[Document], *, actor: str, now: datetime) -> None:
    journal.record(
        db,
        "claims.filed",
        f"claims/claim/{claim.id}",
        actor=actor,
        now=now,
        number=claim.claim_number,
        policy=claim.policy_number,
        type=claim.claim_type,
        amount_minor=claim.claim_minor,
        currency=claim.currency,
        documents=[one.id for one in kept],
    )

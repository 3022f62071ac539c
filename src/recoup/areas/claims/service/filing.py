"""Filing a claim: the claim, its documents, its history and what tells of it stand together, or none of them does.

This is the one place where many people may come at once, so its rows are written as rows, a statement for each table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table, insert
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from recoup.areas.claims import controls
from recoup.areas.claims.models import Claim, Document, Filing, History, Line, Policy, Status
from recoup.areas.claims.queries import claim_rows, policy_rows
from recoup.areas.claims.rules import cover, numbers
from recoup.areas.claims.rules.loss import Loss
from recoup.areas.claims.service import documents
from recoup.areas.claims.service.documents import Ready
from recoup.areas.claims.service.flagging import LOOK
from recoup.core.db import lock
from recoup.core.errors import BadRequest, Conflict, Invalid, NotFound
from recoup.core.ids import new_id
from recoup.core.ports import BlobStore
from recoup.core.tasks import defer
from recoup.office.controls import service as house
from recoup.office.journal import service as journal

NUMBERS_TRIED = 5
_CLAIMS: Table = Claim.__table__  # type: ignore[assignment]
_CLAIM = (
    postgresql.insert(_CLAIMS).on_conflict_do_nothing(index_elements=["claim_number"]).returning(_CLAIMS.c.id)
)
_HISTORY = insert(History.__table__).returning(History.__table__.c.id)  # type: ignore[arg-type]
_LINES = insert(Line.__table__)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Key:
    """An ``Idempotency-Key`` and the sha256 (hexadecimal) of what came with it."""

    key: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Filed:
    """A claim that was filed, with what hangs on it; all of it as it stands, and in no session."""

    claim: Claim
    documents: Sequence[Document]
    history: Sequence[History]


def filed_before(db: Session, person_id: UUID, key: Key) -> int | None:
    """Return the claim that was filed under a key; hold the key until this transaction ends.

    Raise Invalid where other content came with the key.
    """
    lock(db, f"recoup.claims.filing:{person_id}:{key.key}")
    found = claim_rows.filing(db, person_id, key.key)
    if found is None:
        return None
    if found.sha256 != key.sha256:
        raise Invalid(
            "This Idempotency-Key came with another claim before.", fix="Give each claim a key of its own."
        )
    return found.claim_id


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
    now: datetime,
) -> Filed:
    """File a claim on a policy, with documents that were examined or those of a draft.

    ``today`` is the claimant's own day. The mail that tells of it is planned by a task that is queued here, in the same
    transaction. Raise BadRequest where the policy does not cover the day or no document is there, Conflict for too
    many documents, TooLarge for more than a person may have on open claims.
    """
    check_cover(policy, loss, today=today)
    held = house.values(db, controls.MOST_DOCUMENTS, controls.MOST_MB, *controls.SERVICE_LEVELS)
    documents.check_count(held.value(controls.MOST_DOCUMENTS), 0, more=len(ready))
    if ready:
        more = sum(one.examined.size for one in ready)
        documents.check_quota(db, policy.person_id, most_mb=held.value(controls.MOST_MB), more=more)
    due = controls.levels_of(held).due(Status.PENDING, now)
    claim = _claim(db, policy, loss, due=due, now=now)
    kept: list[Document] = documents.keep_all(
        db, store, ready, person_id=claim.person_id, claim_id=claim.id, actor=actor, now=now
    )
    if draft_id is not None:
        kept += documents.adopt(db, draft_id, claim.id)
    if not kept:
        raise BadRequest("At least one document is required.", fix="Add a bill, a photo or a report.")
    history = _begun(db, claim, actor=actor, now=now)
    _details(db, claim, loss)
    if key is not None:
        db.add(Filing(person_id=claim.person_id, key=key.key, sha256=key.sha256, claim_id=claim.id, at=now))
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
    defer(db, LOOK, claim_id=str(claim.id))
    db.flush()
    return Filed(claim, kept, [history])


def _claim(db: Session, policy: Policy, loss: Loss, *, due: datetime | None, now: datetime) -> Claim:
    """Insert the claim under a number that nobody has."""
    values: Mapping[str, Any] = {
        "person_id": policy.person_id,
        "person_name": policy_rows.holder_name(db, policy),
        "policy_id": policy.id,
        "policy_number": policy.policy_number,
        "claim_type": loss.claim_type,
        "incident_date": loss.incident_date,
        "description": loss.description,
        "currency": loss.amount.currency,
        "claim_minor": loss.amount.minor,
        "approved_minor": None,
        "status": Status.PENDING.value,
        "status_notes": "",
        "reason_code": "",
        "version": 1,
        "assignee_id": None,
        "open_flags": 0,
        "is_history": False,
        "created_at": now,
        "updated_at": now,
        "status_since": now,
        "due_at": due,
        "decided_at": None,
        "looked_at": None,
        "asked_at": None,
        "loss_time": loss.loss_time,
        "loss_location": loss.loss_location,
        "cause": loss.cause,
        "police_report_no": loss.police_report_no,
        "reported_at": loss.reported_at,
    }
    for _ in range(NUMBERS_TRIED):
        number = numbers.claim_number(now)
        claim_id = db.execute(_CLAIM, {**values, "claim_number": number}).scalar_one_or_none()
        if claim_id is not None:
            return Claim(**values, id=claim_id, claim_number=number)
    raise Conflict("No number was free for this claim.", fix="File it again.")


def _begun(db: Session, claim: Claim, *, actor: str, now: datetime) -> History:
    values: Mapping[str, Any] = {
        "claim_id": claim.id,
        "person_id": claim.person_id,
        "at": now,
        "actor": actor,
        "was": None,
        "status": claim.status,
        "reason_code": "",
        "notes": "",
        "amount_minor": None,
        "version": 1,
    }
    return History(**values, id=db.execute(_HISTORY, values).scalar_one())


def _details(db: Session, claim: Claim, loss: Loss) -> None:
    parts = [
        {
            "id": new_id(),
            "claim_id": claim.id,
            "person_id": claim.person_id,
            "position": position,
            "title": one.title,
            "claimed_minor": one.amount.minor,
            "approved_minor": None,
            "reason_code": "",
        }
        for position, one in enumerate(loss.lines, 1)
    ]
    if parts:
        db.execute(_LINES, parts)

"""Flags: raised when a claim is looked at, resolved by a person with a note."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recoup.areas.claims import controls
from recoup.areas.claims.models import Claim, Document, Finding, Flag
from recoup.areas.claims.queries import claim_rows, document_rows, flag_rows, policy_rows
from recoup.areas.claims.rules import flags as rules
from recoup.areas.claims.service import moves, proposing, telling
from recoup.areas.claims.service.moves import By, House
from recoup.core.errors import Conflict, Invalid, NotFound
from recoup.core.money import Money
from recoup.core.tasks import defer
from recoup.office.controls import service as house
from recoup.office.journal import service as journal

LOOK = "claims.look"
"""The task that tells a claimant that a claim was filed, and looks at it for flags."""

PATIENCE = timedelta(minutes=2)
"""So long after it was filed a claim should have been looked at."""
MOST_AT_ONCE = 500


def look(db: Session, claim_id: int, *, house_: House, now: datetime) -> int:
    """Tell the claimant that a claim was filed, and raise what flags there are to raise; return how many are new.

    Looking again tells and raises nothing twice, and brings no flag back that somebody resolved.
    """
    claim = claim_rows.by_id(db, claim_id, for_update=True)
    if claim is None or claim.is_history:
        return 0
    documents = document_rows.of_claim(db, claim.id)
    telling.tell_filed(
        db, claim, documents, sender=house_.sender, portal=house_.portal, ways=house_.ways, now=now
    )
    policy = policy_rows.of_id(db, claim.policy_id) if claim.policy_id is not None else None
    facts = rules.Facts(
        amount=Money(claim.claim_minor, claim.currency),
        incident=claim.incident_date,
        filed_at=claim.created_at,
        policy_start=policy.start_date if policy else None,
        earlier=claim_rows.filed_since(db, claim.person_id, claim, days=rules.VELOCITY_DAYS),
        usual=flag_rows.usual(db, claim),
        documents=[_seen(db, one) for one in documents],
    )
    found = rules.raised(
        facts, large=house.value(db, controls.LARGE), many=house.value(db, controls.VELOCITY)
    )
    new = 0
    for one in found:
        values = {
            "claim_id": claim.id,
            "person_id": claim.person_id,
            "kind": one.kind,
            "about": one.about,
            "reason": one.reason,
            "details": dict(one.details),
            "created_at": now,
            "resolved_by": "",
            "note": "",
        }
        added = insert(Flag).values(values).on_conflict_do_nothing().returning(Flag.id)
        new += db.execute(added).one_or_none() is not None
    claim.looked_at = now
    if document_rows.unread(db, claim_id=claim.id):
        proposing.queue_claim(db, claim.id)
    _count(db, claim)
    if new:
        for other in _alike(db, documents):
            defer(db, LOOK, once=f"{LOOK}:{other}", claim_id=str(other))
        journal.record(
            db,
            "claims.flagged",
            f"claims/claim/{claim.id}",
            actor="claims",
            now=now,
            number=claim.claim_number,
            flags=sorted({str(one.kind) for one in found}),
        )
    return new


def sweep(db: Session, now: datetime) -> None:
    """Queue the look at claims again that nobody looked at: queueing twice is harmless."""
    for claim_id in flag_rows.not_looked_at(db, before=now - PATIENCE, limit=MOST_AT_ONCE):
        defer(db, LOOK, once=f"{LOOK}:{claim_id}", claim_id=str(claim_id))


def resolve(
    db: Session, claim_id: int, flag_id: int, finding: Finding, *, note: str, by: By, now: datetime
) -> Flag:
    """Say of a flag whether it was right, with a note; raise Conflict where somebody said so already."""
    claim = moves.locked(db, claim_id)
    moves.not_ones_own(claim, by)
    flag = flag_rows.one(db, claim_id, flag_id)
    if flag is None:
        raise NotFound(f"There is no flag {flag_id} on this claim.")
    if flag.resolved_at is not None:
        raise Conflict(f"{flag.resolved_by} looked at this flag already.")
    if not note:
        raise Invalid("A flag is resolved with a note on what you found.")
    flag.finding, flag.note, flag.resolved_at, flag.resolved_by = finding, note, now, by.actor
    db.flush()
    _count(db, claim)
    journal.record(
        db,
        "claims.flag_resolved",
        f"claims/claim/{claim.id}",
        actor=by.actor,
        now=now,
        number=claim.claim_number,
        flag=flag.kind,
        finding=str(finding),
        note=note,
    )
    db.flush()
    return flag


def _alike(db: Session, documents: Sequence[Document]) -> list[int]:
    """Return the other claims with the same documents: what is odd about one is odd about them."""
    return sorted({one.id for document in documents for one in document_rows.same_bytes(db, document)})


def _seen(db: Session, document: Document) -> rules.Seen:
    near = (
        document_rows.near_pictures(db, document, most_bits=rules.NEAR_BITS)
        if document.fingerprint is not None and rules.tells(document.fingerprint)
        else []
    )
    return rules.Seen(
        id=document.id,
        name=document.file_name,
        facts=document.facts,
        same=[one.claim_number for one in document_rows.same_bytes(db, document)],
        near=list(dict.fromkeys(one.claim_number for one in near)),
    )


def _count(db: Session, claim: Claim) -> None:
    claim.open_flags = flag_rows.still_open(db, claim.id)
    db.flush()

"""Drafts: a claim in the making, kept here so that it survives a reload, another device and a restart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.claims.models import Claim, Document, DocumentState, Draft, Policy, PolicyStatus
from recoup.areas.claims.queries import document_rows, draft_rows
from recoup.areas.claims.rules import cover, wording
from recoup.areas.claims.rules import loss as losses
from recoup.areas.claims.service import documents, filing, proposing
from recoup.areas.claims.service.documents import Ready
from recoup.areas.claims.service.moves import By
from recoup.core.errors import Conflict, Invalid, NotFound
from recoup.core.ids import new_id
from recoup.core.ports import BlobStore

MOST_DRAFTS = 20
LONGEST_TYPED = 12_000
FIELDS = ("user_policy_id", *losses.FIELDS)


def begin(db: Session, person_id: UUID, *, now: datetime) -> Draft:
    """Begin a claim; raise Conflict where somebody has too many begun."""
    if len(draft_rows.open_of(db, person_id)) >= MOST_DRAFTS:
        raise Conflict(f"You have begun {MOST_DRAFTS} claims already.", fix="Finish or discard one of them.")
    draft = Draft(
        id=new_id(),
        person_id=person_id,
        typed={},
        created_at=now,
        updated_at=now,
        filed_at=None,
        filed_claim_id=None,
        discarded_at=None,
    )
    db.add(draft)
    db.flush()
    return draft


def opened(db: Session, draft_id: UUID, person_id: UUID | None) -> Draft:
    """Return somebody's own draft for changing; raise NotFound, or Conflict where it was filed."""
    draft = (
        draft_rows.by_id(db, draft_id, owner=person_id, for_update=True) if person_id is not None else None
    )
    if draft is None or draft.discarded_at is not None:
        raise NotFound("There is no such draft.", fix="Your claims and drafts are under My claims.")
    if draft.filed_at is not None:
        raise Conflict("This claim was filed already.", fix="You find it under My claims.")
    return draft


def type_in(db: Session, draft: Draft, typed: Mapping[str, str], *, now: datetime) -> None:
    """Keep what was typed, right or wrong; nothing is checked but that it can be kept."""
    kept = dict(draft.typed)
    for name, text in typed.items():
        if name not in FIELDS:
            raise Invalid(f"A claim has no field {name[:40]!r}.")
        if len(text) > LONGEST_TYPED or "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
            raise Invalid("What was typed is too long, or holds a character that cannot be kept.")
        kept[name] = text
    draft.typed, draft.updated_at = kept, now
    db.flush()


def add_document(
    db: Session, store: BlobStore, draft: Draft, ready: Ready, *, by: By, now: datetime
) -> Document:
    """Keep a document in a draft, and have it read for the one who types."""
    documents.check_room(db, draft.person_id, ready, there=len(document_rows.of_draft(db, draft.id)))
    draft.updated_at = now
    kept = documents.keep(
        db, store, ready, person_id=draft.person_id, draft_id=draft.id, actor=by.actor, now=now
    )
    proposing.queue_draft(db, kept)
    return kept


def remove_document(db: Session, draft: Draft, document_id: int, *, by: By, now: datetime) -> None:
    """Take a document out of a draft, with what was read in it."""
    document = document_rows.one(db, document_id, draft_id=draft.id, for_update=True)
    if document is None:
        raise NotFound("There is no such document in this draft.")
    documents.withdraw(db, document, reason="Removed before filing.", actor=by.actor, now=now)
    proposing.forget(db, document.id)
    draft.updated_at = now
    db.flush()


def problems(db: Session, draft: Draft, *, today: date) -> dict[str, str]:
    """Return a sentence for each field of a draft that cannot be filed so; ``documents`` is one of them."""
    found: dict[str, str] = {}
    policy = draft_rows.policy_of(db, draft)
    if policy is None:
        found["user_policy_id"] = "Choose the policy."
    _, wrong = losses.read(draft.typed, currency=policy.currency if policy else "EUR")
    found |= wrong
    if policy is not None:
        found |= _uncovered(policy, draft.typed, today=today)
    there = document_rows.of_draft(db, draft.id)
    bad = [one.file_name for one in there if one.state == DocumentState.INFECTED]
    if bad:
        found["documents"] = f"{' and '.join(bad)} cannot be used. Remove it, and send another copy."
    elif not there:
        found["documents"] = "At least one document is required."
    return found


def _uncovered(policy: Policy, typed: Mapping[str, str], *, today: date) -> dict[str, str]:
    """Return what is wrong with the days of a claim on a policy, as far as they can be read already."""
    found = {}
    incident, reported = (_day(typed.get(name, "")) for name in ("incident_date", "reported_at"))
    if policy.status == PolicyStatus.CANCELLED:
        found["user_policy_id"] = f"Policy {policy.policy_number} was cancelled. Choose another one."
    elif incident is not None:
        try:
            cover.check(policy, incident, today=today)
        except Invalid as error:
            found["incident_date"] = error.sentence()
    if reported is not None and reported > today:
        found["reported_at"] = f"The day of the report {reported} is in the future."
    return found


def _day(text: str) -> date | None:
    try:
        return wording.day(text)
    except Invalid:
        return None


def file(db: Session, store: BlobStore, draft: Draft, *, today: date, by: By, now: datetime) -> Claim:
    """File a draft. Raise Invalid with every sentence where something is wrong with it."""
    if found := problems(db, draft, today=today):
        raise Invalid(" ".join(found.values()))
    policy = draft_rows.policy_of(db, draft)
    if policy is None:  # told above
        raise NotFound("User policy not found.")
    claim = filing.file(
        db,
        store,
        policy,
        losses.checked(draft.typed, currency=policy.currency),
        draft_id=draft.id,
        today=today,
        actor=by.actor,
        now=now,
    ).claim
    draft.filed_at, draft.filed_claim_id = now, claim.id
    db.flush()
    return claim


def discard(db: Session, draft: Draft, *, by: By, now: datetime) -> None:
    """Throw a draft away; its documents are withdrawn, and what was typed is gone."""
    for one in document_rows.of_draft(db, draft.id, for_update=True):
        documents.withdraw(db, one, reason="The draft was discarded.", actor=by.actor, now=now)
        proposing.forget(db, one.id)
    draft.typed, draft.updated_at, draft.discarded_at = {}, now, now
    db.flush()

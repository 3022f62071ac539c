"""Messages between a claimant and the reviewers, and documents that come later."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from recoup.areas.claims.models import Claim, Document, Note
from recoup.areas.claims.queries import document_rows
from recoup.areas.claims.rules.statuses import OPEN, TITLES
from recoup.areas.claims.service import documents, telling
from recoup.areas.claims.service.documents import Ready
from recoup.areas.claims.service.flagging import LOOK
from recoup.areas.claims.service.moves import By, House
from recoup.core.errors import Conflict
from recoup.core.ids import new_id
from recoup.core.ports import BlobStore
from recoup.core.tasks import defer
from recoup.office.journal import service as journal

MORE_FOLLOW = timedelta(days=1)


def write(
    db: Session,
    claim: Claim,
    text: str,
    *,
    from_staff: bool,
    is_request: bool = False,
    by: By,
    house_: House,
    now: datetime,
) -> Note:
    """Write a message on a claim. The claimant gets a mail of what a reviewer writes; the desk shows what they answer.

    ``is_request``: the reviewer asks for a document or an answer. A claimant's message answers what was asked.
    """
    note = Note(
        id=new_id(),
        claim_id=claim.id,
        person_id=claim.person_id,
        at=now,
        author=by.name,
        from_staff=from_staff,
        is_request=from_staff and is_request,
        answered_at=None,
        text=text,
    )
    db.add(note)
    claim.updated_at = now
    if from_staff:
        claim.asked_at = now if is_request else claim.asked_at
        telling.tell_noted(
            db, claim, note, sender=house_.sender, portal=house_.portal, ways=house_.ways, now=now
        )
    else:
        answered(db, claim, now=now)
    _record(db, "claims.written", claim, by=by, now=now, is_request=note.is_request)
    db.flush()
    return note


def add_document(
    db: Session, store: BlobStore, claim: Claim, ready: Ready, *, by: By, now: datetime
) -> Document:
    """Keep a document that a claimant adds to a claim that was filed already: only where somebody asked for one."""
    check_asked(db, claim, now=now)
    documents.check_room(db, claim.person_id, ready, there=len(document_rows.of_claim(db, claim.id)))
    document = documents.keep(
        db, store, ready, person_id=claim.person_id, claim_id=claim.id, actor=by.actor, now=now
    )
    claim.updated_at, claim.looked_at = now, None
    answered(db, claim, now=now)
    _record(db, "claims.document_added", claim, by=by, now=now, document=document.id, name=document.file_name)
    defer(db, LOOK, claim_id=str(claim.id))
    db.flush()
    return document


def check_asked(db: Session, claim: Claim, *, now: datetime) -> None:
    """Raise Conflict where nobody asked for a document, or the claim is decided.

    The first document answers what was asked; more may follow it for a day, as a bill has its annexes.
    """
    if claim.status not in OPEN:
        raise Conflict(f"The claim is {TITLES[claim.status].lower()}; no document can be added.")
    if claim.asked_at is None and not document_rows.is_followed(db, claim, since=now - MORE_FOLLOW):
        raise Conflict(
            "Documents are added before a claim is filed, or when a reviewer asks for one.",
            fix="Write a message to the reviewer.",
        )


def answered(db: Session, claim: Claim, *, now: datetime) -> None:
    """Write down that what was asked for has come; a claim that went back for it comes under review again by hand."""
    claim.asked_at = None
    waiting = update(Note).where(Note.claim_id == claim.id, Note.is_request, Note.answered_at.is_(None))
    db.execute(waiting.values(answered_at=now))


def _record(db: Session, kind: str, claim: Claim, *, by: By, now: datetime, **detail: object) -> None:
    journal.record(
        db, kind, f"claims/claim/{claim.id}", actor=by.actor, now=now, number=claim.claim_number, **detail
    )

"""Documents that a claimant adds: to a draft, or to a claim on which somebody asked for one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.claims import controls
from recoup.areas.claims.models import Claim, Document, Draft
from recoup.areas.claims.queries import document_rows
from recoup.areas.claims.service import claimant, documents, drafts, notes
from recoup.areas.claims.service.documents import Ready
from recoup.areas.claims.service.moves import By
from recoup.core.errors import Conflict, NotFound
from recoup.core.ports import BlobStore
from recoup.office.controls import service as house


@dataclass(frozen=True, slots=True)
class Place:
    """What a document is for: a draft or a claim, one of them."""

    draft_id: UUID | None = None
    claim_id: int | None = None

    def __str__(self) -> str:
        """Write it as ``draft/0198…`` or ``claim/12``."""
        return f"draft/{self.draft_id}" if self.draft_id is not None else f"claim/{self.claim_id}"


def place_of(text: str) -> Place:
    """Read what ``str`` of a place wrote."""
    kind, _, name = text.partition("/")
    return Place(draft_id=UUID(name)) if kind == "draft" else Place(claim_id=int(name))


def check_room(db: Session, place: Place, *, size: int, by: By, now: datetime) -> None:
    """Raise what a document of ``size`` bytes would be refused with before any byte of it is taken.

    NotFound for another's draft or claim, Conflict where it takes none or has enough, TooLarge beyond the quota.
    """
    holder = _holder(db, place, by)
    if isinstance(holder, Claim):
        notes.check_asked(db, holder, now=now)
    held = house.values(db, controls.MOST_DOCUMENTS, controls.MOST_MB)
    documents.check_count(held.value(controls.MOST_DOCUMENTS), len(_there(db, place)), more=1)
    documents.check_quota(db, holder.person_id, most_mb=held.value(controls.MOST_MB), more=size)


def add(
    db: Session, store: BlobStore, place: Place, ready: Ready, *, since: datetime, by: By, now: datetime
) -> Document:
    """Keep a document where it belongs, once.

    The same bytes that came after ``since``, when this document began to be sent, are this document: whoever asks
    again after a crash gets it. Raise Conflict where they were there before, and otherwise as ``check_room`` does.
    """
    holder = _holder(db, place, by)
    for one in _there(db, place):
        if one.original_sha256 == ready.examined.original_sha256:
            if one.uploaded_at >= since:
                return one
            raise Conflict(f"{ready.examined.name} is here already, as {one.file_name}.")
    if isinstance(holder, Claim):
        return notes.add_document(db, store, holder, ready, by=by, now=now)
    return drafts.add_document(db, store, holder, ready, by=by, now=now)


def _holder(db: Session, place: Place, by: By) -> Draft | Claim:
    if place.draft_id is not None:
        return drafts.opened(db, place.draft_id, by.person)
    if place.claim_id is None:
        raise NotFound("There is no such claim.")
    return claimant.own(db, place.claim_id, by)


def _there(db: Session, place: Place) -> list[Document]:
    if place.draft_id is not None:
        return list(document_rows.of_draft(db, place.draft_id))
    return document_rows.of_claim(db, place.claim_id or 0)

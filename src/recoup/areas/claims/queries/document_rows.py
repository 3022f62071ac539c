"""Documents of claims and drafts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import cast, func, select
from sqlalchemy.dialects.postgresql import BIT
from sqlalchemy.orm import Session

from recoup.areas.claims.models import Claim, Document, DocumentState, Draft, Status
from recoup.areas.claims.rules.reading import READABLE
from recoup.office.files.models import File

UNDECIDED = (Status.PENDING, Status.UNDER_REVIEW)
_SHOWN = (DocumentState.KEPT, DocumentState.HELD, DocumentState.INFECTED)


def of_claims(db: Session, claim_ids: Sequence[int]) -> dict[int, list[Document]]:
    """Return the documents of each claim in the order in which they came; withdrawn ones are left out."""
    found: dict[int, list[Document]] = {one: [] for one in claim_ids}
    statement = select(Document).where(Document.claim_id.in_(claim_ids), Document.state.in_(_SHOWN))
    for row in db.scalars(statement.order_by(Document.id)):
        found[int(row.claim_id or 0)].append(row)
    return found


def of_claim(db: Session, claim_id: int) -> list[Document]:
    """Return the documents of one claim."""
    return of_claims(db, [claim_id])[claim_id]


def of_draft(db: Session, draft_id: UUID, *, for_update: bool = False) -> Sequence[Document]:
    """Return the documents of a draft in the order in which they came; withdrawn ones are left out."""
    statement = select(Document).where(
        Document.draft_id == draft_id, Document.state != DocumentState.WITHDRAWN
    )
    if for_update:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return db.scalars(statement.order_by(Document.id)).all()


def one(
    db: Session,
    document_id: int,
    *,
    claim_id: int | None = None,
    draft_id: UUID | None = None,
    for_update: bool = False,
) -> Document | None:
    """Return a document of that claim or draft; one of another is not found."""
    if not 0 < document_id < 2**63:
        return None
    statement = select(Document).where(
        Document.id == document_id,
        Document.claim_id == claim_id if claim_id is not None else Document.draft_id == draft_id,
        Document.state != DocumentState.WITHDRAWN,
    )
    if for_update:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return db.scalars(statement).one_or_none()


def is_followed(db: Session, claim: Claim, *, since: datetime) -> bool:
    """Say whether a document was added to a claim after it was filed, and since an instant."""
    statement = select(Document.id).where(
        Document.claim_id == claim.id, Document.uploaded_at > claim.created_at, Document.uploaded_at >= since
    )
    return db.execute(statement.limit(1)).first() is not None


def by_id(db: Session, document_id: int, *, for_update: bool = False) -> Document | None:
    """Return a document, wherever it hangs."""
    statement = select(Document).where(Document.id == document_id)
    if for_update:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return db.scalars(statement).one_or_none()


def unread(db: Session, *, claim_id: int | None = None, draft_id: UUID | None = None) -> Sequence[Document]:
    """Return the documents of a claim or of a draft that can be read and were not, the oldest first."""
    statement = select(Document).where(
        Document.claim_id == claim_id if claim_id is not None else Document.draft_id == draft_id,
        Document.state == DocumentState.KEPT,
        Document.kind.in_(READABLE),
        Document.read_at.is_(None),
    )
    return db.scalars(statement.order_by(Document.id)).all()


def file_of(db: Session, document: Document) -> File | None:
    """Return the stored bytes of a document."""
    return None if document.file_id is None else db.get(File, document.file_id)


def bytes_of_person(db: Session, person_id: UUID) -> int:
    """Return how many bytes a person's documents have on claims that are not decided, and in drafts."""
    size = func.coalesce(func.sum(Document.size), 0)
    statement = (
        select(size)
        .outerjoin(Claim, Claim.id == Document.claim_id)
        .outerjoin(Draft, Draft.id == Document.draft_id)
        .where(
            Document.person_id == person_id,
            Document.state.in_(_SHOWN),
            (Claim.status.in_(UNDECIDED)) | (Draft.id.is_not(None) & Draft.filed_at.is_(None)),
        )
    )
    return int(db.execute(statement).scalar_one())


def held(db: Session, *, limit: int = 200) -> Sequence[Document]:
    """Return documents that the virus scanner has not looked at, oldest first."""
    statement = (
        select(Document).where(Document.state == DocumentState.HELD).order_by(Document.id).limit(limit)
    )
    return db.scalars(statement).all()


def same_bytes(db: Session, document: Document) -> Sequence[Any]:
    """Return ``(claim_id, claim_number)`` of other claims that came with the very same file, oldest first."""
    statement = (
        select(Claim.id, Claim.claim_number)
        .join(Document, Document.claim_id == Claim.id)
        .where(
            Document.original_sha256 == document.original_sha256,
            Document.claim_id != document.claim_id,
            Document.state.in_(_SHOWN),
        )
        .order_by(Claim.id)
        .limit(5)
    )
    return db.execute(statement).all()


def near_pictures(db: Session, document: Document, *, most_bits: int) -> Sequence[Any]:
    """Return ``(claim_id, claim_number, bits)`` of other claims with a picture that differs in few bits."""
    bits = func.bit_count(cast(Document.fingerprint.op("#")(document.fingerprint), BIT(64)))
    statement = (
        select(Claim.id, Claim.claim_number, bits)
        .join(Document, Document.claim_id == Claim.id)
        .where(
            Document.fingerprint.is_not(None),
            Document.claim_id != document.claim_id,
            Document.original_sha256 != document.original_sha256,
            bits <= most_bits,
        )
        .order_by(bits, Claim.id)
        .limit(5)
    )
    return db.execute(statement).all()

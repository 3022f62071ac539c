"""Documents: kept as they were rewritten, moved from a draft to its claim, released or withdrawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from recoup.areas.claims import controls
from recoup.areas.claims.models import Document, DocumentState
from recoup.areas.claims.queries import document_rows
from recoup.core.db import lock
from recoup.core.errors import Conflict, TooLarge
from recoup.core.ports import BlobStore, Examined
from recoup.office.controls import service as house
from recoup.office.files import service as files
from recoup.office.files.models import File
from recoup.office.journal import service as journal

MAY = "claims.look"
"""What opening a claim's file needs on the pages of stored files."""
MB = 1_000_000
_DOCUMENT = insert(Document.__table__).returning(Document.__table__.c.id)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Ready:
    """A document that was examined: what it is, and where its rewritten bytes lie until they are kept.

    ``held``: the virus scanner did not answer, so nobody gets it until it does.
    """

    examined: Examined
    path: Path
    held: bool = False


def check_count(most: int, there: int, *, more: int) -> None:
    """Raise Conflict where a claim would have more than ``most`` documents."""
    if there + more > most:
        raise Conflict(
            f"A claim has at most {most} documents, and this would be number {most + 1}.",
            fix="Put pages together into one PDF, or remove a document.",
        )


def check_quota(db: Session, person_id: UUID, *, most_mb: int, more: int) -> None:
    """Raise TooLarge where a person's open claims and drafts would hold too much; two requests at once queue up."""
    lock(db, f"recoup.claims.quota:{person_id}")
    if document_rows.bytes_of_person(db, person_id) + more > most_mb * MB:
        raise TooLarge(
            f"Documents on open claims and in drafts may take {most_mb} MB together, and this would be more.",
            fix="Remove a document from a draft, or wait until a claim is decided.",
        )


def check_room(db: Session, person_id: UUID, ready: Ready, *, there: int) -> None:
    """Raise what ``check_count`` and ``check_quota`` do, for one document more than are ``there``."""
    held = house.values(db, controls.MOST_DOCUMENTS, controls.MOST_MB)
    check_count(held.value(controls.MOST_DOCUMENTS), there, more=1)
    check_quota(db, person_id, most_mb=held.value(controls.MOST_MB), more=ready.examined.size)


def keep(
    db: Session,
    store: BlobStore,
    ready: Ready,
    *,
    person_id: UUID,
    claim_id: int | None = None,
    draft_id: UUID | None = None,
    actor: str,
    now: datetime,
) -> Document:
    """Keep one document; see ``keep_all``."""
    (kept,) = keep_all(
        db, store, [ready], person_id=person_id, claim_id=claim_id, draft_id=draft_id, actor=actor, now=now
    )
    return kept


def keep_all(
    db: Session,
    store: BlobStore,
    ready: Sequence[Ready],
    *,
    person_id: UUID,
    claim_id: int | None = None,
    draft_id: UUID | None = None,
    actor: str,
    now: datetime,
) -> list[Document]:
    """Keep documents on a claim or in a draft. Each object is written first, so that a row never lacks its bytes.

    What is returned stands in no session.
    """
    stored = [
        _stored(db, store, one, claim_id=claim_id, draft_id=draft_id, actor=actor, now=now) for one in ready
    ]
    db.flush()
    kept = []
    for one, file in zip(ready, stored, strict=True):
        examined = one.examined
        values: Mapping[str, Any] = {
            "claim_id": claim_id,
            "draft_id": draft_id,
            "person_id": person_id,
            "file_id": file.id,
            "file_name": file.name,
            "kind": examined.kind,
            "media_type": examined.media_type,
            "size": file.size,
            "original_size": examined.original_size,
            "original_sha256": examined.original_sha256,
            "fingerprint": examined.fingerprint,
            "facts": dict(examined.facts),
            "removed": list(examined.removed),
            "state": (DocumentState.HELD if one.held else DocumentState.KEPT).value,
            "reason": "The virus scanner did not answer yet." if one.held else "",
            "uploaded_at": now,
            "uploaded_by": actor,
            "read_at": None,
            "reading_until": None,
            "reader": None,
        }
        kept.append(Document(**values, id=db.execute(_DOCUMENT, values).scalar_one()))
    return kept


def _stored(
    db: Session,
    store: BlobStore,
    ready: Ready,
    *,
    claim_id: int | None,
    draft_id: UUID | None,
    actor: str,
    now: datetime,
) -> File:
    with ready.path.open("rb") as body:
        return files.keep(
            db,
            store,
            body=body,
            name=ready.examined.name,
            media_type=ready.examined.media_type,
            subject=f"claims/claim/{claim_id}" if claim_id is not None else f"claims/draft/{draft_id}",
            actor=actor,
            now=now,
            may=MAY,
        )


def adopt(db: Session, draft_id: UUID, claim_id: int) -> list[Document]:
    """Hang a draft's documents on its claim."""
    adopted = list(document_rows.of_draft(db, draft_id, for_update=True))
    for one in adopted:
        one.draft_id, one.claim_id = None, claim_id
    return adopted


def withdraw(db: Session, document: Document, *, reason: str, actor: str, now: datetime) -> None:
    """Take a document away: no link opens it any more, and its bytes are removed."""
    document.state, document.reason = DocumentState.WITHDRAWN, reason
    _take_file(db, document, reason=reason, actor=actor, now=now)
    journal.record(
        db,
        "claims.document_withdrawn",
        _subject(document),
        actor=actor,
        now=now,
        document=document.id,
        name=document.file_name,
        reason=reason,
    )


def infected(db: Session, document: Document, *, found: str, now: datetime) -> None:
    """Write down that the scanner found something: the document is never given to anybody."""
    document.state, document.reason = DocumentState.INFECTED, found
    _take_file(db, document, reason=f"The virus scanner found {found}.", actor="claims", now=now)
    journal.record(
        db,
        "claims.document_infected",
        _subject(document),
        actor="claims",
        now=now,
        document=document.id,
        name=document.file_name,
        found=found,
    )


def released(db: Session, document: Document, *, now: datetime) -> None:
    """Write down that the scanner found nothing in a document that was held."""
    document.state, document.reason = DocumentState.KEPT, ""
    journal.record(
        db,
        "claims.document_released",
        _subject(document),
        actor="claims",
        now=now,
        document=document.id,
        name=document.file_name,
    )


def _take_file(db: Session, document: Document, *, reason: str, actor: str, now: datetime) -> None:
    file = document_rows.file_of(db, document)
    if file is not None:
        files.withdraw(db, file, reason=reason, actor=actor, now=now)


def _subject(document: Document) -> str:
    if document.claim_id is not None:
        return f"claims/claim/{document.claim_id}"
    return f"claims/draft/{document.draft_id}"

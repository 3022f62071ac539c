"""What the demo's third act came to: our rows and stored bytes beside what was sent and decided."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy import select
from sqlalchemy.orm import Session

from recoup.areas.claims.models import Claim, Document, Flag, History, Payment
from recoup.core.ports import BlobStore
from recoup.entry.demo_figures import Check
from recoup.office.files import service as files
from recoup.office.files.models import File
from recoup.office.owed import queries as owed
from recoup.sandbox.claim_documents import POSITION, SCRIPT

MOST = 10_000
DANGERS = (
    b"/JavaScript",
    b"/OpenAction",
    b"/EmbeddedFile",
    SCRIPT.encode(),
    POSITION.encode(),
    b"Exif\0\0",
    b"<script",
)
PLANNED: Mapping[str, str] = {
    "operation": "completed",
    "windscreen": "approved",
    "burglary": "under_review",
    "trip": "rejected",
    "tooth": "pending",
    "same bill": "pending",
}
"""What each claim is in the end."""


@dataclass(slots=True)
class ClaimsBooks:
    """What our tables, the store and the mails say."""

    statuses: dict[int, str] = field(default_factory=dict)
    moves: int = 0
    documents: dict[str, bytes] = field(default_factory=dict)
    """Stored bytes by name."""
    damaged: list[str] = field(default_factory=list)
    """Documents whose stored bytes are not those of their row."""
    flags: dict[int, set[str]] = field(default_factory=dict)
    open_payments: dict[str, int] = field(default_factory=dict)
    owed: dict[str, int] = field(default_factory=dict)
    planned: Counter[str] = field(default_factory=Counter)
    """Mails by key, as they lie in the folder."""


def read_claims(db: Session, store: BlobStore, mails: Path) -> ClaimsBooks:
    """Read what became of every claim."""
    books = ClaimsBooks()
    for claim in db.scalars(select(Claim).order_by(Claim.id)):
        books.statuses[claim.id] = claim.status
        books.flags[claim.id] = set()
    books.moves = len(db.scalars(select(History.id).where(History.was.is_not(None))).all())
    for flag in db.scalars(select(Flag)):
        books.flags[flag.claim_id].add(flag.kind)
    for document, file in db.execute(select(Document, File).join(File, File.id == Document.file_id)):
        with files.open_file(store, file) as stored:
            body = stored.read()
        books.documents[f"{document.claim_id} {document.file_name}"] = body
        if hashlib.sha256(body).hexdigest() != file.sha256:
            books.damaged.append(document.file_name)
    for payment in db.scalars(select(Payment).where(Payment.state == "open")):
        number = db.get_one(Claim, payment.claim_id).claim_number
        books.open_payments[f"claims:{number}"] = payment.amount_minor
    for item in owed.open_items(db, area="claims", limit=MOST):
        books.owed[item.key] = item.amount_minor or 0
    books.planned.update(
        key for one in mails.glob("*.eml") if (key := unquote(one.stem)).startswith("claims:")
    )
    return books


def checks(books: ClaimsBooks, filed: Mapping[str, int], *, sent: int, refused: str) -> list[Check]:
    """Compare what we have with what was sent and decided."""
    return [
        Check(
            f"{len(filed)} claims stand where they were moved to, with all {sent} documents that were sent.",
            tuple(_standing(books, filed, sent)),
        ),
        Check(
            "What was stored of the documents is what was written down, and holds no script, file or position.",
            tuple(_dangers(books)),
        ),
        Check(
            "The page that called itself a PDF was refused with a sentence.",
            () if "bill.pdf" in refused else (f"It was answered with {refused!r}.",),
        ),
        Check(
            "The bill that two people sent is flagged on both claims, and on no other.",
            tuple(_flags(books, filed)),
        ),
        Check(
            "What was approved and not paid is in the book of what is owed, to the cent.",
            ()
            if books.open_payments == books.owed and books.owed
            else (f"{books.open_payments}, {books.owed}",),
        ),
        Check(
            f"Each claimant got a mail for each filing and each of {books.moves} moves, and none twice.",
            tuple(_mails(books, filed)),
        ),
    ]


def _standing(books: ClaimsBooks, filed: Mapping[str, int], sent: int) -> Iterator[str]:
    for name, claim_id in filed.items():
        if books.statuses.get(claim_id) != PLANNED[name]:
            yield f"The claim about the {name} is {books.statuses.get(claim_id)}."
    if len(books.documents) != sent:
        yield f"{len(books.documents)} documents are stored."


def _dangers(books: ClaimsBooks) -> Iterator[str]:
    yield from (f"{name} is damaged." for name in books.damaged)
    for name, body in books.documents.items():
        yield from (f"{name} still holds {danger!r}." for danger in DANGERS if danger in body)


def _flags(books: ClaimsBooks, filed: Mapping[str, int]) -> Iterator[str]:
    raised = {name for name, claim_id in filed.items() if "same_document" in books.flags[claim_id]}
    if raised != {"same bill", "tooth"}:
        yield f"It is raised on {', '.join(sorted(raised)) or 'none'}."


def _mails(books: ClaimsBooks, filed: Mapping[str, int]) -> Iterator[str]:
    missing = [f"claims:{one}:filed" for one in filed.values() if f"claims:{one}:filed" not in books.planned]
    yield from (f"{key} is not there." for key in missing)
    yield from (f"{key} is there {times} times." for key, times in books.planned.items() if times > 1)
    messages = 1  # the one that asks for an original
    if len(books.planned) != len(filed) + books.moves + messages:
        yield f"There are {len(books.planned)} mails for {len(filed)} filings, {books.moves} moves and a message."

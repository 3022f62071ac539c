"""What the documents of a draft say, for the one who types it: offered, and taken over by a click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from recoup.areas.claims.models import Document, Draft
from recoup.areas.claims.queries import document_rows, draft_rows, review_rows
from recoup.areas.claims.rules import autofill as rules
from recoup.areas.claims.rules import reading
from recoup.areas.claims.rules.autofill import Offers, Read
from recoup.core.errors import Conflict


@dataclass(frozen=True, slots=True)
class Readings:
    """What is offered of a draft's documents, and the documents that are being read."""

    offers: Offers
    awaited: Sequence[Document]


def of_draft(
    db: Session, draft: Draft, *, typed: Mapping[str, str] | None = None, today: date, now: datetime
) -> Readings:
    """Return what a draft's documents say beside what was typed into it, or is typed just now."""
    documents = document_rows.of_draft(db, draft.id)
    said = review_rows.proposals(db, [one.id for one in documents if one.read_at is not None])
    offers = rules.offered(
        [Read(one.id, one.file_name, said.get(one.id, ())) for one in documents if reading.can_be_read(one)],
        typed=draft.typed if typed is None else typed,
        policy=draft_rows.policy_of(db, draft),
        today=today,
    )
    return Readings(offers, [one for one in documents if reading.is_awaited(one, now=now)])


def taken(db: Session, draft: Draft, word: str, *, today: date, now: datetime) -> dict[str, str]:
    """Return what a button takes over from what was read, by field; raise Conflict where that is gone."""
    found = rules.taken(of_draft(db, draft, today=today, now=now).offers, word)
    if not found:
        raise Conflict(
            "What was read is gone: the document was removed meanwhile.", fix="Load the page again."
        )
    return found

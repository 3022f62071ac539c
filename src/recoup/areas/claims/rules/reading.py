"""Which documents are read for what they say, and how long somebody waits for that."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from recoup.areas.claims.models import DocumentState

READABLE = ("pdf", "jpeg", "png")
LONGEST = timedelta(minutes=4)
"""A reader is stopped after three minutes; whoever has a document for longer is not heard of any more."""
PATIENCE = timedelta(minutes=2)
"""So long a page waits for somebody to begin with a document that is here."""


class Readable(Protocol):
    """What of a document decides."""

    kind: str
    state: str
    uploaded_at: datetime
    read_at: datetime | None
    reading_until: datetime | None


def can_be_read(document: Readable) -> bool:
    """Say whether a document is of a kind that is read, and may be opened."""
    return document.kind in READABLE and document.state == DocumentState.KEPT


def is_awaited(document: Readable, *, now: datetime) -> bool:
    """Say whether what a document says is likely to be known in a moment: somebody reads it, or is about to."""
    if document.read_at is not None or not can_be_read(document):
        return False
    if document.reading_until is None:
        return now < document.uploaded_at + PATIENCE
    return now < document.reading_until

"""What is done about documents after they came: they are read, and what they say is proposed.

Those of a draft are read while somebody types it, those of a claim after it was filed; each once, in either place.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.claims.models import Document
from recoup.areas.claims.queries import document_rows
from recoup.areas.claims.reading import reader
from recoup.areas.claims.service import proposing
from recoup.core.errors import Invalid, Misconfigured, RecoupError
from recoup.core.system import System
from recoup.office.files import service as files

log = logging.getLogger("recoup.claims")

COPIED = 1024 * 1024
Unread = Callable[[Session], Sequence[Document]]
Again = Callable[[Session, Document, datetime], None]


def read_task(system: System, *, claim_id: str) -> None:
    """Read a claim's documents that nobody read yet, one after the other, each in a process of its own.

    A document that cannot be read is left to people, as all were before.
    """
    number = int(claim_id)
    _read_all(
        system,
        lambda db: document_rows.unread(db, claim_id=number),
        again=lambda db, _document, at: proposing.queue_claim(db, number, at=at),
    )


def read_draft_task(system: System, *, draft_id: str) -> None:
    """Read the documents of a draft as they come, one after the other; what a filed claim left over is the claim's."""
    _read_all(
        system,
        lambda db: document_rows.unread(db, draft_id=UUID(draft_id)),
        again=lambda db, document, at: proposing.queue_draft(db, document, at=at),
    )


def _read_all(system: System, unread: Unread, *, again: Again) -> None:
    """Read what is unread until nothing is left that was not tried.

    While another worker reads one of these, this one comes again when that should be over: one reader at a time is
    enough for a claim, and should the other die, nothing is forgotten.
    """
    tried: set[int] = set()
    while True:
        with system.sessions.begin() as db:
            left = [one for one in unread(db) if one.id not in tried]
            if not left:
                return
            now = system.clock()
            until = proposing.busy_until(left, now=now)
            if until is not None:
                again(db, left[0], until)
                return
            tried.add(left[0].id)
            taken = proposing.begin(db, left[0].id, reader=system.worker, now=now)
        if taken is not None:
            _read(system, taken.id)


def _read(system: System, document_id: int) -> None:
    """Read one document; one that may be read better another time is let go of."""
    with system.sessions.begin() as db:
        document = document_rows.by_id(db, document_id)
        file = document_rows.file_of(db, document) if document is not None else None
        if document is None or file is None:
            return
        kind = document.kind
    try:
        with tempfile.TemporaryDirectory(dir=system.home) as folder:
            source = Path(folder) / "document"
            with files.open_file(system.ports.files, file) as body, source.open("wb") as copy:
                shutil.copyfileobj(body, copy, COPIED)
            reading = reader.propose(source, kind=kind)
    except Invalid:
        reading = None
    except Misconfigured:
        _leave(system, document_id)
        return  # a picture, and no recogniser is installed: it may be read once one is
    except RecoupError as error:
        log.warning("Document %d is not read now: %s", document_id, error.sentence())
        _leave(system, document_id)
        return  # the others are read, and this one when the claim is filed
    with system.sessions.begin() as db:
        proposing.propose(db, document_id, reading, now=system.clock())


def _leave(system: System, document_id: int) -> None:
    with system.sessions.begin() as db:
        proposing.leave(db, document_id, reader=system.worker, now=system.clock())

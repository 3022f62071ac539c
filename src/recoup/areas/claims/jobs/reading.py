"""What is done about a claim's documents after they came: they are read, and what they say is proposed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from recoup.areas.claims.queries import document_rows
from recoup.areas.claims.reading import reader
from recoup.areas.claims.service import proposing
from recoup.core.errors import Invalid, Misconfigured
from recoup.core.system import System
from recoup.office.files import service as files

COPIED = 1024 * 1024


def read_task(system: System, *, claim_id: str) -> None:
    """Read a claim's documents that nobody read yet, one after the other, each in a process of its own.

    A document that cannot be read is left to people, as all were before.
    """
    with system.sessions.begin() as db:
        unread = [one.id for one in document_rows.unread(db, int(claim_id))]
    for document_id in unread:
        _read(system, document_id)


def _read(system: System, document_id: int) -> None:
    with system.sessions.begin() as db:
        document = document_rows.by_id(db, document_id)
        file = document_rows.file_of(db, document) if document is not None else None
        if document is None or file is None:
            return
        kind = document.kind
    with tempfile.TemporaryDirectory(dir=system.home) as folder:
        source = Path(folder) / "document"
        with files.open_file(system.ports.files, file) as body, source.open("wb") as copy:
            shutil.copyfileobj(body, copy, COPIED)
        try:
            reading = reader.propose(source, kind=kind)
        except Misconfigured:
            return  # a picture, and no recogniser is installed: it may be read once one is
        except Invalid:
            reading = None
    with system.sessions.begin() as db:
        proposing.propose(db, document_id, reading, now=system.clock())

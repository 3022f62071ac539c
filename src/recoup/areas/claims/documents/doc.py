"""Old Word documents (.doc): looked through, and kept as they came, since nobody can write them anew.

They are therefore only ever downloaded, and what could act in them is refused.
"""

from __future__ import annotations

import io
import re
import shutil
import struct
from datetime import datetime
from typing import Any, BinaryIO

import olefile

from recoup.areas.claims.documents.found import Found
from recoup.core.errors import Invalid, Unsupported

TEXT = "WordDocument"
_WORD_97, _WORD_6 = 0xA5EC, 0xA5DC
_ENCRYPTED = 0x0100
"""In the flags at byte 10 of the text's stream ([MS-DOC] 2.5.2, fEncrypted)."""
_MOST_STREAMS = 2_000
_PROTECTED = {"encryptedpackage", "encryptioninfo", "\tdrmcontent", "\x06dataspaces"}
_MACROS = {"macros", "vba", "_vba_project", "_vba_project_cur"}
_EMBEDDED = {"\x01ole10native", "package", "embeddedodf"}
_STARTS = re.compile(rb"\x13\s*DDE(?:AUTO)?\b", re.IGNORECASE)
"""A field that starts another program; byte 0x13 begins a field, and letters have one byte or two."""
_TO_PDF = "Save it as a PDF, and send that."


def keep(source: BinaryIO, into: BinaryIO, *, name: str) -> Found:
    """Copy a document that holds nothing that acts; raise Invalid or Unsupported for what is refused."""
    body = source.read()
    try:
        with olefile.OleFileIO(io.BytesIO(body)) as ole:
            found = _looked_through(ole, body, name)
    except (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise Invalid(f"{name} is damaged: its parts cannot be found.", fix=_TO_PDF) from error
    source.seek(0)
    shutil.copyfileobj(source, into)
    return found


def _looked_through(ole: Any, body: bytes, name: str) -> Found:
    parts = ole.listdir(streams=True, storages=True)
    if len(parts) > _MOST_STREAMS:
        raise Invalid(f"{name} has more than {_MOST_STREAMS:,} parts.", fix=_TO_PDF)
    names = {word.lower() for path in parts for word in path}
    if names & _PROTECTED:
        raise Invalid(f"{name} is protected by a password or by rights.", fix="Save it without protection.")
    if not ole.exists(TEXT):
        raise Unsupported(f"{name} does not hold what its name says: it is no Word document.", fix=_TO_PDF)
    text = ole.openstream(TEXT).read()
    ident, flags = struct.unpack_from("<H8xH", text)
    if ident not in {_WORD_97, _WORD_6}:
        raise Unsupported(f"{name} is of a Word older than version 6, or of none.", fix=_TO_PDF)
    if flags & _ENCRYPTED:
        raise Invalid(f"{name} is protected by a password.", fix="Save it without the password.")
    if names & _MACROS:
        raise Invalid(f"{name} has macros.", fix="Save it without macros, or as a PDF.")
    if names & _EMBEDDED:
        raise Invalid(
            f"{name} has other files embedded in it.",
            fix="Send them as documents of their own, and this as a PDF.",
        )
    if _STARTS.search(text.replace(b"\0", b"")):
        raise Invalid(f"{name} has a field that starts another program (DDE).", fix=_TO_PDF)
    _ends_where_it_says(ole, body, name)
    return _facts(ole)


def _ends_where_it_says(ole: Any, body: bytes, name: str) -> None:
    """Refuse what was put behind the last part, where an archive or a program could begin."""
    last = max(
        (number for number, following in enumerate(ole.fat) if following != olefile.FREESECT), default=-1
    )
    if body[(last + 2) * ole.sectorsize :].strip(b"\0\xff"):
        raise Invalid(f"{name} has other data behind its end.", fix=_TO_PDF)


def _facts(ole: Any) -> Found:
    found = Found()
    found.said(download_only=True)
    said = ole.get_metadata()
    pages, program = said.num_pages, said.creating_application
    found.said(
        made_at=_moment(said.create_time),
        changed_at=_moment(said.last_saved_time),
        software=program.decode("latin-1") if isinstance(program, bytes) else None,
        pages=pages if isinstance(pages, int) and pages > 0 else None,
    )
    return found


def _moment(value: object) -> str | None:
    """Return a moment, which OLE keeps in UTC; 1601 means none."""
    if not isinstance(value, datetime) or value.year < 1980:  # noqa: PLR2004 - before there was Word
        return None
    return f"{value.replace(microsecond=0, tzinfo=None).isoformat()}+00:00"

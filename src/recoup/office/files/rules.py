"""Decisions about files: what they may be called, where they lie, and which links to them are good."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from uuid import UUID

from recoup.core.downloads import UNNAMED
from recoup.core.errors import Invalid

PREFIX = "files/"
LONGEST_NAME = 200
LONGEST_EXTENSION = 10
LONGEST_LINK = timedelta(days=7)
BINARY = "application/octet-stream"

KINDS = {
    "csv": "CSV",
    "xlsx": "Workbook",
    "parquet": "Parquet",
    "json": "JSON",
    "jsonl": "JSON lines",
    "pdf": "PDF",
    "txt": "Text",
    "log": "Log",
    "zip": "Archive",
    "gz": "Archive",
    "png": "Image",
    "jpg": "Image",
    "jpeg": "Image",
    "docx": "Document",
    "doc": "Document",
    "eml": "Message",
}

MOST_ORPHANS = 1_000
"""More objects without a row than this are no accident (a restored database, a shared bucket): a person looks."""

_KEY = re.compile(r"files/[0-9]{4}/[0-9]{2}/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_TOKEN = r"[A-Za-z0-9!#$&^_.+-]{1,100}"  # noqa: S105 - the token of RFC 9110, no secret
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?:; ?{_TOKEN}={_TOKEN}){{0,3}}")
_UNSAFE_IN_NAMES = str.maketrans(dict.fromkeys('<>:"|?*', "_"))


def clean_name(name: str) -> str:
    """Return a name that is safe to show and to save under: no folders, nothing invisible, at most 200 characters.

    Controls, direction overrides and other invisible characters go; what Windows refuses becomes ``_``. The
    extension is kept when a long name is cut. Cleaning a clean name changes nothing.
    """
    last = re.split(r"[/\\]", name)[-1]
    spaced = "".join(" " if char.isspace() else char for char in unicodedata.normalize("NFC", last))
    visible = "".join(char for char in spaced if unicodedata.category(char)[0] != "C")
    tidy = " ".join(visible.translate(_UNSAFE_IN_NAMES).split()).strip(". ")
    if len(tidy) > LONGEST_NAME:
        stem, dot, extension = tidy.rpartition(".")
        keeps_extension = dot and 0 < len(extension) <= LONGEST_EXTENSION
        tail = f".{extension}" if keeps_extension else ""
        tidy = (stem if keeps_extension else tidy)[: LONGEST_NAME - len(tail)].rstrip(". ") + tail
    return unicodedata.normalize("NFC", tidy) or UNNAMED


def clean_media_type(media_type: str) -> str:
    """Return the media type in lower case, or ``application/octet-stream`` for what is none (RFC 9110, 8.3.1)."""
    found = _MEDIA_TYPE.fullmatch(media_type.strip())
    return found.group().lower() if found else BINARY


def kind_of(name: str, media_type: str) -> str:
    """Say what a file is, in a word: by its extension where that is a usual one, else by its media type."""
    _, dot, extension = name.rpartition(".")
    if dot and extension.lower() in KINDS:
        return KINDS[extension.lower()]
    kind = media_type.partition(";")[0]
    return {"text/plain": "Text", BINARY: "Bytes"}.get(kind, kind)


def store_key(file_id: UUID, now: datetime) -> str:
    """Return where a file's bytes lie: ``files/YYYY/MM/<id>``, by the UTC month in which it was kept."""
    return f"{PREFIX}{now.astimezone(UTC):%Y/%m}/{file_id}"


def is_our_key(key: str) -> bool:
    """Say whether an object was named by ``store_key``; only such objects may ever be swept."""
    return _KEY.fullmatch(key) is not None


def sign(secret: bytes, file_id: UUID, expires: datetime) -> str:
    """Return the signature (HMAC-SHA256, base64url without padding) of a link that ends with ``expires``."""
    text = f"recoup.file.1\n{file_id}\n{int(expires.timestamp())}"
    return _text_of(hmac.digest(secret, text.encode(), hashlib.sha256))


def check(secret: bytes, file_id: UUID, *, expires: str, signature: str, now: datetime) -> str | None:
    """Say why a link does not open its file, or return None. ``expires`` is in whole seconds since 1970.

    The comparison takes the same time wherever the signatures differ; a link that would live longer than seven
    days is none of ours, whoever signed it.
    """
    if not re.fullmatch(r"[0-9]{1,11}", expires):
        return "This link is not complete."
    ends = datetime.fromtimestamp(int(expires), UTC)
    expected = sign(secret, file_id, ends).encode()
    if not hmac.compare_digest(expected, signature.encode("utf-8", "replace")):
        return "This link was changed, or signed by another installation."
    if ends <= now:
        return "This link is over."
    if ends - now > LONGEST_LINK:
        return "This link would live too long."
    return None


def lifetime(expires_in: timedelta) -> timedelta:
    """Return ``expires_in`` if a link may live that long: a second to seven days."""
    if not timedelta(seconds=1) <= expires_in <= LONGEST_LINK:
        raise Invalid(
            f"A link cannot live for {expires_in}.", fix="Choose between one second and seven days."
        )
    return expires_in


def _text_of(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

"""The name under which a browser saves a download."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

UNNAMED = "file"
# Control characters split headers; marks of direction make "exe.fdp" read like "pdf.exe" turned round.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_UNSAFE_IN_FALLBACK = re.compile(r"[^A-Za-z0-9 ._()+,=@-]")
_ATTRIBUTE_CHARACTERS = "!#$&+^`|"  # with letters, digits and -._~ those that RFC 8187 leaves as they are


def attachment(name: str) -> str:
    """Return a Content-Disposition that saves under ``name`` (RFC 6266, RFC 8187), with an ASCII stand-in."""
    name = _UNSEEN.sub("", name.encode("utf-8", "replace").decode()) or UNNAMED
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    fallback = _UNSAFE_IN_FALLBACK.sub("_", plain).strip() or UNNAMED
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe=_ATTRIBUTE_CHARACTERS)}"

"""The name under which a browser saves a download."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

# Control characters split headers; marks of direction make "exe.fdp" read like "pdf.exe" turned round.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def attachment(name: str) -> str:
    """Return a Content-Disposition that saves under ``name`` (RFC 6266, RFC 5987), with an ASCII stand-in."""
    name = _UNSEEN.sub("", name.encode("utf-8", "replace").decode()) or "download"
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._()+,=@-]", "_", plain).strip() or "download"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"

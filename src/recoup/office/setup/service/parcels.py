"""Files on their way from a preview to its button: sealed, so that a page holds no password, and not for long."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from recoup.core.clock import to_text
from recoup.core.errors import Conflict, Invalid, Misconfigured
from recoup.core.sealing import Sealer

GOOD_FOR = timedelta(hours=1)
_ABOUT = "setup.import"

Files = Sequence[tuple[str, str]]
"""What each file is called, and its text."""


def pack(files: Files, sealer: Sealer, *, now: datetime) -> str:
    """Return the files as one word of a form."""
    plain = json.dumps({"at": to_text(now), "files": list(files)}).encode()
    return base64.urlsafe_b64encode(sealer.seal(plain, about=_ABOUT)).decode()


def unpack(parcel: str, sealer: Sealer, *, now: datetime) -> list[tuple[str, str]]:
    """Return the files; raise Invalid for what is no parcel of ours, Conflict for one that is too old."""
    try:
        found = json.loads(sealer.open(base64.b64decode(parcel, altchars=b"-_", validate=True), about=_ABOUT))
    except (Misconfigured, binascii.Error, ValueError):
        raise Invalid("This is not what was looked at.", fix="Look at the files again.") from None
    if now - datetime.fromisoformat(found["at"]) > GOOD_FOR:
        raise Conflict("You looked at these files more than an hour ago.", fix="Look at them again.")
    return [(str(called), str(text)) for called, text in found["files"]]

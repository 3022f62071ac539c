"""What reading a document found: what it said of itself, and what was taken out of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

LONGEST_WORDS = 100
_DIGITS = re.compile(
    r"(?:D:)?(\d{4})(?:[:/-]?(\d\d))?(?:[:/-]?(\d\d))?[ T]?(?:(\d\d))?(?::?(\d\d))?(?::?(\d\d))?(?:\.\d+)?"
    r"\s*(?:(Z)|([+-])(\d\d)'?:?(\d\d)?)?"
)


@dataclass(slots=True)
class Found:
    """Facts by name, in JSON's types; ``removed`` in plain words; ``fingerprint`` of a picture, 64 bits, signed.

    ``made_at`` and ``changed_at`` are ISO 8601, with a zone where the document names one, else in its maker's time.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    fingerprint: int | None = None

    def took(self, what: str) -> None:
        """Note that something was taken out."""
        if what not in self.removed:
            self.removed.append(what)

    def said(self, **facts: Any) -> None:
        """Note what the document said, where it said anything."""
        for name, value in facts.items():
            shown = words(value) if isinstance(value, str) else value
            if shown is not None and shown != "":
                self.facts.setdefault(name, shown)


def words(text: str) -> str:
    """Return a text from a document as one short line that can be shown."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:LONGEST_WORDS]


def moment(text: str, *, zone: str = "") -> str | None:
    """Return a moment as ISO 8601: from how PDF (``D:20240131120000+01'00'``), EXIF or XML write it, or None.

    ``zone`` is what an EXIF offset says, such as ``+01:00``.
    """
    found = _DIGITS.match(f"{text.strip()[:40]}{zone.strip()[:6]}")
    if found is None:
        return None
    year, *rest = (int(part) if part else None for part in found.groups()[:6])
    month, day, hour, minute, second = rest
    utc, sign, hours, minutes = found.groups()[6:]
    try:
        at = datetime(year or 0, month or 1, day or 1, hour or 0, minute or 0, second or 0)  # noqa: DTZ001 - the maker's
        if utc or sign:
            off = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
            at = at.replace(tzinfo=timezone(-off if sign == "-" else off))
    except ValueError:
        return None
    return at.isoformat()

"""What the server asks: what does this document propose. The reading is done by a child process with limits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recoup.areas.claims import confined
from recoup.areas.claims.documents.limits import MEGABYTE, Limits
from recoup.areas.claims.reading import recognising
from recoup.areas.claims.reading.pages import INSTALL
from recoup.areas.claims.reading.results import (
    LONGEST_VALUE,
    MOST_OF_A_FIELD,
    MOST_PAGES,
    Field,
    Proposed,
    Reading,
)
from recoup.areas.claims.reading.words import WHOLE
from recoup.core.errors import Misconfigured, Unavailable, Unsupported

CHILD = "recoup.areas.claims.reading.child"
LIMITS = Limits(memory=3 * 1024 * MEGABYTE, processor=120, clock=180.0, written=MEGABYTE)
"""Five scanned pages take about 35 seconds of a processor; the recogniser's libraries reserve 2 GB and use 1.2."""
PICTURES = frozenset({"jpeg", "png"})


def available() -> bool:
    """Tell whether pictures can be read: the extra ``ocr`` is installed. PDFs that have text can be read without."""
    return recognising.is_installed()


def propose(source: Path, *, kind: str, limits: Limits = LIMITS) -> Reading:
    """Read a document's first pages: ``kind`` is pdf, jpeg or png; the values are proposals, for a person to take.

    Raise Unsupported for other kinds, Misconfigured for a picture where no recogniser is installed, Invalid where it
    cannot be opened or needs more than its limits, Unavailable when the child was killed or broke.
    """
    if kind != "pdf" and kind not in PICTURES:
        raise Unsupported(f"Documents of the kind {kind} are not read: PDFs and pictures are.")
    can_recognise = available()
    if kind in PICTURES and not can_recognise:
        raise Misconfigured("Pictures cannot be read: no text recogniser is installed.", fix=INSTALL)
    request = {"path": str(source.resolve()), "kind": kind, "can_recognise": can_recognise}
    found = confined.ask(
        CHILD, request, limits=limits, threads=recognising.THREADS, doing="Reading the document"
    )
    try:
        return _checked(found)
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable("Reading the document came to something unreadable.") from error


def _checked(found: Mapping[str, Any]) -> Reading:
    """Take what a child says for no more than it may be: it has read what a stranger sent."""
    proposals = tuple(_proposed(one) for one in found["proposals"][: len(Field) * MOST_OF_A_FIELD])
    pages = int(found["pages"])
    if not 0 <= pages <= MOST_PAGES:
        raise ValueError(pages)
    return Reading(engine=_line(found["engine"]), pages=pages, proposals=proposals)


def _proposed(one: Mapping[str, Any]) -> Proposed:
    left, top, right, bottom = (min(WHOLE, max(0, int(side))) for side in one["box"])
    page = int(one["page"])
    if not 1 <= page <= MOST_PAGES or left > right or top > bottom:
        raise ValueError(page)
    return Proposed(
        field=Field(one["field"]),
        value=_line(one["value"]),
        page=page,
        box=(left, top, right, bottom),
        confidence=min(WHOLE, max(0, int(one["confidence"]))),
    )


def _line(text: str) -> str:
    """Return a text as one short line that can be shown."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:LONGEST_VALUE]

"""What claims say of their health: documents that wait for a virus scanner, and whether one answers."""

from __future__ import annotations

from recoup.areas.claims.queries import document_rows
from recoup.areas.claims.reading import reader
from recoup.core.parts import Check, Probe
from recoup.core.system import System

HELD, SCANNER, READING = "documents of claims", "virus scanner", "reading of documents"
MOST_COUNTED = 200


def standing(system: System) -> list[Check]:
    """Say how many documents are held, and whether pictures can be read."""
    with system.sessions.begin() as db:
        held = len(document_rows.held(db, limit=MOST_COUNTED))
    return [_held(held, is_set_up=system.ports.scanner is not None), _reading()]


def scanner(system: System) -> list[Probe]:
    """Offer to ask the virus scanner whether it is there."""
    told = "Asks clamd whether it is there. No document is sent."
    return [Probe(SCANNER, told, lambda: _asked(system))]


def _held(count: int, *, is_set_up: bool) -> Check:
    if not count:
        return Check(HELD, ok=True, detail="None is held.")
    many = f"{count:,}" if count < MOST_COUNTED else f"At least {count:,}"
    fix = "The job claims.scan says why." if is_set_up else "Set RECOUP_CLAIMS_CLAMD to where clamd listens."
    return Check(HELD, ok=False, detail=f"{many} held until the virus scanner has seen them.", fix=fix)


def _reading() -> Check:
    if reader.available():
        return Check(READING, ok=True, detail="Text and pictures.")
    fix = "Install the extra ocr to have scans and photos read, too."
    return Check(READING, ok=None, detail="Text alone: pictures are left to people.", fix=fix)


def _asked(system: System) -> Check:
    there = system.ports.scanner
    if there is None:
        fix = "Set RECOUP_CLAIMS_CLAMD to where clamd listens, to have documents looked at before anybody gets them."
        return Check(SCANNER, ok=None, detail="None is set up: documents are not scanned.", fix=fix)
    there.ping()
    return Check(SCANNER, ok=True, detail="It answers.")

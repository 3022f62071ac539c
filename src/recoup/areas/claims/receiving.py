"""Documents on their way in: examined and rewritten before anything is written down, and shown to the scanner."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from recoup.areas.claims.documents.kinds import LARGEST
from recoup.areas.claims.service.documents import Ready
from recoup.core.errors import Invalid, Misconfigured, Unavailable
from recoup.core.system import System
from recoup.office.journal import service as journal
from recoup.web.uploads import Bounds, Upload

FILES = "files"
MOST_AT_ONCE = 100


def bounds(most: int) -> Bounds:
    """Return what a form with documents may hold."""
    return Bounds(files=min(most, MOST_AT_ONCE), bytes_each=LARGEST, file_fields=frozenset({FILES}))


def examined(
    system: System, uploads: Sequence[Upload], folder: Path, *, actor: str, now: datetime
) -> list[Ready]:
    """Examine documents one by one; raise what the first bad one is refused with.

    No transaction is open meanwhile: reading a document may take seconds.
    """
    return [
        received(
            system,
            one.path,
            name=one.name,
            declared=one.declared,
            into=folder / f"{number}.out",
            actor=actor,
            now=now,
        )
        for number, one in enumerate(uploads)
    ]


def received(
    system: System, source: Path, *, name: str, declared: str, into: Path, actor: str, now: datetime
) -> Ready:
    """Examine and rewrite one document, and ask the virus scanner of both forms of it, where there is one.

    Raise Invalid, Unsupported or TooLarge with a sentence about the document. A scanner that does not answer holds
    the document; it refuses none.
    """
    if system.ports.documents is None:
        raise Misconfigured("This program takes no documents.", fix="Send them to the server.")
    found = system.ports.documents.examine(source, name=name, declared=declared, into=into)
    scanner = system.ports.scanner
    if scanner is None:
        return Ready(found, into)
    try:
        for path in (source, into):
            with path.open("rb") as body:
                virus = scanner.scan(body)
            if virus is not None:
                with system.sessions.begin() as db:
                    journal.record(
                        db,
                        "claims.virus_refused",
                        "claims/documents",
                        actor=actor,
                        now=now,
                        name=found.name,
                        found=virus,
                        sha256=found.original_sha256,
                    )
                raise Invalid(
                    f"{found.name}: the virus scanner found {virus} in it.",
                    fix="Send another copy of the document.",
                )
    except Unavailable:
        return Ready(found, into, held=True)
    return Ready(found, into)

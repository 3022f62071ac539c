"""The journal's clock: seal what was committed, and write each new head down outside the database."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from recoup.core.clock import to_text
from recoup.core.system import System
from recoup.office.journal import queries, service


def tick(system: System, now: datetime) -> None:
    """Seal until nothing waits, then append the head to ``journal-heads.jsonl`` in RECOUP_HOME."""
    head = None
    while True:
        with system.sessions.begin() as db:
            sealed = service.seal(db, now=now)
        if sealed is None:
            break
        head = sealed
    if head is not None:
        line = json.dumps({"seal": head.number, "hash": head.hash.hex(), "at": to_text(now)})
        with anchors_file(system).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def anchors_file(system: System) -> Path:
    """Return where heads are written down; copy this file elsewhere to make cutting the journal visible."""
    return system.home / "journal-heads.jsonl"


def read_anchors(system: System) -> dict[int, str]:
    """Return the heads that were written down, by seal number; a half-written last line is passed over."""
    anchors: dict[int, str] = {}
    try:
        lines = anchors_file(system).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return anchors
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        anchors[int(entry["seal"])] = str(entry["hash"])
    return anchors


def verify(system: System) -> service.Verification:
    """Verify the chain against the heads written down so far."""
    anchors = read_anchors(system)
    with system.sessions.begin() as db:
        # One snapshot for the walk and the counts: others record and seal meanwhile.
        db.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return service.verify(db, anchors=anchors)


def waiting(system: System) -> int:
    """Return how many events wait for a seal."""
    with system.sessions.begin() as db:
        return queries.counts(db)[1]

"""What the desk shows of the journal: how its own events read, and what a search finds."""

from __future__ import annotations

from urllib.parse import quote

from sqlalchemy.orm import Session

from recoup.core.ids import ids_that_begin
from recoup.office.journal import queries, telling
from recoup.web.area import Hit

MOST_HITS = 5
EVENTS = {"journal.verified": "The journal was verified: it {verdict}, {events} events under {seals} seals."}
LEADS = {"journal/event": "/desk/journal/{}"}


def search(db: Session, wanted: str) -> list[Hit]:
    """Find events by the beginning of their id, and subjects by their beginning."""
    hits: list[Hit] = []
    if (ids := ids_that_begin(wanted)) is not None:
        hits += [
            Hit(
                f"{event.kind}, {telling.title_of(event.subject)}",
                "event",
                f"/desk/journal/{event.id}",
                str(event.id),
            )
            for event in queries.between(db, *ids, limit=MOST_HITS)
        ]
    if "/" in wanted:
        hits += [
            Hit(
                telling.title_of(subject),
                "timeline",
                f"/desk/journal?subject={quote(subject, safe='')}",
                subject,
            )
            for subject in queries.subjects(db, wanted, limit=MOST_HITS)
        ]
    return hits

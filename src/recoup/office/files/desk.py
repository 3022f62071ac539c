"""What the desk shows of stored files: how their events read, and what a search finds."""

from __future__ import annotations

from sqlalchemy.orm import Session

from recoup.core.ids import ids_that_begin
from recoup.office.files import queries
from recoup.office.files.models import File
from recoup.web.area import Hit
from recoup.web.shown import size

MOST_HITS = 5
EVENTS = {
    "files.kept": "{name} was kept.",
    "files.withdrawn": "{name} was withdrawn: {reason}",
    "files.swept": "The store was swept: {removed} objects without a file were removed.",
}
LEADS = {"files/file": "/desk/files/{}"}


def search(db: Session, wanted: str) -> list[Hit]:
    """Find files by the beginning of their id, and by a part of their name."""
    ids = ids_that_begin(wanted)
    found = {file.id: file for file in (queries.between(db, *ids, limit=MOST_HITS) if ids else ())}
    found |= {file.id: file for file in queries.named(db, wanted, limit=MOST_HITS)}
    return [_hit(file) for file in list(found.values())[:MOST_HITS]]


def _hit(file: File) -> Hit:
    return Hit(file.name, "file", f"/desk/files/{file.id}", f"{size(file.size)}, {file.created_at:%Y-%m-%d}")

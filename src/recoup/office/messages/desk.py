"""What the search shows of messages."""

from __future__ import annotations

from sqlalchemy.orm import Session

from recoup.office.messages import catalogue, queries
from recoup.web.area import Hit

MOST_HITS = 8
SHORTEST = 3


def search(db: Session, text: str) -> list[Hit]:
    """Find mails by how their recipient begins, and templates by their name."""
    wanted = text.lower()
    if len(wanted) < SHORTEST:
        return []
    hits = [
        Hit(one.subject, "message", f"/desk/messages/{one.delivery_id}", f"to {one.recipient}")
        for one in queries.to_recipient(db, wanted, limit=MOST_HITS)
    ]
    hits += [
        Hit(one.title, "template", f"/desk/messages/templates/{one.name}", one.name)
        for one in catalogue.TEMPLATES.values()
        if wanted in one.title.lower() or wanted in one.name
    ]
    return hits

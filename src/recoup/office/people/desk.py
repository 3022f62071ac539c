"""What people tell the desk: what waits for an administrator, and who has a name or an address."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from recoup.office.outbox import queries as outbox
from recoup.office.people import queries, queries_pages
from recoup.web.area import Hit, Waiting


def waiting(db: Session, now: datetime) -> list[Waiting]:
    """Say what keeps people out, or lets in too easily."""
    found = []
    if outbox.stopped(db, "mail", now=now) is not None:
        found.append(
            Waiting(
                "No sign-in code can leave: the mail server refuses us. Whoever is not signed in stays out.",
                "/desk/outbox",
                "bad",
            )
        )
    if queries.active_administrators(db) and not queries_pages.administrators_with_factor(db):
        found.append(
            Waiting("No administrator has a second factor yet. Set one up.", "/desk/account/factors")
        )
    return found


def search(db: Session, text: str) -> list[Hit]:
    """Find people by a part of their name or address."""
    return [
        Hit(one.address, "person", f"/desk/people/{one.id}", one.name)
        for one in queries_pages.people_named(db, text)
    ]

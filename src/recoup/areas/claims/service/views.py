"""Views of the desk: the words of its address under a name, for who saved them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.claims.models import View
from recoup.areas.claims.queries import view_rows
from recoup.areas.claims.rules.wording import text as clean
from recoup.core.errors import Conflict, NotFound
from recoup.core.ids import new_id

MOST_VIEWS = 30
LONGEST_NAME = 60


def save(db: Session, person_id: UUID, *, name: str, query: str, now: datetime) -> View:
    """Save how somebody looks at the desk. A view of that name is replaced; raise Conflict where there are too many.

    ``query`` is what stands behind the question mark of the queue's address; the caller has checked that it reads.
    """
    title = clean(name, what="The name of the view", longest=LONGEST_NAME, required=True).replace("\n", " ")
    view = view_rows.named(db, title, person_id)
    if view is not None:
        view.query = query
        return view
    if len(view_rows.of_person(db, person_id)) >= MOST_VIEWS:
        raise Conflict(f"You have saved {MOST_VIEWS} views already.", fix="Remove one of them first.")
    view = View(id=new_id(), person_id=person_id, name=title, query=query, created_at=now)
    db.add(view)
    db.flush()
    return view


def remove(db: Session, person_id: UUID, view_id: UUID) -> str:
    """Forget a view; return what it was called. Raise NotFound where it is nobody's own."""
    view = view_rows.one(db, view_id, person_id)
    if view is None:
        raise NotFound("There is no such view.", fix="It may have been removed already.")
    name = view.name
    db.delete(view)
    db.flush()
    return name

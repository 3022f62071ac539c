"""The journal's pages: the timeline of everything or of one thing, and one event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response

from recoup.core.errors import NotFound
from recoup.office.journal import queries, telling
from recoup.office.journal.lists import JOURNAL
from recoup.office.journal.telling import Telling
from recoup.web import pages
from recoup.web.auth import may
from recoup.web.deps import Db, Router, Running

router = Router(prefix="/desk/journal", dependencies=[Depends(may("journal.look"))])

_TOLD: Mapping[str, Any] = {"title_of": telling.title_of, "text_of": telling.text_of, "who": telling.who}


@router.get("")
def timeline(request: Request, db: Db, system: Running) -> Response:
    """Show what happened, day by day."""
    return pages.listed(
        request,
        db,
        JOURNAL,
        template="journal/timeline.html",
        telling=Telling(system.parts.desk),
        verified=queries.last_verified(db),
        **_TOLD,
    )


@router.get("/{event_id}")
def one(request: Request, db: Db, system: Running, event_id: UUID) -> Response:
    """Show one event."""
    event = queries.event(db, event_id)
    if event is None:
        raise NotFound(f"There is no event {event_id}.", fix="Look for it in the journal.")
    return pages.render(
        request,
        "journal/event.html",
        event=event,
        is_sealed=queries.is_sealed(db, event_id),
        telling=Telling(system.parts.desk),
        **_TOLD,
    )

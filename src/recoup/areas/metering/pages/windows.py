"""Pages of hours: the list, and one hour in full."""

from __future__ import annotations

from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response

from recoup.areas.metering.lists import WINDOWS
from recoup.areas.metering.models import Stream
from recoup.areas.metering.queries import detail_rows, window_rows
from recoup.areas.metering.rules import sentences
from recoup.areas.metering.rules.quantities import worth
from recoup.areas.metering.service import owing
from recoup.office.journal import queries as journal
from recoup.web import pages
from recoup.web.auth import may
from recoup.web.deps import Db, Router
from recoup.web.wire import found

MOST_EVENTS = 50

router = Router(prefix="/desk/metering/windows", dependencies=[Depends(may("metering.look"))])


@router.get("")
def all_windows(request: Request, db: Db) -> Response:
    """List hours."""
    lead = "A window is one hour of a stream, in UTC. It waits for the producer, is held for a repair, or was taken."
    return pages.listed(request, db, WINDOWS, template="metering/list.html", tab="windows", lead=lead)


@router.get("/{window_id}")
def one_window(request: Request, db: Db, window_id: UUID) -> Response:
    """Show one hour: how it stands, what was read, what became of it."""
    window = found(window_rows.window(db, window_id), f"window {window_id}", see="metering windows")
    stream = found(db.get(Stream, window.stream_id), "such stream", see="metering status")
    parts = detail_rows.parts_of(db, window)
    subject = owing.window_path(stream, window)
    said = sentences.of_window(
        window.state,
        completed_by=window.completed_by,
        files=window.files,
        records=window.records,
        entries=parts.states,
    )
    return pages.render(
        request,
        "metering/window.html",
        window=window,
        stream=stream,
        parts=parts,
        sentence=said,
        worth=worth,
        events=journal.timeline(db, subject=subject, limit=MOST_EVENTS),
        subject=subject,
    )

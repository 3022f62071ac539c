"""Pages of entries: the list, one entry with what a person may do, and the records behind its figure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.areas.metering import provenance
from recoup.areas.metering.lists import ENTRIES
from recoup.areas.metering.models import Stream
from recoup.areas.metering.queries import detail_rows, entry_rows
from recoup.areas.metering.rules import settling as ways
from recoup.areas.metering.rules.quantities import worth
from recoup.areas.metering.rules.records import parts_of
from recoup.areas.metering.schemas import RetryAsked
from recoup.areas.metering.service import adjustments as settling
from recoup.core.errors import RecoupError
from recoup.core.system import System
from recoup.office.journal import queries as journal
from recoup.web import forms, pages
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running, Typed
from recoup.web.wire import found

HERE = "/desk/metering/entries"
MOST_EVENTS = 50
MOST_RECORDS = 200
DID = {
    "send": "The entry is planned again; a worker submits it.",
    "restamp": "The quantity was added to the next hour's submission.",
    "accept": "The entry counts as accepted.",
    "dismiss": "The entry was let go.",
}

router = Router(prefix=HERE, dependencies=[Depends(may("metering.look"))])


@router.get("")
def all_entries(request: Request, db: Db) -> Response:
    """List entries."""
    lead = (
        "An entry is what a contract owes for one dimension in one hour: "
        "measured + carried in = submitted + carried on, to the last digit."
    )
    return pages.listed(request, db, ENTRIES, template="metering/list.html", tab="entries", lead=lead)


@router.get("/{entry_id}")
def one_entry(request: Request, db: Db, system: Running, now: Now, entry_id: UUID) -> Response:
    """Show one entry: its sum, where it comes from, what the marketplace said, and what may be done."""
    return _shown(request, db, system, now, entry_id)


@router.get("/{entry_id}/records")
def records_of_entry(request: Request, system: Running, entry_id: UUID) -> Response:
    """Read the files again, and show the records behind the figure."""
    result = provenance.why(system, entry_id, with_records=True, most=MOST_RECORDS)
    texts = [parts_of(record.text) for record in result.records]
    return pages.render(
        request, "metering/records.html", why=result, entry=result.entry, texts=texts, most=MOST_RECORDS
    )


@router.post("/{entry_id}/settle", dependencies=[Depends(may("metering.settle"))])
def settle(
    *, request: Request, db: Db, system: Running, actor: Actor, now: Now, entry_id: UUID, typed: Typed
) -> Response:
    """Send again, restamp, accept or dismiss an entry that waits for a person."""
    asked, errors = forms.read(RetryAsked, typed)
    if asked is None:
        return _shown(request, db, system, now, entry_id, typed=typed, errors=errors, status=422)
    try:
        with db.begin_nested():
            settling.retry(db, entry_id, how=asked.how, note=asked.note, actor=actor, now=now)
    except RecoupError as error:
        return _shown(request, db, system, now, entry_id, typed=typed, problem=error, status=error.status)
    return pages.lead_on(f"{HERE}/{entry_id}", DID[asked.how])


def _shown(
    request: Request,
    db: Session,
    system: System,
    now: datetime,
    entry_id: UUID,
    *,
    typed: Mapping[str, str | list[str]] | None = None,
    errors: Mapping[str, str] | None = None,
    problem: RecoupError | None = None,
    status: int = 200,
) -> Response:
    entry = found(entry_rows.entry(db, entry_id), f"entry {entry_id}", see="metering entries")
    why = provenance.why(system, entry_id, with_records=False)
    stream = found(db.get(Stream, entry.stream_id), "such stream", see="metering status")
    subject = f"metering/entry/{entry.id}"
    return pages.render(
        request,
        "metering/entry.html",
        status=status,
        problem=problem,
        entry=entry,
        stream=stream,
        why=why,
        worth=worth(entry.amount, stream.currency),
        ways=ways.ways_out(entry.state, quantity=entry.quantity, deadline=why.window.deadline, now=now),
        adjustments=detail_rows.adjustments_of_entry(db, entry),
        events=journal.timeline(db, subject=subject, limit=MOST_EVENTS),
        subject=subject,
        typed=typed or {},
        errors=errors or {},
    )

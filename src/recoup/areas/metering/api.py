"""Metering's routes."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from recoup.areas.metering import provenance
from recoup.areas.metering.models import AdjustmentState, EntryState, WindowState
from recoup.areas.metering.queries import (
    adjustment_rows,
    entry_rows,
    source_rows,
    standing_rows,
    stream_rows,
    window_rows,
)
from recoup.areas.metering.schemas import (
    AdjustmentShown,
    EndAsked,
    EntryInFull,
    EntryShown,
    ExportAsked,
    QuarantinedShown,
    RetryAsked,
    StreamShown,
    UnbilledShown,
    Why,
    WindowShown,
)
from recoup.areas.metering.service import adjustments as settling
from recoup.core.clock import hour_of, parse_instant
from recoup.office.jobs import service as jobs
from recoup.office.jobs.schemas import RunShown
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running
from recoup.web.paging import Before, Limit
from recoup.web.wire import Page, Word, found, page_of

EXPORT = "metering.export"

router = Router(prefix="/metering", tags=["metering"], dependencies=[Depends(may("metering.look"))])


@router.get("/streams", summary="How each stream stands")
def all_streams(db: Db) -> Page[StreamShown]:
    """Return every stream with its windows and entries by state, and what waits for a person."""
    return page_of(StreamShown, [standing_rows.standing(db, one) for one in stream_rows.streams(db)])


@router.get("/windows", summary="Hours, the latest first")
def all_windows(
    db: Db,
    stream: Word | None = None,
    state: WindowState | None = None,
    before: Before = None,
    limit: Limit = 100,
) -> Page[WindowShown]:
    """Return windows."""
    rows = window_rows.windows(db, stream_key=stream, state=state, before=before, limit=limit + 1)
    return page_of(WindowShown, [WindowShown.of(key, row) for key, row in rows], limit=limit)


@router.get("/entries", summary="What is submitted, newest first")
def all_entries(
    *,
    db: Db,
    stream: Word | None = None,
    hour: Annotated[Word | None, Query(description="Such as 2025-07-24T16:00:00Z.")] = None,
    state: EntryState | None = None,
    contract: Word | None = None,
    before: Before = None,
    limit: Limit = 100,
) -> Page[EntryShown]:
    """Return entries."""
    at = hour_of(parse_instant(hour)) if hour else None
    rows = entry_rows.entries(
        db, stream_key=stream, hour=at, state=state, contract=contract, before=before, limit=limit + 1
    )
    names = {one.id: one.key for one in stream_rows.streams(db)}
    return page_of(EntryShown, [EntryShown.of(names, row) for row in rows], limit=limit)


@router.get("/entries/{entry_id}", summary="One entry and what the marketplace said of it")
def one_entry(db: Db, entry_id: UUID) -> EntryInFull:
    """Return an entry in full."""
    row = found(entry_rows.entry(db, entry_id), f"entry {entry_id}", see="metering entries")
    return EntryInFull.of({one.id: one.key for one in stream_rows.streams(db)}, row)


@router.get("/entries/{entry_id}/why", summary="Where a figure comes from")
def why(
    system: Running,
    entry_id: UUID,
    records: Annotated[bool, Query(description="Read the files again, and list the records.")] = False,
    most: Annotated[
        int, Query(ge=1, le=provenance.MOST_RECORDS, description="Records listed at most.")
    ] = 100,
) -> Why:
    """Return the files behind an entry and, where asked, its records with their bytes."""
    return provenance.why(system, entry_id, with_records=records, most=most)


@router.post(
    "/entries/{entry_id}/retry",
    summary="Settle an entry as a person",
    dependencies=[Depends(may("metering.settle"))],
)
def retry(*, db: Db, actor: Actor, now: Now, entry_id: UUID, asked: RetryAsked) -> EntryInFull:
    """Send again, restamp into the next hour, accept, or dismiss what waits for a person."""
    row = settling.retry(db, entry_id, how=asked.how, note=asked.note, actor=actor, now=now)
    db.flush()
    return EntryInFull.of({one.id: one.key for one in stream_rows.streams(db)}, row)


@router.get("/quarantine", summary="Records that could not be used, newest first")
def quarantine(
    db: Db,
    stream: Word | None = None,
    before: Annotated[int | None, Query(description="Go on with what is older than this id.")] = None,
    limit: Limit = 100,
) -> Page[QuarantinedShown]:
    """Return records with their place and the reason."""
    rows = source_rows.quarantine(db, stream_key=stream, before=before, limit=limit + 1)
    return page_of(QuarantinedShown, [QuarantinedShown.of(row) for row in rows], limit=limit)


@router.get("/unbilled", summary="Usage that no contract pays for")
def unbilled(db: Db, stream: Word | None = None, limit: Limit = 100) -> Page[UnbilledShown]:
    """Return totals by subscription and dimension, the largest amount first."""
    return page_of(UnbilledShown, source_rows.unbilled(db, stream_key=stream, limit=limit))


@router.get("/adjustments", summary="Differences found late, newest first")
def adjustments(
    db: Db, state: AdjustmentState | None = None, before: Before = None, limit: Limit = 100
) -> Page[AdjustmentShown]:
    """Return adjustments."""
    rows = adjustment_rows.adjustments(db, state=state, before=before, limit=limit + 1)
    return page_of(AdjustmentShown, [AdjustmentShown.of(*row) for row in rows], limit=limit)


@router.post(
    "/adjustments/{adjustment_id}/end",
    summary="Settle an adjustment as a person",
    dependencies=[Depends(may("metering.settle"))],
)
def end(*, db: Db, actor: Actor, now: Now, adjustment_id: UUID, asked: EndAsked) -> AdjustmentShown:
    """Carry the difference into the next submission, or let it go."""
    row = settling.end(db, adjustment_id, carry=asked.carry, note=asked.note, actor=actor, now=now)
    window = found(window_rows.window(db, row.window_id), "such window", see="metering status")
    names = {one.id: one.key for one in stream_rows.streams(db)}
    return AdjustmentShown.of(names[window.stream_id], window.hour, row)


@router.post(
    "/exports", summary="Export now", status_code=202, dependencies=[Depends(may("metering.export"))]
)
def export(
    *, db: Db, system: Running, actor: Actor, now: Now, asked: ExportAsked, response: Response
) -> RunShown:
    """Queue a run of the export; a worker takes it at once."""
    job = jobs.find(system.parts.jobs, EXPORT)
    run = jobs.start(db, job, asked.model_dump(), trigger="api", actor=actor, now=now)
    response.headers["Location"] = f"/runs/{run.id}"
    return RunShown.model_validate(run)

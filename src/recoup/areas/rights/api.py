"""Rights' routes."""

from __future__ import annotations

from datetime import date
from itertools import islice
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from sqlalchemy.orm import Session

from recoup.areas.rights import controls, histories
from recoup.areas.rights.models import Kind, ReportState, Sort
from recoup.areas.rights.queries import change_rows, report_rows, thing_rows
from recoup.areas.rights.schemas import (
    ChangeShown,
    Decision,
    HistoryShown,
    KnownShown,
    MomentShown,
    NetShown,
    NowShown,
    ReportInFull,
    ReportShown,
    SeriesShown,
    SyncAsked,
    ThingShown,
)
from recoup.areas.rights.service import reports as settling
from recoup.core.clock import to_text
from recoup.core.errors import Misconfigured, NotFound
from recoup.core.keyset import Slice
from recoup.office.controls import service as house
from recoup.office.jobs import service as jobs
from recoup.office.jobs.schemas import RunShown
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running
from recoup.web.paging import Limit
from recoup.web.wire import Page, ShownT, Word, found, page_of

SYNC = "rights.sync"

router = Router(prefix="/rights", tags=["rights"], dependencies=[Depends(may("rights.look"))])

After = Annotated[Word | None, Query(description="Go on where the page before ended: its `next`.")]
Owner = Annotated[
    Word | None, Query(description="A content owner's external id; not needed where there is one.")
]


@router.get("/series", summary="How each content owner's reports stand")
def all_series(db: Db) -> Page[SeriesShown]:
    """Return every series with its newest snapshot."""
    rows = [
        SeriesShown.of(one, report_rows.head(db, one.id), report_rows.count_by_state(db, one.id))
        for one in report_rows.all_series(db)
    ]
    return page_of(SeriesShown, rows)


@router.get("/reports", summary="Reports, those that were made last first")
def all_reports(
    *,
    db: Db,
    kind: Kind = Kind.CLAIM,
    owner: Owner = None,
    state: ReportState | None = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[ReportShown]:
    """Return the newest reports of a series."""
    series = histories.series_of(db, kind, owner)
    return _page(ReportShown, report_rows.newest(db, series.id, state=state, after=after, limit=limit))


@router.get("/reports/{report_id}", summary="One report and what taking it changed")
def one_report(db: Db, report_id: UUID) -> ReportInFull:
    """Return a report in full."""
    row = found(report_rows.report(db, report_id), f"report {report_id}", see="rights reports")
    return ReportInFull.model_validate(row)


@router.post(
    "/reports/{report_id}/accept",
    summary="Let a parked report be taken",
    dependencies=[Depends(may("rights.settle"))],
)
def accept(db: Db, actor: Actor, now: Now, report_id: UUID, asked: Decision) -> ReportShown:
    """Let the next run take a report although it has far fewer rows."""
    row = settling.accept(db, report_id, note=asked.note, actor=actor, now=now)
    return ReportShown.model_validate(row)


@router.post(
    "/reports/{report_id}/reject",
    summary="Turn a parked report away",
    dependencies=[Depends(may("rights.settle"))],
)
def reject(db: Db, actor: Actor, now: Now, report_id: UUID, asked: Decision) -> ReportShown:
    """Turn a parked report away: what was known before stands."""
    row = settling.reject(db, report_id, note=asked.note, actor=actor, now=now)
    return ReportShown.model_validate(row)


@router.get("/changes", summary="What a snapshot changed, the heaviest first")
def changes(
    *,
    db: Db,
    kind: Kind = Kind.CLAIM,
    owner: Owner = None,
    day: Annotated[date | None, Query(description="The newest one without it.")] = None,
    sort: Sort | None = None,
    cause: Word | None = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[ChangeShown]:
    """Return the heaviest changes of a snapshot."""
    series = histories.series_of(db, kind, owner)
    report = report_rows.snapshot(db, series.id, day)
    if report is None:
        return page_of(ChangeShown, [])
    part = change_rows.heaviest_of(db, report.id, sort=sort, cause=cause, after=after, limit=limit)
    return _page(ChangeShown, part)


@router.get("/differences", summary="What differs between two days")
def differences(
    *,
    db: Db,
    after: Annotated[date, Query(description="The earlier day.")],
    until: Annotated[date, Query(description="The later day.")],
    kind: Kind = Kind.CLAIM,
    owner: Owner = None,
    beyond: Annotated[Word, Query(description="Go on behind this key: the page before's `next`.")] = "",
    limit: Limit = 100,
) -> Page[NetShown]:
    """Return what differs between the snapshots of two days, by key, whatever happened in between."""
    series = histories.series_of(db, kind, owner)
    folded: list[str] = house.value(db, controls.FOLDED)
    nets = histories.between(db, series, after=after, until=until, folded=folded, beyond=beyond)
    rows = [NetShown.of(net) for net in islice(nets, limit + 1)]
    return page_of(NetShown, rows, limit=limit, cursor=lambda net: net.key)


@router.get("/known", summary="What was known on a day")
def known(
    *,
    db: Db,
    day: Annotated[date, Query(description="The day of a snapshot, or one after it.")],
    kind: Kind = Kind.CLAIM,
    owner: Owner = None,
    beyond: Annotated[Word, Query(description="Go on behind this key: the page before's `next`.")] = "",
    limit: Limit = 100,
) -> Page[KnownShown]:
    """Return every claim or asset of the newest snapshot up to a day, by key, with the report that it came from."""
    series = histories.series_of(db, kind, owner)
    rows = [
        KnownShown.of(one) for one in islice(histories.known_on(db, series, day, beyond=beyond), limit + 1)
    ]
    return page_of(KnownShown, rows, limit=limit, cursor=lambda one: one.key)


@router.get("/claims", summary="Claims that stand, the most viewed first")
def claims(
    *,
    db: Db,
    owner: Owner = None,
    status: Word | None = None,
    asset: Word | None = None,
    video: Word | None = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[ThingShown]:
    """Return claims of the newest snapshot."""
    series = histories.series_of(db, Kind.CLAIM, owner)
    part = thing_rows.most_viewed(
        db, series.id, status=status, asset=asset, video=video, after=after, limit=limit
    )
    return _page(ThingShown, part)


@router.get("/assets", summary="Assets that stand, the most viewed first")
def assets(*, db: Db, owner: Owner = None, after: After = None, limit: Limit = 100) -> Page[ThingShown]:
    """Return assets of the newest snapshot."""
    series = histories.series_of(db, Kind.ASSET, owner)
    return _page(ThingShown, thing_rows.most_viewed(db, series.id, after=after, limit=limit))


@router.get("/claims/{claim_id}", summary="What was known of a claim")
def claim(
    db: Db, claim_id: Word, owner: Owner = None, as_of: Annotated[date | None, Query()] = None
) -> HistoryShown:
    """Return a claim through its time, or as it was on a day."""
    return _history(db, Kind.CLAIM, claim_id, owner, as_of)


@router.get("/assets/{asset_id}", summary="What was known of an asset")
def asset(
    db: Db, asset_id: Word, owner: Owner = None, as_of: Annotated[date | None, Query()] = None
) -> HistoryShown:
    """Return an asset through its time, or as it was on a day."""
    return _history(db, Kind.ASSET, asset_id, owner, as_of)


@router.get("/claims/{claim_id}/now", summary="A claim as YouTube has it now")
def claim_now(system: Running, db: Db, claim_id: Word, owner: Owner = None) -> NowShown:
    """Ask YouTube's Content ID API for one claim and its history."""
    series = histories.series_of(db, Kind.CLAIM, owner)
    if system.ports.reports is None:
        raise Misconfigured("No content owner is set up.", fix="Set YOUTUBE_CONTENT_OWNER_ID.")
    return NowShown.of(system.ports.reports.claim(series.owner, claim_id))


@router.post(
    "/sync", summary="Fetch and process now", status_code=202, dependencies=[Depends(may("jobs.run"))]
)
def sync(db: Db, system: Running, actor: Actor, now: Now, asked: SyncAsked) -> RunShown:
    """Queue a run of rights.sync."""
    params = {"owner": asked.owner, "made_after": to_text(asked.made_after) if asked.made_after else None}
    run = jobs.start(db, jobs.find(system.parts.jobs, SYNC), params, trigger="api", actor=actor, now=now)
    db.flush()
    return RunShown.model_validate(run)


def _page(kind: type[ShownT], found: Slice[Any]) -> Page[ShownT]:
    return page_of(kind, found.rows).model_copy(update={"next": found.next})


def _history(db: Session, kind: Kind, key: str, owner: str | None, day: date | None) -> HistoryShown:
    series = histories.series_of(db, kind, owner)
    moments = histories.history(db, series, key)
    if day is not None:
        held = histories.as_of(moments, day)
        if held is None:
            raise NotFound(f"Nothing was known of {key} on {day}.")
        moments = [held]
    shown = [MomentShown.of(one) for one in moments]
    return HistoryShown(owner=series.owner, kind=kind, key=key, moments=shown)

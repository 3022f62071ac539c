"""Reports on their way: found in a list, fetched, kept, turned away, parked, accepted by a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.rights.models import Report, ReportState, Series
from recoup.areas.rights.queries import report_rows
from recoup.areas.rights.rules import lapsing
from recoup.areas.rights.service import owing
from recoup.areas.rights.settings import OwnerSettings, RightsSettings, owners_of
from recoup.core.db import lock
from recoup.core.errors import Conflict, NotFound
from recoup.core.ids import new_id
from recoup.core.ports import BlobStore, ReportFile, ReportJob
from recoup.office.files import service as files
from recoup.office.journal import service as journal

MOST_ATTEMPTS = 3
MAY = "rights.look"


def subject(report: Report) -> str:
    """Return a report's name in the journal."""
    return f"rights/report/{report.id}"


def series_for(db: Session, settings: RightsSettings, *, now: datetime) -> list[tuple[OwnerSettings, Series]]:
    """Return the series of every owner that is set up, made where they are not there yet."""
    found = []
    for owner in owners_of(settings):
        for kind in settings.kinds:
            series = report_rows.find_series(db, owner.id, kind)
            if series is None:
                lock(db, "recoup.rights.series")  # two first runs at once would both make it
                series = report_rows.find_series(db, owner.id, kind)
            if series is None:
                series = Series(id=new_id(), owner=owner.id, title=owner.title, kind=kind, created_at=now)
                db.add(series)
                db.flush()
            series.title = owner.title
            found.append((owner, series))
    return found


def note_found(
    db: Session,
    series: Series,
    job: ReportJob,
    listed: Sequence[ReportFile],
    *,
    made_after: datetime | None,
    now: datetime,
) -> list[Report]:
    """Write down what a list has that was not known; of one day only the report that was made last is to be fetched.

    ``made_after`` is where the list began, which may be later than the next one would have: then that still has to
    come.
    """
    known = report_rows.known_ids(db, series.id)
    fresh = [_report(series, job, one, now) for one in listed if one.id not in known]
    db.add_all(fresh)
    is_moved = series.job_id not in {None, job.id}
    begins = None if is_moved else series.listed_to
    leaves_out = made_after is not None and (is_moved or (begins is not None and made_after > begins))
    series.listed_to = begins
    series.report_type, series.job_id, series.listed_at = job.report_type, job.id, now
    newest = max((one.made_at for one in listed), default=None)
    if newest is not None and not leaves_out and (series.listed_to is None or newest > series.listed_to):
        series.listed_to = newest
    db.flush()
    for report in report_rows.outdated(db, series.id, [ReportState.FOUND]):
        report.state, report.reason = ReportState.SUPERSEDED, "A later report of its day is there."
        owing.settle_report(db, report, reason=report.reason, now=now)
    return fresh


def lapse(db: Session, *, now: datetime) -> Sequence[Report]:
    """Give up reports that were not fetched while they could be, and return them."""
    lapsed = report_rows.lapsed(db, now=now)
    for report in lapsed:
        report.state, report.reason = ReportState.LAPSED, "It was not fetched while YouTube kept it."
        owing.lapse_report(db, report, now=now)
        journal.record(
            db, "rights.report_lapsed", subject(report), actor="rights", now=now, day=str(report.day)
        )
    return lapsed


def _report(series: Series, job: ReportJob, listed: ReportFile, now: datetime) -> Report:
    return Report(
        id=new_id(),
        series_id=series.id,
        report_id=listed.id,
        job_id=listed.job_id,
        address=listed.address,
        day=lapsing.data_day(listed.starts_at),
        starts_at=listed.starts_at,
        ends_at=listed.ends_at,
        made_at=listed.made_at,
        lapses_at=lapsing.fetch_until(
            made_at=listed.made_at, ends_at=listed.ends_at, job_created=job.created
        ),
        state=ReportState.FOUND,
        reason="",
        attempts=0,
        found_at=now,
        columns=[],
        is_baseline=False,
        is_forced=False,
        counts={},
        causes={},
        **dict.fromkeys(
            ("rows", "things", "folded_rows", "added", "gone", "changed", "rewritten", "views"), 0
        ),
    )


def keep(
    db: Session,
    store: BlobStore,
    report: Report,
    body: BinaryIO,
    *,
    columns: Sequence[str],
    actor: str,
    now: datetime,
) -> None:
    """Keep a report's bytes as they came; raise Conflict when another has done so meanwhile."""
    held = _held(db, report.id, ReportState.FOUND)
    file = files.keep(
        db,
        store,
        name=f"{held.day}-{held.report_id}{'.csv.gz' if _is_packed(body) else '.csv'}",
        body=body,
        media_type="application/gzip" if _is_packed(body) else "text/csv",
        subject=subject(held),
        actor=actor,
        now=now,
        may=MAY,
    )
    db.flush()  # the file's row first: ours points to it
    held.state, held.reason, held.kept_at = ReportState.KEPT, "", now
    held.file_id, held.size, held.sha256 = file.id, file.size, file.sha256
    held.columns = sorted(columns)
    owing.settle_report(db, held, reason="It was fetched.", now=now)
    journal.record(
        db,
        "rights.report_kept",
        subject(held),
        actor=actor,
        now=now,
        day=str(held.day),
        report=held.report_id,
        size=file.size,
        sha256=file.sha256,
    )


def failed(
    db: Session, report_id: UUID, reason: str, *, now: datetime, for_good: bool, counts: bool = True
) -> ReportState:
    """Note that a report could not be fetched or read; past three attempts, or ``for_good``, it is turned away.

    Not ``counts``: it was not the report's fault, so that it is asked for as long as it is there.
    """
    report = report_rows.report(db, report_id, for_update=True)
    if report is None or report.state not in {ReportState.FOUND, ReportState.KEPT}:
        return ReportState(report.state) if report else ReportState.REJECTED
    report.attempts += counts
    report.reason = reason
    if for_good or report.attempts >= MOST_ATTEMPTS:
        _reject(db, report, reason, actor="rights", now=now)
    else:
        owing.put_report(db, report_rows.series_of(db, report.series_id), report, now=now)
    return ReportState(report.state)


def _reject(db: Session, report: Report, reason: str, *, actor: str, now: datetime) -> None:
    report.state, report.reason = ReportState.REJECTED, reason
    owing.settle_report(db, report, reason="It cannot be used.", now=now)
    earlier = report_rows.never_fetched(db, report.series_id, report.day, now=now)
    if earlier is not None:
        earlier.state, earlier.reason = ReportState.FOUND, "The later report of its day cannot be used."
    journal.record(
        db,
        "rights.report_rejected",
        subject(report),
        actor=actor,
        now=now,
        day=str(report.day),
        reason=reason,
    )


def park(db: Session, report_id: UUID, reason: str, *, rows: int, things: int, now: datetime) -> None:
    """Let a report wait for a person, who is shown what was counted in it."""
    report = _held(db, report_id, ReportState.KEPT)
    report.state, report.reason = ReportState.PARKED, reason
    report.rows, report.things = rows, things
    journal.record(
        db,
        "rights.report_parked",
        subject(report),
        actor="rights",
        now=now,
        day=str(report.day),
        reason=reason,
    )


def accept(db: Session, report_id: UUID, *, note: str, actor: str, now: datetime) -> Report:
    """Let a parked report be taken, as a person says it is right; raise NotFound, or Conflict when it is not parked."""
    report = _held(db, report_id, ReportState.PARKED)
    report.state, report.is_forced, report.reason = ReportState.KEPT, True, note
    journal.record(
        db, "rights.report_accepted", subject(report), actor=actor, now=now, day=str(report.day), note=note
    )
    return report


def reject(db: Session, report_id: UUID, *, note: str, actor: str, now: datetime) -> Report:
    """Turn a parked report away, as a person says it is wrong; raise NotFound, or Conflict when it is not parked."""
    report = _held(db, report_id, ReportState.PARKED)
    _reject(db, report, note or f"{actor} turned it away.", actor=actor, now=now)
    return report


def _held(db: Session, report_id: UUID, state: ReportState) -> Report:
    report = report_rows.report(db, report_id, for_update=True)
    if report is None:
        raise NotFound(f"There is no report {report_id}.", fix="See `recoup rights reports`.")
    if report.state != state:
        raise Conflict(f"The report of {report.day} is {report.state}, not {state}.")
    return report


def _is_packed(body: BinaryIO) -> bool:
    start = body.read(2)
    body.seek(0)
    return start == b"\x1f\x8b"


def needs_reauth(db: Session, owner: str, reason: str, *, now: datetime) -> bool:
    """Note that somebody has to sign in again for an owner; say whether that is new."""
    mine = [one for one in report_rows.all_series(db) if one.owner == owner]
    is_new = any(one.reauth_since is None for one in mine)
    for series in mine:
        series.reauth_since, series.reauth_reason = series.reauth_since or now, reason
    if is_new:
        journal.record(
            db, "rights.needs_reauth", f"rights/owner/{owner}", actor="rights", now=now, reason=reason
        )
    return is_new


def is_authorised(db: Session, owner: str, *, now: datetime) -> None:
    """Note that an owner's credentials work."""
    mine = [one for one in report_rows.all_series(db) if one.owner == owner and one.reauth_since]
    for series in mine:
        series.reauth_since = series.reauth_reason = None
    if mine:
        journal.record(db, "rights.authorised", f"rights/owner/{owner}", actor="rights", now=now)


def packed_path(work: Path, report: Report) -> Path:
    """Return where a report's bytes lie while they are fetched."""
    return work / f"{report.id}.packed"


def plain_path(work: Path, report: Report) -> Path:
    """Return where a report lies as plain text while it is worked on."""
    return work / f"{report.id}.csv"

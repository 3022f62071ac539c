"""Pages of reports: every snapshot and its health, one report in full, and what a person may decide about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from recoup.areas.rights.lists import DESK, REPORTS, to
from recoup.areas.rights.models import ReportState
from recoup.areas.rights.pages import shown
from recoup.areas.rights.queries import change_rows, detail_rows, report_rows
from recoup.areas.rights.service import reports as deciding
from recoup.core.errors import RecoupError
from recoup.office.journal import queries as journal
from recoup.web import forms, pages
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Typed
from recoup.web.wire import Note, found

HERE = f"{DESK}/reports"
MOST_EVENTS = 50
DID = {
    "take": "The report is accepted: the next run takes it as the snapshot of its day.",
    "reject": "The report was turned away. What was known before stands.",
}

router = Router(prefix=HERE, dependencies=[Depends(may("rights.look"))])


class DecisionAsked(BaseModel):
    """What becomes of a parked report, and why."""

    how: Literal["take", "reject"]
    note: Note = ""


@router.get("")
def all_reports(request: Request, db: Db) -> Response:
    """List reports."""
    lead = (
        "Every report that YouTube listed. What is taken is the snapshot of its day; a later report of the same day "
        "replaces it, and the days after it are compared anew."
    )
    return pages.listed(request, db, REPORTS, template="rights/list.html", tab="reports", lead=lead)


@router.get("/{report_id}")
def one_report(request: Request, db: Db, report_id: UUID) -> Response:
    """Show a report: its life, its columns, what it counted, and what may be decided."""
    return _shown(request, db, report_id)


@router.post("/{report_id}/decide", dependencies=[Depends(may("rights.settle"))])
def decide(*, request: Request, db: Db, actor: Actor, now: Now, report_id: UUID, typed: Typed) -> Response:
    """Take a parked report or turn it away."""
    asked, errors = forms.read(DecisionAsked, typed)
    if asked is None:
        return _shown(request, db, report_id, typed=typed, errors=errors, status=422)
    use_case = deciding.accept if asked.how == "take" else deciding.reject
    try:
        with db.begin_nested():
            use_case(db, report_id, note=asked.note, actor=actor, now=now)
    except RecoupError as error:
        return _shown(request, db, report_id, typed=typed, problem=error, status=error.status)
    return pages.lead_on(f"{HERE}/{report_id}", DID[asked.how])


def _shown(
    request: Request,
    db: Session,
    report_id: UUID,
    *,
    typed: Mapping[str, str | list[str]] | None = None,
    errors: Mapping[str, str] | None = None,
    problem: RecoupError | None = None,
    status: int = 200,
) -> Response:
    report, series = found(
        detail_rows.report_with_series(db, report_id), f"report {report_id}", see="rights reports"
    )
    before = report_rows.head(db, series.id, before=report.day)
    subject = deciding.subject(report)
    is_taken = report.state == ReportState.TAKEN
    return pages.render(
        request,
        "rights/report.html",
        status=status,
        problem=problem,
        report=report,
        series=series,
        before=before,
        came=sorted(set(report.columns) - set(before.columns)) if before and report.columns else [],
        went=sorted(set(before.columns) - set(report.columns)) if before and report.columns else [],
        counted=detail_rows.counted(report, before) if is_taken else {},
        causes=change_rows.by_cause(db, report.id) if is_taken else [],
        later=len(report_rows.taken_since(db, series.id, report.day)) if not is_taken else 0,
        events=journal.timeline(db, subject=subject, limit=MOST_EVENTS),
        subject=subject,
        typed=typed or {},
        errors=errors or {},
        to=to,
        cause_tone=shown.cause_tone,
    )

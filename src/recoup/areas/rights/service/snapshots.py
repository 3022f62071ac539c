"""Snapshots: a report that was compared is written into the history, and its series moves on to its day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.rights.models import Kind, Report, ReportState, Series
from recoup.areas.rights.queries import report_rows, version_rows
from recoup.areas.rights.reading.comparing import Found
from recoup.areas.rights.reading.terms import Terms
from recoup.areas.rights.rules import causes, lapsing
from recoup.areas.rights.rules.causes import Cause
from recoup.areas.rights.rules.facets import Facets
from recoup.areas.rights.rules.pricing import Price
from recoup.areas.rights.service import history, owing
from recoup.areas.rights.service.owing import Standing
from recoup.areas.rights.service.reports import subject
from recoup.core.errors import Conflict
from recoup.office.journal import service as journal


def held(db: Session, series_id: UUID, report_id: UUID, *, head_id: UUID | None) -> tuple[Series, Report]:
    """Lock a series and return it with a report of it that is still to be taken.

    Raise Conflict when the newest snapshot is another than was compared with, or the report moved on.
    """
    series = report_rows.series_of(db, series_id, for_update=True)
    report = report_rows.report(db, report_id, for_update=True)
    head = report_rows.head(db, series_id)
    if report is None or report.state != ReportState.KEPT or (head.id if head else None) != head_id:
        raise Conflict("Another run has taken a report of this series meanwhile.")
    return series, report


def take(
    db: Session,
    series: Series,
    report: Report,
    found: Found,
    *,
    before: Report | None,
    terms: Terms,
    price: Price,
    now: datetime,
) -> None:
    """Write a compared report into the history as the snapshot of its day; the next of ``before``."""
    newest = report_rows.head(db, series.id)
    written = history.write(db, series, report, found, before=before, terms=terms)
    report.state, report.reason, report.taken_at = ReportState.TAKEN, "", report.taken_at or now
    report.is_baseline = before is None
    report.rows, report.things = found.rows, found.things
    report.folded_rows = found.rows - found.things
    report.added, report.gone = (0 if before is None else written.added), written.gone
    report.changed, report.rewritten, report.views = written.changed, written.rewritten, found.views
    report.counts = {name: dict(values) for name, values in written.counts.items()}
    report.causes = dict(written.causes)
    owing.put_claims(db, series, written.standing, price=price, now=now)
    owing.settle_claims(db, series, written.settled, now=now)
    if newest is None or newest.day < report.day:  # an earlier day that is written anew makes nothing fresher
        series.stale_told_at = None
    journal.record(
        db,
        "rights.snapshot_taken",
        subject(report),
        actor="rights",
        now=now,
        day=str(report.day),
        things=report.things,
        added=report.added,
        gone=report.gone,
        changed=report.changed,
    )


def supersede_same_day(db: Session, series: Series, report: Report) -> None:
    """Let a report stand for its day: whatever was kept or taken of it before gives way."""
    for other in report_rows.of_day(db, series.id, report.day):
        if other.id != report.id and other.state in {ReportState.TAKEN, ReportState.KEPT, ReportState.PARKED}:
            other.state, other.taken_at = ReportState.SUPERSEDED, None
            other.reason = "A later report of its day was taken."


def stand_again(db: Session, series: Series, *, price: Price, now: datetime) -> None:
    """Bring the book up to date with the history as it is now, after earlier days were written anew."""
    if series.kind != Kind.CLAIM:
        return
    ends = {one.day: one.ends_at for one in report_rows.taken_since(db, series.id, date.min)}
    read = version_rows.Readers(db, series.kind)
    current = []
    for thing, versions in version_rows.in_the_middle(db, series.id, [word for word, _ in causes.OPEN_WORDS]):
        told = [(version.since, read.facets(version)) for version in versions]
        standing = causes.standing(thing.status, thing.detail)
        title = told[0][1].title if told[0][1] else ""
        if standing in lapsing.ANSWER_WITHIN:
            since = ends[_since(told, standing)]
            current.append(Standing(thing.key, standing, title, thing.views, since))
    still = {one.key for one in current}
    over = [key for key in owing.open_claims(db, series) if key not in still]
    owing.settle_claims(db, series, over, now=now)
    owing.put_claims(db, series, current, price=price, now=now)


def _since(told: Sequence[tuple[date, Facets | None]], standing: Cause) -> date:
    """Return since when a claim stands as its newest version does; it was never otherwise or gone in between."""
    since = told[0][0]
    for day, facets in told[1:]:
        if facets is None or causes.standing(facets.status, facets.detail) != standing:
            break
        since = day
    return since

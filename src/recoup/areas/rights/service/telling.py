"""Telling people of a snapshot's changes: a mail with a workbook, and a webhook, planned once each."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.rights import controls
from recoup.areas.rights.models import Report, ReportState, Series
from recoup.areas.rights.queries import change_rows, prices, report_rows
from recoup.areas.rights.rules import wording
from recoup.areas.rights.rules.layouts import LAYOUTS
from recoup.areas.rights.service.reports import MAY, subject
from recoup.areas.rights.settings import OwnerSettings
from recoup.core.errors import Invalid
from recoup.core.parts import DeliveryKind, Go, Planned, Result
from recoup.core.system import System
from recoup.office.controls import service as house
from recoup.office.desk.writers.workbook import MEDIA_TYPE
from recoup.office.files import service as files
from recoup.office.journal import service as journal
from recoup.office.messages import service as messages
from recoup.office.messages.rules import Attachment
from recoup.office.outbox import service as outbox
from recoup.office.outbox.service import Plan

WEBHOOK = "webhook"
KIND = "rights.webhook"
CAUSES_TOLD = 12
LINK_LIFE = timedelta(days=7)
"""The longest that a signed link may live."""


def told_before(db: Session, series: Series, report: Report) -> Report | None:
    """Return the report of the same day that people were told of, before YouTube made this one."""
    same = report_rows.of_day(db, series.id, report.day)
    told = [
        one for one in same if one.id != report.id and one.told_at and one.state == ReportState.SUPERSEDED
    ]
    return max(told, key=lambda one: one.made_at, default=None)


def tell(
    db: Session, system: System, owner: OwnerSettings, report_id: UUID, *, book: Path, now: datetime
) -> None:
    """Plan what people are told of a snapshot, with the workbook ``book``; nothing where another run did so already."""
    report = report_rows.report(db, report_id, for_update=True)
    if report is None or report.told_at is not None:
        return  # another run did
    series = report_rows.series_of(db, report.series_id)
    price = prices.price(db)
    changes = report.added + report.gone + report.changed
    top = change_rows.heaviest_of(db, report.id, limit=house.value(db, controls.TOP)).rows
    noun, link = LAYOUTS[series.kind].noun, f"{system.settings.web.address or ''}/desk/rights"
    attached, file_link = _workbook(db, system, report, book, now=now)
    before = report_rows.head(db, series.id, before=report.day)
    causes = [(one.cause, one.count) for one in change_rows.by_cause(db, report.id)][:CAUSES_TOLD]
    context = {
        "owner": series.title,
        "noun": noun,
        "day": report.day,
        "before": before.day if before else report.day,
        "total": report.things,
        "counts": {"added": report.added, "gone": report.gone, "changed": report.changed},
        "causes": causes,
        "top": [
            {
                "key": one.key,
                "title": one.title,
                "artist": one.artist,
                "cause": one.cause,
                "what": wording.what(one),
                "weight": wording.weight(one.weight, price.of(one.weight)),
            }
            for one in top
        ],
        "more": changes - len(top),
        "earlier": _earlier(db, series, report),
        "is_correction": told_before(db, series, report) is not None,
        "file": book.name,
        "file_link": file_link,
        "link": link,
    }
    for recipient in owner.recipients:
        try:
            messages.send(
                db,
                key=f"rights:{report.id}:{recipient}",
                to=recipient,
                template="rights_changes",
                context=context,
                sender=system.settings.mail.sender,
                attachments=attached,
                now=now,
            )
        except Invalid as error:  # a recipient who cannot be written to keeps nobody else from being told
            journal.record(
                db, "rights.unaddressable", subject(report), actor="rights", now=now, reason=error.detail
            )
    if owner.slack_webhook is not None:
        head = f"{series.title}, {noun} of {report.day}: " + wording.counted(
            report.added, report.gone, report.changed
        )
        text = wording.slack_text(head, causes, link)
        plan = Plan(
            key=f"rights:{report.id}:webhook",
            kind=KIND,
            channel=WEBHOOK,
            subject=head,
            payload=json.dumps({"text": text}, ensure_ascii=False).encode(),
            headers={"to": owner.id},
        )
        outbox.plan(db, plan, now=now)
    told(db, series, report.id, now=now)


def _workbook(
    db: Session, system: System, report: Report, book: Path, *, now: datetime
) -> tuple[list[Attachment], str]:
    """Return the workbook as an attachment while it is small, or else a link to where it is kept."""
    if book.stat().st_size <= house.value(db, controls.MOST_ATTACHED) * 1_000:
        return [Attachment(book.name, MEDIA_TYPE, book.read_bytes())], ""
    store = system.ports.files
    with book.open("rb") as body:
        kept = files.keep(
            db,
            store,
            name=book.name,
            body=body,
            media_type=MEDIA_TYPE,
            subject=subject(report),
            actor=system.worker,
            now=now,
            may=MAY,
        )
    secret = files.signing_secret(system.home)
    link = files.link(store, secret, kept, expires_in=LINK_LIFE, now=now)
    return [], f"{system.settings.web.address or ''}{link}" if link.startswith("/") else link


def _earlier(db: Session, series: Series, report: Report) -> list[tuple[str, str]]:
    """Return what changed on days that were caught up with together with this one."""
    days = [
        one
        for one in report_rows.of_series(db, series.id)
        if one.state == ReportState.TAKEN
        and one.told_at is None
        and one.day < report.day
        and not one.is_baseline
    ]
    return [(str(one.day), wording.counted(one.added, one.gone, one.changed)) for one in days]


def told(db: Session, series: Series, report_id: UUID, *, now: datetime) -> None:
    """Note that people know of a snapshot, and of every one before it."""
    for one in report_rows.of_series(db, series.id):
        if one.state == ReportState.TAKEN and one.told_at is None:
            one.told_at = now
    journal.record(db, "rights.told", f"rights/report/{report_id}", actor="rights", now=now)


def _before(db: Session, planned: Planned, now: datetime) -> Go:  # noqa: ARG001 - the outbox's shape
    return Go()


def _after(db: Session, planned: Planned, result: Result, now: datetime) -> None:
    if result.state == "refused":
        journal.record(
            db,
            "rights.webhook_refused",
            f"outbox/delivery/{planned.id}",
            actor="rights",
            now=now,
            reason=result.reason,
        )


DELIVERIES = DeliveryKind(KIND, before=_before, after=_after)
"""What the outbox asks before and after it hands a message to a webhook."""

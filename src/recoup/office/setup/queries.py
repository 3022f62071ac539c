"""Every SELECT of setup: what the journal tells of files that were brought in, and of tests."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from recoup.office.journal.models import Event


def latest_events(db: Session, subjects: Collection[str]) -> dict[str, Event]:
    """Return the newest event of each subject that has one."""
    newest = (
        select(Event)
        .where(Event.subject.in_(subjects))
        .distinct(Event.subject)
        .order_by(Event.subject, Event.id.desc())
    )
    return {event.subject: event for event in db.scalars(newest)}

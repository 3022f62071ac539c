"""Every SELECT of the journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recoup.office.journal.models import Event, Seal, Unsealed


def last_seal(db: Session) -> Seal | None:
    """Return the head of the chain."""
    return db.scalars(select(Seal).order_by(Seal.number.desc()).limit(1)).first()


def unsealed(db: Session, *, limit: int) -> Sequence[Event]:
    """Return events that no seal covers yet, oldest id first."""
    return db.scalars(
        select(Event).join(Unsealed, Unsealed.event_id == Event.id).order_by(Event.id).limit(limit)
    ).all()


def seals(db: Session) -> Iterator[Seal]:
    """Yield the chain from its start."""
    yield from db.scalars(select(Seal).order_by(Seal.number).execution_options(yield_per=100))


def events_by_id(db: Session, ids: Sequence[UUID]) -> dict[UUID, Event]:
    """Return the events with these ids."""
    return {event.id: event for event in db.scalars(select(Event).where(Event.id.in_(ids)))}


def counts(db: Session) -> tuple[int, int]:
    """Return how many events there are, and how many wait for a seal."""
    events = db.execute(select(func.count()).select_from(Event)).scalar_one()
    waiting = db.execute(select(func.count()).select_from(Unsealed)).scalar_one()
    return events, waiting


def timeline(
    db: Session,
    *,
    subject: str | None = None,
    kind: str | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> Sequence[Event]:
    """Return events newest first; ``subject`` and ``kind`` match by prefix, ``before`` continues a page."""
    statement = select(Event)
    if subject is not None:
        statement = statement.where(Event.subject.startswith(subject, autoescape=True))
    if kind is not None:
        statement = statement.where(Event.kind.startswith(kind, autoescape=True))
    if before is not None:
        statement = statement.where(Event.id < before)
    return db.scalars(statement.order_by(Event.id.desc()).limit(limit)).all()

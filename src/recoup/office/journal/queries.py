"""Every SELECT of the journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from recoup.core.keyset import Slice
from recoup.core.subjects import is_about
from recoup.office.journal import telling
from recoup.office.journal.models import Event, Seal, Unsealed
from recoup.web.lists import Choices, Wanted

VERIFIED = "journal.verified"
MOST_KINDS = 300
# One probe of the index per kind: a plain DISTINCT reads every event.
_KINDS = text(
    """
    with recursive found as (
        (select kind from events order by kind limit 1)
        union all
        select (select kind from events where kind > found.kind order by kind limit 1) from found
        where found.kind is not null
    )
    select kind from found where kind is not null limit :most
    """
)


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
    """Return events newest first, about a subject and what lies below it; ``before`` continues a page.

    ``kind`` matches by prefix.
    """
    statement = select(Event)
    if subject is not None:
        statement = statement.where(is_about(Event.subject, subject))
    if kind is not None:
        statement = statement.where(Event.kind.startswith(kind, autoescape=True))
    if before is not None:
        statement = statement.where(Event.id < before)
    return db.scalars(statement.order_by(Event.id.desc()).limit(limit)).all()


def events_page(db: Session, wanted: Wanted) -> Slice[Event]:
    """Return a page of the timeline.

    ``kind`` is a kind, or all of a part's (``metering.``); ``subject`` is one, with what lies below it; ``actor`` is a
    name, however it was shown; ``since`` and ``until`` are days, both included.
    """
    statement = select(Event)
    filters = wanted.filters
    if kind := filters.get("kind"):
        is_part = kind.endswith(".")
        statement = statement.where(
            Event.kind.startswith(kind, autoescape=True) if is_part else Event.kind == kind
        )
    if subject := filters.get("subject"):
        statement = statement.where(is_about(Event.subject, subject))
    if actor := filters.get("actor"):
        statement = statement.where(Event.actor.in_(telling.spellings(actor)))
    if (since := wanted.since("since")) is not None:
        statement = statement.where(Event.at >= since)
    if (until := wanted.until("until")) is not None:
        statement = statement.where(Event.at < until)
    return wanted.page_of(db, statement, key=[Event.at, Event.id])


def kind_choices(db: Session) -> Choices:
    """Return what happened here so far, to choose from: all of a part's first, then kind by kind."""
    kinds = db.scalars(_KINDS, {"most": MOST_KINDS}).all()
    parts = dict.fromkeys(kind.partition(".")[0] for kind in kinds if "." in kind)
    everything = [(f"{part}.", f"{part}: everything") for part in parts]
    return (*everything, *((kind, kind.replace("_", " ").replace(".", ": ", 1)) for kind in kinds))


def event(db: Session, event_id: UUID) -> Event | None:
    """Return one event."""
    return db.get(Event, event_id)


def is_sealed(db: Session, event_id: UUID) -> bool:
    """Say whether a seal covers the event by now."""
    return db.get(Unsealed, event_id) is None


def between(db: Session, first: UUID, last: UUID, *, limit: int) -> Sequence[Event]:
    """Return events whose ids lie between two, both included."""
    statement = select(Event).where(Event.id >= first, Event.id <= last).order_by(Event.id).limit(limit)
    return db.scalars(statement).all()


def subjects(db: Session, beginning: str, *, limit: int) -> list[str]:
    """Return subjects that begin so, each once: a probe of the index for each, however often it comes."""
    found: list[str] = []
    while len(found) < limit:
        statement = select(Event.subject).where(Event.subject.startswith(beginning, autoescape=True))
        if found:
            statement = statement.where(Event.subject > found[-1])
        one = db.scalars(statement.order_by(Event.subject).limit(1)).first()
        if one is None:
            break
        found.append(one)
    return found


def last_verified(db: Session) -> Event | None:
    """Return the latest event that says how a verification ended."""
    statement = select(Event).where(Event.kind == VERIFIED).order_by(Event.id.desc()).limit(1)
    return db.scalars(statement).first()

"""Every SELECT of the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Load, Session, load_only

from recoup.core.keyset import Slice
from recoup.office.journal.models import Event
from recoup.office.outbox.models import Delivery, State, StoppedChannel
from recoup.web.lists import Wanted

_NO_BYTES = Load(Delivery).defer(Delivery.payload).defer(Delivery.sealed)
"""A list names its deliveries; a hundred mails with their attachments would be megabytes for it."""


def digests(db: Session, keys: Sequence[str]) -> dict[str, tuple[UUID, str]]:
    """Return id and payload hash of the deliveries under these keys."""
    rows = db.execute(select(Delivery.key, Delivery.id, Delivery.sha256).where(Delivery.key.in_(keys)))
    return {key: (delivery_id, digest) for key, delivery_id, digest in rows}


def by_id(db: Session, delivery_id: UUID, *, for_update: bool = False) -> Delivery | None:
    """Return one delivery, on request locked until the transaction ends."""
    return db.get(Delivery, delivery_id, with_for_update=for_update or None, populate_existing=for_update)


def due(db: Session, channel: str, *, now: datetime, limit: int, unknown_too: bool) -> Sequence[UUID]:
    """Lock and return what may be claimed: planned and due, or left behind by a worker whose lease is over.

    Leases are compared with the database's clock, planned times with ``now``. ``unknown_too``: where the far side
    dedupes, what is unknown may be handed again when its next attempt is due.
    """
    waiting = _waiting(unknown_too=unknown_too)
    abandoned = Delivery.state.in_([State.LEASED, State.HANDING]) & (Delivery.lease_until < func.now())
    claimable = (
        select(Delivery.id)
        .where(Delivery.channel == channel, or_(waiting & (Delivery.next_attempt_at <= now), abandoned))
        .order_by(Delivery.next_attempt_at, Delivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return db.scalars(claimable).all()


def workers(db: Session) -> Sequence[str]:
    """Return who holds deliveries."""
    held = select(Delivery.worker).where(Delivery.state.in_([State.LEASED, State.HANDING])).distinct()
    return [worker for worker in db.scalars(held) if worker]


def fenced(db: Session, delivery_id: UUID, attempt: int) -> Delivery | None:
    """Lock and return the delivery if this attempt still holds it."""
    statement = (
        select(Delivery)
        .where(
            Delivery.id == delivery_id,
            Delivery.attempt == attempt,
            Delivery.state.in_([State.LEASED, State.HANDING]),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return db.scalars(statement).one_or_none()


def next_due(db: Session, channel: str, *, unknown_too: bool) -> datetime | None:
    """Return when the next planned delivery of a channel is due."""
    statement = select(func.min(Delivery.next_attempt_at)).where(
        Delivery.channel == channel, _waiting(unknown_too=unknown_too)
    )
    return db.execute(statement).scalar_one()


def oldest_due(db: Session, *, now: datetime) -> datetime | None:
    """Return since when the oldest delivery that should have left is due."""
    statement = select(func.min(Delivery.next_attempt_at)).where(
        Delivery.state == State.PLANNED, Delivery.next_attempt_at <= now
    )
    return db.execute(statement).scalar_one()


def channels_with_work(db: Session, *, now: datetime) -> Sequence[str]:
    """Return the channels that have something due or left behind."""
    waiting = Delivery.state.in_([State.PLANNED, State.UNKNOWN]) & (Delivery.next_attempt_at <= now)
    abandoned = Delivery.state.in_([State.LEASED, State.HANDING]) & (Delivery.lease_until < func.now())
    return db.scalars(select(Delivery.channel).where(or_(waiting, abandoned)).distinct()).all()


def stopped(db: Session, channel: str, *, now: datetime) -> StoppedChannel | None:
    """Return why a channel is stopped at ``now``, if it is."""
    found = db.get(StoppedChannel, channel)
    return found if found is not None and found.until > now else None


def stopped_channels(db: Session) -> Sequence[StoppedChannel]:
    """Return every channel that is stopped or waits for its first success since."""
    return db.scalars(select(StoppedChannel).order_by(StoppedChannel.channel)).all()


def listed(
    db: Session,
    *,
    state: str | None = None,
    kind: str | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> Sequence[Delivery]:
    """Return deliveries without their bytes, newest first; ``before`` continues a page."""
    statement = select(Delivery).options(_NO_BYTES)
    if state is not None:
        statement = statement.where(Delivery.state == state)
    if kind is not None:
        statement = statement.where(Delivery.kind == kind)
    if before is not None:
        statement = statement.where(Delivery.id < before)
    return db.scalars(statement.order_by(Delivery.id.desc()).limit(limit)).all()


def planned(db: Session, kind: str) -> Sequence[Delivery]:
    """Return every delivery of a kind that waits to be handed over for the first time."""
    return db.scalars(select(Delivery).where(Delivery.kind == kind, Delivery.state == State.PLANNED)).all()


def counts_by_state(db: Session) -> dict[str, int]:
    """Return how many deliveries stand in each state."""
    rows = db.execute(select(Delivery.state, func.count()).group_by(Delivery.state).order_by(Delivery.state))
    return {state: int(number) for state, number in rows}


# ---------------------------------------------------------------- for pages

COUNTED = 10_000
"""Beyond this a page says "more": counting a million rows takes longer than reading the page."""
MOST_NAMES = 50
_LINE = load_only(
    Delivery.id,
    Delivery.key,
    Delivery.kind,
    Delivery.channel,
    Delivery.subject,
    Delivery.headers,
    Delivery.state,
    Delivery.attempt,
    Delivery.handings,
    Delivery.is_secret,
    Delivery.next_attempt_at,
    Delivery.reason,
    Delivery.created_at,
    Delivery.updated_at,
)
"""What a line of a list shows: no bytes, and nothing sealed."""


def deliveries_page(db: Session, wanted: Wanted) -> Slice[Delivery]:
    """Return a page of the list of deliveries; ``key`` finds keys by how they begin."""
    statement = select(Delivery).options(_LINE)
    for name, column in (
        ("state", Delivery.state),
        ("channel", Delivery.channel),
        ("kind", Delivery.kind),
    ):
        if name in wanted.filters:
            statement = statement.where(column == wanted.filters[name])
    if "key" in wanted.filters:
        statement = statement.where(_begins(db, wanted.filters["key"]))
    return wanted.page_of(db, statement, key=[Delivery.id])


def _begins(db: Session, text: str) -> ColumnElement[bool]:
    """Return the condition on how a key begins: by its own index where few do, else in the order of the list."""
    indexed = Delivery.key.startswith(text, autoescape=True)
    some = select(Delivery.id).where(indexed).limit(COUNTED + 1).subquery()
    few = int(db.execute(select(func.count()).select_from(some)).scalar_one()) <= COUNTED
    return indexed if few else func.left(Delivery.key, len(text)) == text


def chosen(db: Session, ids: Sequence[UUID]) -> Sequence[Delivery]:
    """Return the deliveries with these ids, without their bytes, newest first."""
    found = select(Delivery).options(_LINE).where(Delivery.id.in_(ids))
    return db.scalars(found.order_by(Delivery.id.desc())).all()


def beginning(db: Session, text: str, *, limit: int) -> Sequence[Delivery]:
    """Return the latest deliveries whose id or key begins with ``text``."""
    begins = Delivery.key.startswith(text, autoescape=True)
    digits = text.replace("-", "").lower()
    if 8 <= len(digits) <= 32 and all(char in "0123456789abcdef" for char in digits):  # noqa: PLR2004 - an id's digits
        first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
        begins = or_(begins, Delivery.id.between(first, last))
    return db.scalars(
        select(Delivery).options(_LINE).where(begins).order_by(Delivery.id.desc()).limit(limit)
    ).all()


def standing_counts(db: Session, states: Iterable[State] = State) -> dict[str, int]:
    """Return how many deliveries stand in each of these states, at most one more than ``COUNTED``."""
    asked = list(states)
    some = [
        select(Delivery.id).where(Delivery.state == state).limit(COUNTED + 1).subquery() for state in asked
    ]
    counted = [select(func.count()).select_from(one).scalar_subquery() for one in some]
    return dict(zip(map(str, asked), db.execute(select(*counted)).one(), strict=True))


def refused_since(db: Session, since: datetime) -> int:
    """Return how many deliveries were refused since then."""
    late = (Delivery.state == State.REFUSED, Delivery.updated_at >= since)
    some = select(Delivery.id).where(*late).limit(COUNTED + 1).subquery()
    return int(db.execute(select(func.count()).select_from(some)).scalar_one())


def oldest_in(db: Session, state: str) -> datetime | None:
    """Return since when the oldest delivery of a state is planned."""
    first = select(Delivery.created_at).where(Delivery.state == state).order_by(Delivery.id).limit(1)
    return db.execute(first).scalar_one_or_none()


def names(db: Session, column: InstrumentedAttribute[str]) -> list[str]:
    """Return the different values of an indexed column: each is one step along its index, however many rows."""
    found: list[str] = []
    while len(found) < MOST_NAMES:
        following = select(func.min(column)).where(column > found[-1]) if found else select(func.min(column))
        name = db.execute(following).scalar_one()
        if name is None:
            break
        found.append(str(name))
    return found


def story(db: Session, delivery_id: UUID) -> Sequence[Event]:
    """Return what the journal tells of a delivery, oldest first."""
    subjects = (f"outbox/delivery/{delivery_id}", f"messages/message/{delivery_id}")
    found = select(Event).where(Event.subject.in_(subjects)).order_by(Event.id).limit(MOST_EVENTS)
    return db.scalars(found).all()


def bulk(db: Session, bulk_id: UUID) -> Event | None:
    """Return the event that tells which deliveries were settled together."""
    found = select(Event).where(Event.subject == f"outbox/bulk/{bulk_id}", Event.kind == SETTLED_TOGETHER)
    return db.scalars(found).first()


SETTLED_TOGETHER = "outbox.settled_together"
MOST_EVENTS = 200


def _waiting(*, unknown_too: bool) -> ColumnElement[bool]:
    """Return what may be handed over: what is planned, and what is unknown where that may be handed again."""
    planned = Delivery.state == State.PLANNED
    unknown = and_(Delivery.state == State.UNKNOWN, Delivery.is_secret.is_(False))
    return or_(planned, unknown) if unknown_too else planned

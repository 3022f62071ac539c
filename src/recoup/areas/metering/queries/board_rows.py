"""Every SELECT of the boards: how streams stand beside one another, what waits, and the map of a stream's hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from recoup.areas.metering.models import (
    Adjustment,
    AdjustmentState,
    Entry,
    EntryState,
    Stream,
    Window,
    WindowState,
)
from recoup.areas.metering.queries import standing_rows
from recoup.areas.metering.queries.sheets import UNSETTLED
from recoup.areas.metering.queries.standing_rows import Standing
from recoup.areas.metering.rules.hour_map import HourFacts
from recoup.core.clock import HOUR
from recoup.core.money import Money
from recoup.office.owed.models import OwedItem

OPEN = (*UNSETTLED, EntryState.EXPIRED)
"""Entries that keep their hour from being accepted."""
AREA = "metering"
MOST_CURRENCIES = 20


@dataclass(frozen=True, slots=True)
class Unsubmitted:
    """What the marketplace has not taken yet: items in the book of what is owed, their sum, and the next to lapse."""

    items: int
    unpriced: int
    amounts: Sequence[Money]
    lapses_at: datetime | None


def unsubmitted(db: Session, *, stream_key: str | None = None) -> Unsubmitted:
    """Return what of a stream, or of all, is owed and not taken yet."""
    mine = and_(OwedItem.state == "open", OwedItem.area == AREA)
    if stream_key is not None:
        # As service/owing.py names them: the hour that follows tells a key from a longer one.
        mine = and_(mine, OwedItem.key.startswith(f"{AREA}:{stream_key}:", autoescape=True))
        mine = and_(
            mine,
            func.substr(OwedItem.key, len(AREA) + len(stream_key) + 3, 13).regexp_match(
                r"^\d{4}-\d\d-\d\dT\d\d$"
            ),
        )
    rows = db.execute(
        select(OwedItem.currency, func.count(), func.sum(OwedItem.amount_minor), func.min(OwedItem.lapses_at))
        .where(mine)
        .group_by(OwedItem.currency)
        .order_by(OwedItem.currency)
        .limit(MOST_CURRENCIES)
    ).all()
    lapses = [at for *_, at in rows if at is not None]
    return Unsubmitted(
        items=sum(count for _, count, _, _ in rows),
        unpriced=sum(count for currency, count, _, _ in rows if currency is None),
        amounts=[Money(int(total or 0), currency) for currency, _, total, _ in rows if currency is not None],
        lapses_at=min(lapses, default=None),
    )


def accepted_until(db: Session, one: Stream) -> datetime | None:
    """Return the instant up to which every hour since the stream's start was accepted; None where none was."""
    window = select(func.min(Window.hour)).where(
        Window.stream_id == one.id, Window.state != WindowState.TAKEN
    )
    entry = select(func.min(Entry.hour)).where(Entry.stream_id == one.id, Entry.state.in_(OPEN))
    firsts = [at for at in (db.scalar(window), db.scalar(entry)) if at is not None]
    if firsts:
        return max(min(firsts), one.first_hour)
    last = db.scalar(select(func.max(Window.hour)).where(Window.stream_id == one.id))
    return last + HOUR if last is not None else None


def next_deadline(db: Session, *, now: datetime, stream_id: UUID | None = None) -> datetime | None:
    """Return when the next hour lapses that is not accepted yet."""
    windows = select(func.min(Window.deadline)).where(
        Window.state != WindowState.TAKEN, Window.deadline > now
    )
    entries = (
        select(func.min(Window.deadline))
        .join(Entry, Entry.window_id == Window.id)
        .where(Entry.state.in_(UNSETTLED), Window.deadline > now)
    )
    if stream_id is not None:
        windows, entries = (
            windows.where(Window.stream_id == stream_id),
            entries.where(Entry.stream_id == stream_id),
        )
    return min((at for at in (db.scalar(windows), db.scalar(entries)) if at is not None), default=None)


def last_attempt(db: Session, stream_id: UUID) -> datetime | None:
    """Return when an hour of the stream was last looked at."""
    return db.scalar(select(func.max(Window.tried_at)).where(Window.stream_id == stream_id))


@dataclass(frozen=True, slots=True)
class Board:
    """One stream as its card shows it."""

    stream: Stream
    standing: Standing
    unsubmitted: Unsubmitted
    accepted_until: datetime | None
    next_deadline: datetime | None
    last_attempt: datetime | None

    @property
    def read_until(self) -> datetime | None:
        """The instant up to which every hour was read."""
        return self.standing.taken_until + HOUR if self.standing.taken_until else None


def board(db: Session, one: Stream, *, now: datetime) -> Board:
    """Return how a stream stands."""
    return Board(
        stream=one,
        standing=standing_rows.standing(db, one),
        unsubmitted=unsubmitted(db, stream_key=one.key),
        accepted_until=accepted_until(db, one),
        next_deadline=next_deadline(db, now=now, stream_id=one.id),
        last_attempt=last_attempt(db, one.id),
    )


@dataclass(frozen=True, slots=True)
class Lapsing:
    """Hours that are not accepted and lapse soon."""

    hours: int
    next: datetime | None


def lapsing(db: Session, *, now: datetime, within: timedelta, ended_before: datetime) -> Lapsing:
    """Return hours that lapse within ``within`` and ended before ``ended_before``: those not merely on their way."""
    soon = and_(Window.deadline > now, Window.deadline <= now + within, Window.hour < ended_before - HOUR)
    open_entries = select(Entry.window_id).where(Entry.state.in_(UNSETTLED))
    statement = select(func.count(), func.min(Window.deadline)).where(
        soon, or_(Window.state != WindowState.TAKEN, Window.id.in_(open_entries))
    )
    number, first = db.execute(statement).one()
    return Lapsing(int(number), first)


@dataclass(frozen=True, slots=True)
class Held:
    """Hours that are held, and since when."""

    hours: int
    since: datetime | None


def held(db: Session) -> Held:
    """Return how many hours are held."""
    statement = select(func.count(), func.min(Window.held_since)).where(Window.state == WindowState.HELD)
    number, since = db.execute(statement).one()
    return Held(int(number), since)


def held_windows(db: Session, *, limit: int = 20) -> Sequence[tuple[Window, str]]:
    """Return hours that are held with their stream, the one that lapses next first."""
    statement = (
        select(Window, Stream.key)
        .join(Stream, Stream.id == Window.stream_id)
        .where(Window.state == WindowState.HELD)
        .order_by(Window.hour, Window.id)
        .limit(limit)
    )
    return [(window, key) for window, key in db.execute(statement)]


def entries_in(db: Session, states: Sequence[str]) -> Mapping[str, int]:
    """Return how many entries stand in these states."""
    statement = select(Entry.state, func.count()).where(Entry.state.in_(states)).group_by(Entry.state)
    return {state: int(count) for state, count in db.execute(statement)}


def open_adjustments(db: Session) -> int:
    """Return how many differences wait for a person."""
    statement = select(func.count()).where(Adjustment.state == AdjustmentState.OPEN)
    return int(db.execute(statement).scalar_one())


def hour_facts(
    db: Session, stream_id: UUID, *, since: datetime, until: datetime
) -> dict[datetime, HourFacts]:
    """Return the windows of a stream's hours from ``since`` on and before ``until``, as the map shows them."""
    over = (EntryState.ACCEPTED, EntryState.CARRIED)
    rows = db.execute(
        select(Entry.hour, Entry.state, func.count())
        .where(
            Entry.stream_id == stream_id,
            Entry.hour >= since,
            Entry.hour < until,
            Entry.state.not_in(over),
        )
        .group_by(Entry.hour, Entry.state)
    )
    entries: dict[datetime, dict[str, int]] = {}
    for hour, state, count in rows:
        entries.setdefault(hour, {})[state] = int(count)
    windows = db.execute(
        select(Window.id, Window.hour, Window.state, Window.reason, Window.deadline, Window.records).where(
            Window.stream_id == stream_id, Window.hour >= since, Window.hour < until
        )
    )
    return {
        hour: HourFacts(window_id, state, reason, deadline, records, entries.get(hour, {}))
        for window_id, hour, state, reason, deadline, records in windows
    }

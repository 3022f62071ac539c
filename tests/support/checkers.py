"""What must hold of metering at any moment, whatever happened: each checker returns sentences, none when all is well.

They read rows and the far side's ledger, and share no code with what they check.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from recoup.areas.metering.models import (
    Adjustment,
    Entry,
    Part,
    Quarantined,
    Remainder,
    Stream,
    UsageFile,
    Window,
)
from recoup.core.system import System
from recoup.office.journal import jobs as journal
from recoup.office.outbox.models import Delivery
from recoup.office.owed.models import OwedItem
from recoup.sandbox.clazar_ledger import Accepted
from support.usage_count import WIDE, ZERO, Count

HOUR = timedelta(hours=1)
SETTLED = {"accepted", "carried", "restamped", "dismissed"}
MOVING = {"planned", "leased", "handing", "unknown"}
Name = tuple[str, str]
Hour = tuple[str, datetime]


def everything(system: System, ledger: Sequence[Accepted], counts: Mapping[Hour, Count]) -> list[str]:
    """Return what every checker says; ``counts`` is what the files held when their windows were taken."""
    with system.sessions.begin() as db, localcontext(WIDE):
        return [
            *no_gap(db),
            *nothing_twice(db, ledger),
            *sums_are_exact(db),
            *files_tie(db, counts),
            *owed_is_right(db),
            *deliveries_move(db),
        ]


def no_gap(db: Session) -> Iterator[str]:
    """C-gap: from a stream's first hour to its last, every hour has exactly one window."""
    for stream in db.scalars(select(Stream)):
        since_start = (Window.stream_id == stream.id) & (Window.hour >= stream.first_hour)
        hours = db.scalars(select(Window.hour).where(since_start).order_by(Window.hour)).all()
        expected = [stream.first_hour + number * HOUR for number in range(len(hours))]
        if list(hours) != expected:
            yield f"{stream.key}: windows {hours} where {expected} should be"


def nothing_twice(db: Session, ledger: Iterable[Accepted]) -> Iterator[str]:
    """C-twice: what is billed was billed once, is ours to the last digit, and all that we call accepted is billed."""
    rows = list(ledger)
    for key, times in Counter(row.key for row in rows).items():
        if times > 1:
            yield f"{key} was billed {times} times"
    billed = {row.key: row for row in rows}
    handed = {}
    for entry in db.scalars(select(Entry)):
        key = (entry.contract, entry.dimension, entry.hour)
        if entry.state == "accepted" and key not in billed:
            yield f"{key} is accepted here, and nobody billed it"
        if entry.submissions and handed.setdefault(key, entry) is not entry:
            yield f"{key} was submitted by two entries"
    for key, row in billed.items():
        entry = handed.get(key)
        if entry is None or not entry.handings:
            yield f"{key} was billed, and we never handed it over"
        elif entry.state not in {"accepted", "planned", "held", "unknown"}:
            yield f"{key} was billed, and is {entry.state} here"
        elif Decimal(row.quantity) != entry.quantity:
            yield f"{key} was billed with {row.quantity}, and is {entry.quantity} here"


def sums_are_exact(db: Session) -> Iterator[str]:
    """C-sum: what was measured is submitted or carried on, for each entry, each window and over all time.

    For streams without formulas, whose entries are what their files measured.
    """
    entries = db.scalars(select(Entry)).all()
    for entry in entries:
        where = f"{entry.contract} {entry.dimension} {entry.hour:%d %H}"
        if entry.measured + entry.carried_in != entry.quantity + entry.carried_out:
            yield f"{where}: {entry.measured} + {entry.carried_in} is not {entry.quantity} + {entry.carried_out}"
        if entry.state == "carried" and entry.quantity:
            yield f"{where}: carried on as a whole, and yet {entry.quantity} are to be submitted"
    parts: dict[object, Decimal] = defaultdict(lambda: ZERO)
    for part in db.scalars(select(Part).where(Part.contract.is_not(None))):
        parts[part.window_id, part.contract, part.dimension] += part.quantity
    measured = {(one.window_id, one.contract, one.dimension): one.measured for one in entries}
    for name in {*parts, *measured}:
        if parts.get(name, ZERO) != measured.get(name, ZERO):
            yield f"{name}: files held {parts.get(name)}, the entry says {measured.get(name)}"
    for name, missing in _balance(db, entries).items():
        if missing:
            yield f"{name}: {missing} is neither submitted nor carried on"


def _balance(db: Session, entries: Iterable[Entry]) -> dict[object, Decimal]:
    """Return what should be zero: all that came in, less what is submitted or waits to be, less what is carried."""
    balance: dict[object, Decimal] = defaultdict(lambda: ZERO)
    for entry in entries:
        restamped = entry.quantity if entry.state == "restamped" else ZERO
        balance[entry.stream_id, entry.contract, entry.dimension] += (
            entry.measured - entry.quantity + restamped
        )
    carried = select(Window.stream_id, Adjustment).join(Window, Window.id == Adjustment.window_id)
    for stream_id, adjustment in db.execute(carried.where(Adjustment.state == "carried")):
        balance[stream_id, adjustment.contract, adjustment.dimension] += adjustment.difference
    for rest in db.scalars(select(Remainder)):
        balance[rest.stream_id, rest.contract, rest.dimension] -= rest.carried
    return balance


def files_tie(db: Session, counts: Mapping[Hour, Count]) -> Iterator[str]:
    """C-sum, the other end: each taken window says of its files what another counter says, record by record."""
    parts: dict[object, list[Part]] = defaultdict(list)
    for part in db.scalars(select(Part)):
        parts[part.window_id].append(part)
    read: Counter[object] = Counter()
    for file in db.scalars(select(UsageFile)):
        read[file.window_id] += file.records
    kept = Counter(db.scalars(select(Quarantined.window_id)))
    windows = select(Stream.key, Window).join(Window, Window.stream_id == Stream.id)
    for key, window in db.execute(windows.where(Window.state == "taken")):
        count = counts[key, window.hour]
        pairs = (
            *_by_part(parts[window.id], count),
            ("records", window.records, count.records),
            ("records by file", read[window.id], count.records),
            ("bad records", window.quarantined_records, count.bad),
            ("bad records kept", kept[window.id], count.bad),
            ("bad quantity", window.quarantined_quantity, count.bad_quantity),
            ("folded records", window.folded_records, count.folded),
            ("unbilled records", window.unbilled_records, count.unbilled_records),
        )
        for what, ours, theirs in pairs:
            if ours != theirs:
                yield f"{key} {window.hour:%d %H}, {what}: {ours} here, {theirs} by another count"


def _by_part(parts: Iterable[Part], count: Count) -> Iterator[tuple[str, object, object]]:
    unbilled: dict[Name, Decimal] = defaultdict(lambda: ZERO)
    measured: dict[Name, Decimal] = defaultdict(lambda: ZERO)
    folded = ZERO
    for part in parts:
        folded += part.folded_quantity
        if part.contract is None:
            unbilled[part.subscription, part.dimension] += part.quantity
        else:
            measured[part.contract, part.dimension] += part.quantity
    yield "folded quantity", folded, count.folded_quantity
    yield "unbilled", dict(unbilled), dict(count.unbilled)
    yield "measured", dict(measured), dict(count.measured)


def owed_is_right(db: Session) -> Iterator[str]:
    """The book of what is owed has an open item for what is unsettled, and for nothing else."""
    items = {item.key: item.state for item in db.scalars(select(OwedItem).where(OwedItem.area == "metering"))}
    known = set()
    for key, window in db.execute(select(Stream.key, Window).join(Window, Window.stream_id == Stream.id)):
        name = f"metering:{key}:{window.hour:%Y-%m-%dT%H}"
        known.add(name)
        state = items.get(name)
        if window.state == "taken" and state == "open":
            yield f"{name} was read, and is still owed as a whole"
        if window.state == "held" and state not in {"open", "lapsed"}:
            yield f"{name} is held, and nobody owes it ({state})"
    states: dict[str, set[str]] = defaultdict(set)
    for key, entry in db.execute(select(Stream.key, Entry).join(Stream, Stream.id == Entry.stream_id)):
        states[f"metering:{key}:{entry.hour:%Y-%m-%dT%H}:{entry.contract}"].add(entry.state)
    for name, found in states.items():
        if items.get(name) not in _allowed(found):
            yield f"{name} has entries {sorted(found)}, and is {items.get(name)} in the book of what is owed"
    for name in set(items) - known - set(states):
        yield f"{name} is in the book of what is owed, and nobody knows what for"


def _allowed(found: set[str]) -> set[str | None]:
    """Return how an item may stand whose entries stand so; what lapsed stays so, whatever becomes of the rest."""
    if found == {"carried"}:
        return {None}
    if found <= SETTLED:
        return {"settled", "lapsed"}
    return {"open", "lapsed"} if found & {"expired", "restamped", "dismissed"} else {"open"}


def deliveries_move(db: Session) -> Iterator[str]:
    """C-lost: what is planned has a delivery that moves, and what was left behind will be swept up."""
    deliveries = {one.id: one for one in db.scalars(select(Delivery).where(Delivery.channel == "clazar"))}
    for entry in db.scalars(select(Entry)):
        delivery = deliveries.get(entry.submission_id)
        where = f"{entry.contract} {entry.dimension} {entry.hour:%d %H}"
        if entry.state == "planned" and (delivery is None or delivery.state not in MOVING):
            yield f"{where} is planned, and its delivery is {delivery and delivery.state}"
        if entry.state == "accepted" and entry.answer and delivery is not None and delivery.state in MOVING:
            yield f"{where} is accepted, and would be handed over again"
    waiting = {one.channel for one in deliveries.values() if one.state in {"planned", "unknown"}}
    tasks = db.execute(
        text(
            "select args->>'channel' from procrastinate_jobs where task_name = 'outbox.drain' and status = 'todo'"
        )
    )
    for channel in waiting - set(tasks.scalars()):
        yield f"deliveries wait on {channel}, and no task of the engine will wake it"


def journal_is_whole(system: System, now: datetime) -> list[str]:
    """C-audit: everything is sealed, and the chain is what it was."""
    journal.tick(system, now)
    return list(journal.verify(system).problems)


def nothing_is_open(db: Session) -> Iterator[str]:
    """C-live, when all is well again: every hour is taken, every entry settled or expired, nothing is under way."""
    for window in db.scalars(select(Window).where(Window.state != "taken")):
        yield f"the window {window.hour:%d %H} is {window.state}: {window.reason}"
    for entry in db.scalars(select(Entry).where(Entry.state.not_in([*SETTLED, "expired"]))):
        yield f"{entry.contract} {entry.dimension} {entry.hour:%d %H} is {entry.state}: {entry.reason}"
    for delivery in db.scalars(
        select(Delivery).where(Delivery.channel == "clazar", Delivery.state.in_(MOVING))
    ):
        yield f"{delivery.key} is {delivery.state}"
    for item in db.scalars(select(OwedItem).where(OwedItem.state == "open")):
        yield f"{item.key} is still owed"

"""Differences found after a window was taken, and entries that a person settles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recoup.areas.metering.models import (
    Adjustment,
    AdjustmentState,
    Entry,
    EntryState,
    Remainder,
    Stream,
    Window,
)
from recoup.areas.metering.queries import adjustment_rows, entry_rows, window_rows
from recoup.areas.metering.service import owing, submissions
from recoup.core import quantity
from recoup.core.errors import Conflict, Invalid, NotFound
from recoup.core.ids import new_id
from recoup.office.journal import service as journal

RETRYABLE = (
    EntryState.REJECTED,
    EntryState.HELD,
    EntryState.UNKNOWN,
    EntryState.EXPIRED,
    EntryState.DUPLICATE,
)


def find(
    db: Session,
    stream: Stream,
    window: Window,
    owed: Mapping[tuple[str, str], Decimal],
    *,
    listing: str,
    reason: str,
    actor: str,
    now: datetime,
) -> int:
    """Write down how what a window owes differs now from what was taken, by contract and submitted dimension.

    What earlier adjustments already told is not told again. Returns how many are new; the listing is remembered,
    so that the same files are looked at once.
    """
    before = entry_rows.billed(db, window.id)
    for contract, dimension, told in adjustment_rows.adjusted_quantities(db, window.id):
        name = (contract, dimension)
        before[name] = quantity.add(before.get(name, quantity.ZERO), told)
    new = 0
    for name in sorted({*before, *owed}):
        was, is_now = before.get(name, quantity.ZERO), owed.get(name, quantity.ZERO)
        if was == is_now:
            continue
        new += 1
        db.add(
            Adjustment(
                id=new_id(),
                window_id=window.id,
                contract=name[0],
                dimension=name[1],
                before_quantity=was,
                after_quantity=is_now,
                difference=quantity.subtract(is_now, was),
                reason=reason,
                listing=listing,
                state=AdjustmentState.OPEN,
                found_at=now,
                note="",
            )
        )
    window.listing = listing
    journal.record(
        db,
        "metering.window_changed",
        owing.window_path(stream, window),
        actor=actor,
        now=now,
        adjustments=new,
        reason=reason,
    )
    return new


def end(db: Session, adjustment_id: UUID, *, carry: bool, note: str, actor: str, now: datetime) -> Adjustment:
    """Settle an adjustment as a person: ``carry`` adds the difference to what the next window submits."""
    adjustment = adjustment_rows.adjustment(db, adjustment_id)
    if adjustment is None:
        raise NotFound(f"There is no adjustment {adjustment_id}.", fix="See `recoup metering adjustments`.")
    if adjustment.state != AdjustmentState.OPEN:
        raise Conflict(f"That adjustment is {adjustment.state} already.")
    window = window_rows.window(db, adjustment.window_id)
    if carry and window is not None:
        carry_on(
            db, window.stream_id, adjustment.contract, adjustment.dimension, adjustment.difference, now=now
        )
    adjustment.state = AdjustmentState.CARRIED if carry else AdjustmentState.DISMISSED
    adjustment.ended_at, adjustment.ended_by, adjustment.note = now, actor, note
    journal.record(
        db,
        f"metering.adjustment_{adjustment.state}",
        f"metering/adjustment/{adjustment.id}",
        actor=actor,
        now=now,
        contract=adjustment.contract,
        dimension=adjustment.dimension,
        difference=quantity.to_text(adjustment.difference),
        note=note,
    )
    return adjustment


def end_all(
    db: Session, ids: Iterable[UUID], *, carry: bool, note: str, actor: str, now: datetime
) -> list[Adjustment]:
    """Settle several adjustments in the same way, all or none."""
    chosen = sorted(set(ids))
    if not chosen:
        raise Invalid("No adjustment was chosen.", fix="Choose one or more in the list.")
    return [end(db, each, carry=carry, note=note, actor=actor, now=now) for each in chosen]


def retry(db: Session, entry_id: UUID, *, how: str, note: str, actor: str, now: datetime) -> Entry:
    """Settle an entry that waits for a person.

    ``send``: submit the same quantity for the same hour again. ``restamp``: too late for its hour, so add it to
    what the next window submits. ``accept``: a person knows that the marketplace has it. ``dismiss``: let it go.
    """
    entry = entry_rows.entry(db, entry_id, for_update=True)
    if entry is None:
        raise NotFound(f"There is no entry {entry_id}.", fix="See `recoup metering entries`.")
    if entry.state not in RETRYABLE:
        raise Conflict(f"That entry is {entry.state}: there is nothing to settle.")
    stream, window = db.get(Stream, entry.stream_id), window_rows.window(db, entry.window_id)
    if stream is None or window is None:  # pragma: no cover - foreign keys hold them
        raise NotFound("The entry's window is gone.")
    was = entry.state
    match how:
        case "send":
            _send_again(db, stream, window, entry, now=now)
        case "restamp":
            if not entry.quantity:
                raise Conflict("There is no quantity to add.", fix="Mend the formula, or dismiss the entry.")
            carry_on(db, stream.id, entry.contract, entry.dimension, entry.quantity, now=now)
            entry.state = EntryState.RESTAMPED
        case "accept":
            entry.state = EntryState.ACCEPTED
        case "dismiss":
            entry.state = EntryState.DISMISSED
        case _:
            raise Invalid(f"{how!r} is not known.", fix="Choose send, restamp, accept or dismiss.")
    entry.reason, entry.updated_at = note or f"{actor} chose {how}.", now
    db.flush()
    owing.after_entries(db, stream, [entry], now=now)
    journal.record(
        db,
        f"metering.entry_{how}",
        f"metering/entry/{entry.id}",
        actor=actor,
        now=now,
        was=was,
        contract=entry.contract,
        dimension=entry.dimension,
        quantity=quantity.to_text(entry.quantity),
        note=note,
    )
    return entry


def carry_on(
    db: Session, stream_id: UUID, contract: str, dimension: str, difference: Decimal, *, now: datetime
) -> None:
    """Add a quantity to what the next window of a contract and dimension submits."""
    statement = insert(Remainder).values(
        stream_id=stream_id, contract=contract, dimension=dimension, carried=difference, updated_at=now
    )
    new = {"carried": Remainder.carried + statement.excluded.carried, "updated_at": now}
    db.execute(
        statement.on_conflict_do_update(index_elements=["stream_id", "contract", "dimension"], set_=new)
    )


def _send_again(db: Session, stream: Stream, window: Window, entry: Entry, *, now: datetime) -> None:
    if window.deadline is not None and now >= window.deadline:
        raise Conflict(
            f"The cloud took usage of this hour until {window.deadline:%Y-%m-%d %H:%M} UTC.",
            fix="Use --restamp to submit it with the next hour.",
        )
    if not entry.quantity:
        raise Conflict("There is no quantity to send.", fix="Mend the formula, or dismiss the entry.")
    if entry_rows.taken_elsewhere(db, stream.id, window.hour, [(entry.contract, entry.dimension)]):
        raise Conflict(
            "Another stream submits this contract and dimension for the same hour.",
            fix="Use --restamp to submit it with the next hour.",
        )
    if entry.state in {EntryState.REJECTED, EntryState.DUPLICATE}:
        entry.handings = 0  # Clazar took none of ours: a duplicate can only be ours from now on
    entry.state = EntryState.PLANNED
    submissions.plan_entries(db, stream, window, [entry], now=now)

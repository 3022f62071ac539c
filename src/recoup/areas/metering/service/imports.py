"""Taking over from the scripts that came before: where they stopped, and what they could not submit."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from recoup.areas.metering.models import Entry, EntryState, Stream, Window, WindowState
from recoup.areas.metering.queries import stream_rows, window_rows
from recoup.areas.metering.rules import hours
from recoup.areas.metering.rules.streams import StreamConfig
from recoup.areas.metering.service import owing, streams
from recoup.areas.metering.service.state_files import OldError, OldState
from recoup.core import quantity
from recoup.core.clock import hour_of
from recoup.core.errors import Conflict
from recoup.core.ids import new_id
from recoup.office.journal import service as journal


def take_over(db: Session, config: StreamConfig, state: OldState, *, actor: str, now: datetime) -> Stream:
    """Start a stream after the old script's last hour; what it could not submit waits for a person as held entries.

    Raise Conflict when the stream was exported here already: its own ledger is the truth then.
    """
    if stream_rows.stream(db, config.key) is not None:
        raise Conflict(
            f"{config.key} was exported here already.",
            fix="Its own ledger knows better than the old state file.",
        )
    stream = streams.set_up(db, config, imported=state.last_hour, actor=actor, now=now)
    for error in state.errors:
        entry = _held(db, stream, error, now=now)
        window = window_rows.window(db, entry.window_id)
        if window is not None:
            owing.put_entries(db, stream, config, window, [entry], now=now)
    journal.record(
        db,
        "metering.state_imported",
        f"metering/stream/{stream.key}",
        actor=actor,
        now=now,
        last_hour=f"{state.last_hour:%Y-%m-%dT%H:%MZ}",
        errors=len(state.errors),
        warnings=list(state.warnings),
    )
    return stream


def _held(db: Session, stream: Stream, error: OldError, *, now: datetime) -> Entry:
    window = _window(db, stream, hour_of(error.start), now=now)
    measured = quantity.parse(error.quantity)
    entry = Entry(
        id=new_id(),
        stream_id=stream.id,
        window_id=window.id,
        hour=window.hour,
        contract=error.contract,
        dimension=error.dimension,
        measured=measured,
        carried_in=quantity.ZERO,
        quantity=measured,
        carried_out=quantity.ZERO,
        amount=None,
        state=EntryState.HELD,
        reason=f"The old script could not submit it: {error.reason}",
        submissions=0,
        handings=0,
        answer={},
        reference=None,
        updated_at=now,
    )
    db.add(entry)
    db.flush()
    return entry


def _window(db: Session, stream: Stream, hour: datetime, *, now: datetime) -> Window:
    found = window_rows.window_at(db, stream.key, hour)
    if found is not None:
        return found
    window = Window(
        id=new_id(),
        stream_id=stream.id,
        hour=hour,
        state=WindowState.TAKEN,
        reason="taken over from the old script",
        completed_by=window_rows.IMPORTED,
        deadline=hours.deadline(stream.cloud, hour),
        warned_at=now,
        listing="",
        files=0,
        records=0,
        folded_records=0,
        unbilled_records=0,
        quarantined_records=0,
        quarantined_quantity=quantity.ZERO,
        taken_at=now,
    )
    db.add(window)
    db.flush()
    return window

"""Billing: what a window's contracts owe, made into entries, with the remainders that they carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recoup.areas.metering.models import Entry, EntryState, Remainder, Stream, Window
from recoup.areas.metering.queries import adjustment_rows, entry_rows
from recoup.areas.metering.reading.results import FileReading
from recoup.areas.metering.rules import quantities
from recoup.areas.metering.rules.quantities import Measured
from recoup.areas.metering.rules.streams import StreamConfig
from recoup.core import quantity
from recoup.core.db import copy_rows, lock
from recoup.core.errors import Invalid
from recoup.core.ids import new_id


def measured_by_contract(files: Iterable[FileReading]) -> dict[str, Measured]:
    """Add up what files held, per contract: exact quantities and, where priced, amounts by measured dimension."""
    sums: dict[str, Measured] = {}
    for file in files:
        for part in file.parts:
            if part.contract is None:
                continue
            measured = sums.setdefault(part.contract, Measured({}, {}))
            _add(measured.quantities, part.dimension, part.quantity)
            if part.unpriced != part.quantity:
                _add(measured.amounts, part.dimension, part.amount)
    return sums


def _add(sums: Mapping[str, Decimal], name: str, value: Decimal) -> None:
    sums[name] = quantity.add(sums.get(name, quantity.ZERO), value)  # type: ignore[index]


def bill(
    db: Session,
    stream: Stream,
    config: StreamConfig,
    window: Window,
    *,
    files: Sequence[FileReading],
    now: datetime,
) -> list[Entry]:
    """Make the window's entries, not yet written, and move the remainders with them.

    What is read after the cloud's limit expires in the quantity that was measured and leaves the remainders alone.
    A remainder that became a quantity without new usage (a person added to it) leaves with this window, too.
    """
    late = window.deadline is not None and now >= window.deadline
    remainders = {} if late else adjustment_rows.remainders(db, stream.id)
    entries: list[Entry] = []
    billed: dict[tuple[str, str], tuple[Decimal, Decimal | None]] = {}
    for contract, measured in sorted(measured_by_contract(files).items()):
        try:
            owed = quantities.billed(config, measured)
        except Invalid as problem:
            entries += _held(
                stream, config, window, contract, measured=measured, reason=problem.detail, now=now
            )
        else:
            billed |= {(contract, dimension): due for dimension, due in owed.items()}
    held = {(entry.contract, entry.dimension) for entry in entries}
    for name, carried in remainders.items():
        if name not in billed and name not in held and quantities.split(carried, whole=config.whole).quantity:
            billed[name] = (quantity.ZERO, None)
    changed: dict[tuple[str, str], Decimal] = {}
    for (contract, dimension), (value, amount) in sorted(billed.items(), key=lambda one: one[0]):
        entry = _entry(stream, window, contract, dimension, now=now)
        entry.measured, entry.amount = value, amount
        if late:
            entry.quantity, entry.state = value, EntryState.EXPIRED if value else EntryState.CARRIED
            entry.reason = f"The cloud took usage of this hour until {window.deadline:%Y-%m-%d %H:%M} UTC."
        else:
            entry.carried_in = remainders.get((contract, dimension), quantity.ZERO)
            split = quantities.split(quantity.add(value, entry.carried_in), whole=config.whole)
            entry.quantity, entry.carried_out = split.quantity, split.carried
            if not split.quantity and not config.zeros:
                entry.state = EntryState.CARRIED
            if split.carried != entry.carried_in:
                changed[contract, dimension] = quantity.subtract(split.carried, entry.carried_in)
        entries.append(entry)
    _keep_remainders(db, stream, changed, now=now)
    _hold_collisions(db, stream, window, entries)
    return entries


def _held(
    stream: Stream,
    config: StreamConfig,
    window: Window,
    contract: str,
    *,
    measured: Measured,
    reason: str,
    now: datetime,
) -> Iterable[Entry]:
    """Make entries that wait for a person because a formula has no usable result for the contract."""
    for dimension in sorted(config.formulas):
        entry = _entry(stream, window, contract, dimension, now=now)
        entry.state, entry.reason = EntryState.HELD, reason
        entry.amount = quantity.total(measured.amounts.values()) if len(config.formulas) == 1 else None
        yield entry


def _entry(stream: Stream, window: Window, contract: str, dimension: str, *, now: datetime) -> Entry:
    zero = quantity.ZERO
    return Entry(
        id=new_id(),
        stream_id=stream.id,
        window_id=window.id,
        hour=window.hour,
        contract=contract,
        dimension=dimension,
        measured=zero,
        carried_in=zero,
        quantity=zero,
        carried_out=zero,
        amount=None,
        state=EntryState.PLANNED,
        reason="",
        submissions=0,
        handings=0,
        answer={},
        reference=None,
        updated_at=now,
    )


def _hold_collisions(db: Session, stream: Stream, window: Window, entries: Sequence[Entry]) -> None:
    names = [(entry.contract, entry.dimension) for entry in entries if entry.state == EntryState.PLANNED]
    if not names:
        return
    # Another stream may take the same hour at this moment: whoever comes second has to see what the first one took.
    lock(db, f"metering.marketplace:{window.hour:%Y-%m-%dT%H}")
    taken = entry_rows.taken_elsewhere(db, stream.id, window.hour, names)
    for entry in entries:
        if entry.state == EntryState.PLANNED and (entry.contract, entry.dimension) in taken:
            entry.state = EntryState.HELD
            entry.reason = "Another stream submits this contract and dimension for the same hour."


def _keep_remainders(
    db: Session, stream: Stream, changed: Mapping[tuple[str, str], Decimal], *, now: datetime
) -> None:
    if not changed:
        return
    rows = [
        {
            "stream_id": stream.id,
            "contract": contract,
            "dimension": dimension,
            "carried": carried,
            "updated_at": now,
        }
        for (contract, dimension), carried in sorted(changed.items())
    ]
    statement = insert(Remainder)
    # Added, not replaced: a person may have added to a remainder that was not there yet when it was read.
    carried = Remainder.carried + statement.excluded.carried
    new = {"carried": carried, "updated_at": statement.excluded.updated_at}
    for start in range(0, len(rows), 5_000):
        values = statement.values(rows[start : start + 5_000])
        db.execute(
            values.on_conflict_do_update(index_elements=["stream_id", "contract", "dimension"], set_=new)
        )


def keep(db: Session, entries: Sequence[Entry]) -> None:
    """Write new entries, in bulk."""
    cells = ([_cell(entry, name) for name in _ENTRY_COLUMNS] for entry in entries)
    copy_rows(db, Entry.__tablename__, _ENTRY_COLUMNS, cells)


_ENTRY_COLUMNS = tuple(column.name for column in Entry.__table__.columns)


def _cell(entry: Entry, column: str) -> object:
    value = getattr(entry, column)
    return Jsonb(value) if column == "answer" else str(value) if isinstance(value, EntryState) else value

"""Windows: waiting, held, or taken whole into entries, submissions and owed items in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recoup.areas.metering import queries
from recoup.areas.metering.models import (
    Entry,
    EntryState,
    Part,
    Quarantined,
    Remainder,
    Stream,
    UsageFile,
    Window,
    WindowState,
)
from recoup.areas.metering.reading.results import FileReading
from recoup.areas.metering.rules import quantities
from recoup.areas.metering.rules.quantities import Measured
from recoup.areas.metering.rules.streams import StreamConfig
from recoup.areas.metering.service import owing, submissions
from recoup.core import quantity
from recoup.core.db import copy_rows
from recoup.core.errors import Conflict, Invalid
from recoup.core.ids import new_id
from recoup.core.ports import BlobInfo
from recoup.office.journal import service as journal


@dataclass(frozen=True, slots=True)
class Taken:
    """What taking a window gave: counts, and the contracts whose entries were held."""

    files: int
    records: int
    entries: int
    submissions: int
    unbilled: int
    quarantined: int
    folded: int
    held: int


def listing_digest(files: Iterable[BlobInfo]) -> str:
    """Return one short text for a listing: other files, sizes or ETags give another."""
    lines = sorted(f"{file.key}\0{file.etag}\0{file.size}" for file in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def wait(window: Window, reason: str, *, now: datetime) -> None:
    """Leave a window waiting, and say why; its usage is owed all the same, in an amount that nobody knows yet."""
    window.state, window.reason, window.held_since, window.tried_at = WindowState.WAITING, reason, None, now


def hold(db: Session, stream: Stream, window: Window, reason: str, *, actor: str, now: datetime) -> None:
    """Hold a window that cannot be taken as it is; later windows go on, and every run tries this one again."""
    if window.state != WindowState.HELD or window.reason != reason:
        journal.record(
            db, "metering.window_held", owing.window_path(stream, window), actor=actor, now=now, reason=reason
        )
    window.held_since = window.held_since or now
    window.state, window.reason, window.tried_at = WindowState.HELD, reason, now
    owing.put_window(db, stream, window, now=now)


def take(
    db: Session,
    stream: Stream,
    config: StreamConfig,
    window_id: UUID,
    files: Sequence[FileReading],
    *,
    listing: Sequence[BlobInfo],
    completed_by: str,
    actor: str,
    now: datetime,
) -> Taken:
    """Turn what was read of a window into entries, submissions, owed items and lists, all or nothing.

    Raise Conflict when another took the window meanwhile, Invalid when it must wait for a person instead
    (too many unusable records, more records than the bound): the caller holds it with the sentence.
    """
    window = queries.window(db, window_id, for_update=True)
    if window is None or window.state == WindowState.TAKEN:
        raise Conflict(f"The hour {window.hour if window else window_id} was taken by another export.")
    counts = _Counts.of(files)
    if counts.records > config.most_records:
        raise Invalid(
            f"It has {counts.records:,} records, more than {config.most_records:,}: a person has to look."
        )
    if quantities.too_many_bad(bad=counts.bad, records=counts.records, most_percent=config.most_bad_percent):
        raise Invalid(f"{counts.bad} of its {counts.records} records cannot be used: {_first_reason(files)}")
    _keep_files(db, window, files)
    entries = _bill(db, stream, config, window, files=files, now=now)
    lines = [entry for entry in entries if entry.state == EntryState.PLANNED]
    planned = submissions.plan_entries(db, stream, window, lines, now=now)
    cells = ([_cell(entry, name) for name in _ENTRY_COLUMNS] for entry in entries)
    copy_rows(db, Entry.__tablename__, _ENTRY_COLUMNS, cells)
    owing.put_entries(db, stream, config, window, entries, now=now)
    window.state, window.reason, window.held_since = WindowState.TAKEN, "", None
    window.taken_at = window.tried_at = now
    window.completed_by, window.listing = completed_by, listing_digest(listing)
    window.files, window.records = len(files), counts.records
    window.folded_records, window.unbilled_records = counts.folded, counts.unbilled
    window.quarantined_records, window.quarantined_quantity = counts.bad, counts.bad_quantity
    owing.settle_window(db, stream, window, now=now)
    held = sum(entry.state in queries.NEEDS_PERSON for entry in entries)
    journal.record(
        db,
        "metering.window_taken",
        owing.window_path(stream, window),
        actor=actor,
        now=now,
        files=len(files),
        records=counts.records,
        entries=len(entries),
        submissions=planned,
        completed_by=completed_by,
    )
    return Taken(
        len(files),
        counts.records,
        len(entries),
        planned,
        counts.unbilled,
        counts.bad,
        counts.folded,
        held,
    )


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


@dataclass(slots=True)
class _Counts:
    records: int = 0
    bad: int = 0
    folded: int = 0
    unbilled: int = 0
    bad_quantity: Decimal = field(default=quantity.ZERO)

    @classmethod
    def of(cls, files: Iterable[FileReading]) -> _Counts:
        counts = cls()
        for file in files:
            counts.records += file.records
            counts.bad += file.quarantined_records
            counts.bad_quantity = quantity.add(counts.bad_quantity, file.quarantined_quantity)
            counts.folded += sum(part.folded_records for part in file.parts)
            counts.unbilled += sum(part.records for part in file.parts if part.contract is None)
        return counts


def _first_reason(files: Iterable[FileReading]) -> str:
    first = next(bad for file in files for bad in file.quarantined)
    return f"the first is record {first.index} of {first.key}, line {first.line}: {first.reason}"


def _keep_files(db: Session, window: Window, files: Sequence[FileReading]) -> None:
    ids = {file.key: new_id() for file in files}
    copy_rows(
        db,
        UsageFile.__tablename__,
        ("id", "window_id", "key", "etag", "size", "sha256", "records", "quarantined"),
        (
            (
                ids[file.key],
                window.id,
                file.key,
                file.etag,
                file.size,
                file.sha256,
                file.records,
                file.quarantined_records,
            )
            for file in files
        ),
    )
    copy_rows(
        db,
        Part.__tablename__,
        ("window_id", "file_id", *_PART_COLUMNS),
        (
            (
                window.id,
                ids[file.key],
                part.contract,
                part.subscription,
                part.who.organization_name or part.who.organization_id if part.who else "",
                part.who.customer_email if part.who else "",
                *(getattr(part, column) for column in _PART_COLUMNS[4:]),
            )
            for file in files
            for part in file.parts
        ),
    )
    copy_rows(
        db,
        Quarantined.__tablename__,
        ("window_id", "file_id", "record", "line", "start_byte", "end_byte", "reason", "excerpt", "value"),
        (
            (
                window.id,
                ids[file.key],
                bad.index,
                bad.line,
                bad.start,
                bad.end,
                bad.reason,
                bad.excerpt,
                bad.value,
            )
            for file in files
            for bad in file.quarantined
        ),
    )


def _bill(
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
    remainders = {} if late else queries.remainders(db, stream.id)
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
    for name, carried in remainders.items():
        if name not in billed and quantities.split(carried, whole=config.whole).quantity:
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
                changed[contract, dimension] = split.carried
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
    taken = queries.taken_elsewhere(db, stream.id, window.hour, names) if names else set()
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
    new = {"carried": statement.excluded.carried, "updated_at": statement.excluded.updated_at}
    for start in range(0, len(rows), 5_000):
        values = statement.values(rows[start : start + 5_000])
        db.execute(
            values.on_conflict_do_update(index_elements=["stream_id", "contract", "dimension"], set_=new)
        )


_PART_COLUMNS = (
    "contract",
    "subscription",
    "organization",
    "customer",
    "dimension",
    "quantity",
    "records",
    "amount",
    "unpriced",
    "folded_records",
    "folded_quantity",
)
_ENTRY_COLUMNS = tuple(column.name for column in Entry.__table__.columns)


def _cell(entry: Entry, column: str) -> object:
    value = getattr(entry, column)
    return Jsonb(value) if column == "answer" else str(value) if isinstance(value, EntryState) else value

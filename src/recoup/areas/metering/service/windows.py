"""Windows: waiting, held, or taken whole into entries, submissions and owed items in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.metering.models import (
    EntryState,
    Part,
    Quarantined,
    Stream,
    UsageFile,
    Window,
    WindowState,
)
from recoup.areas.metering.queries import entry_rows, window_rows
from recoup.areas.metering.reading.results import FileReading
from recoup.areas.metering.rules import quantities
from recoup.areas.metering.rules.streams import StreamConfig
from recoup.areas.metering.service import billing, owing, submissions
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
    window = window_rows.window(db, window_id, for_update=True)
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
    entries = billing.bill(db, stream, config, window, files=files, now=now)
    lines = [entry for entry in entries if entry.state == EntryState.PLANNED]
    planned = submissions.plan_entries(db, stream, window, lines, now=now)
    billing.keep(db, entries)
    owing.put_entries(db, stream, config, window, entries, now=now)
    window.state, window.reason, window.held_since = WindowState.TAKEN, "", None
    window.taken_at = window.tried_at = now
    window.completed_by, window.listing = completed_by, listing_digest(listing)
    window.files, window.records = len(files), counts.records
    window.folded_records, window.unbilled_records = counts.folded, counts.unbilled
    window.quarantined_records, window.quarantined_quantity = counts.bad, counts.bad_quantity
    owing.settle_window(db, stream, window, now=now)
    held = sum(entry.state in entry_rows.NEEDS_PERSON for entry in entries)
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

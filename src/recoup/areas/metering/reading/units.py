"""Files read together, as one unit: the totals do not depend on how the producer split an hour over files."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from recoup.areas.metering.reading.chunks import Chunk, chunks, located
from recoup.areas.metering.reading.files import opened
from recoup.areas.metering.reading.records import (
    CarefulDecoder,
    FastDecoder,
    Flaw,
    Odd,
    Record,
    examine,
    excerpt_of,
)
from recoup.areas.metering.reading.repeats import Repeats
from recoup.areas.metering.reading.results import FileReading, FileRef, Limits, Quarantined
from recoup.areas.metering.reading.sheets import Repeated, Sheet, Way
from recoup.core.ports import BlobStore
from recoup.core.quantity import EXACT, ZERO

Unit = tuple[FileRef, ...]
ReadUnits = Callable[[Sequence[Unit]], Iterable[tuple[FileReading, ...]]]
"""Reads each unit with ``read_unit``, here or in other processes, and gives the results in any order."""

_DEFAULT = Limits()
_careful = CarefulDecoder()


def read_window(files: Sequence[FileRef], read: ReadUnits, *, fold: bool = True) -> list[FileReading]:
    """Read all files of one window, in the order of their keys.

    Each file is a unit of its own, which is the vendor's rule: one file per subscription and hour. Where a
    subscription turns up in several files, those are read again as one unit, to fold the repeats between them.
    """
    alone = {reading.key: reading for readings in read([(file,) for file in files]) for reading in readings}
    if fold:
        refs = {file.key: file for file in files}
        joined = [tuple(refs[key] for key in keys) for keys in _sharing(alone.values())]
        if joined:
            alone |= {reading.key: reading for readings in read(joined) for reading in readings}
    return [alone[key] for key in sorted(alone)]


def read_unit(
    store: BlobStore, unit: Unit, *, fold: bool = True, limits: Limits = _DEFAULT
) -> tuple[FileReading, ...]:
    """Read files together: every record is counted, folded or quarantined, exactly.

    With ``fold``, of the records that agree in payer, subscription, instance, pod, host and dimension the one with
    the largest value counts; of equal ones the one with the higher price, then the first by key and position.

    Raise MalformedFile for a file that is not whole and valid (then nothing counts), Changed when the store has
    another version by now, and whatever else the store raises.
    """
    with localcontext(EXACT), _without_gc(), Repeats(fold=fold, held=limits.held) as repeats:
        alone = len(unit) == 1
        files = sorted(unit, key=lambda file: file.key)
        drafts = [_read(store, file, repeats, limits, alone=alone) for file in files]
        repeats.finish()
        keys = tuple(draft.sheet.file.key for draft in drafts)
        return tuple(draft.reading(keys) for draft in drafts)


@dataclass(slots=True)
class _Draft:
    sheet: Sheet
    sha256: str = ""
    records: int = 0
    quarantined: list[Quarantined] = field(default_factory=list)
    quarantined_records: int = 0
    quarantined_quantity: Decimal = ZERO
    quarantined_unread: int = 0

    def quarantine(self, record: Quarantined, details: int) -> None:
        self.quarantined_records += 1
        if record.value is None:
            self.quarantined_unread += 1
        else:
            self.quarantined_quantity += record.value
        if len(self.quarantined) < details:
            self.quarantined.append(record)

    def reading(self, unit: tuple[str, ...]) -> FileReading:
        file = self.sheet.file
        parts = self.sheet.parts()
        return FileReading(
            key=file.key,
            etag=file.etag,
            size=file.size,
            sha256=self.sha256,
            records=self.records,
            parts=parts,
            subscriptions=frozenset(part.subscription for part in parts),
            quarantined=tuple(self.quarantined),
            quarantined_records=self.quarantined_records,
            quarantined_quantity=self.quarantined_quantity,
            quarantined_unread=self.quarantined_unread,
            notes=self.sheet.notes(),
            unit=unit,
        )


def _read(store: BlobStore, file: FileRef, repeats: Repeats, limits: Limits, *, alone: bool) -> _Draft:
    """Read one file, in the first way that does: the faster ways give up where they cannot be sure."""
    ways = ([Way.WATCH] if alone else []) + [Way.FOLD] if repeats.fold else [Way.COUNT]
    for way in ways:
        try:
            return _read_fast(store, file, repeats, limits, way)
        except Repeated:
            continue
        except Odd:
            break
    return _read_carefully(store, file, repeats, limits)


def _read_fast(store: BlobStore, file: FileRef, repeats: Repeats, limits: Limits, way: Way) -> _Draft:
    """Read in bulk; raise Odd when a record needs to be looked at."""
    draft = _Draft(Sheet(file, limits, way))
    sheet = draft.sheet
    with opened(store, file, limits) as source:
        for chunk in chunks(source.blocks(), FastDecoder(), key=file.key, limits=limits):
            sheet.count(chunk.records)
            draft.records += len(chunk.records)
            if sheet.strangers:
                _introduce(sheet, chunk)
            if repeats.full(text=len(chunk.text), records=len(chunk.records)):
                sheet.settle(checked=False)
                repeats.relieve(sheet)
        draft.sha256 = source.sha256
    sheet.settle(checked=False)
    repeats.take(sheet)
    return draft


def _read_carefully(store: BlobStore, file: FileRef, repeats: Repeats, limits: Limits) -> _Draft:
    """Read record by record, and put what cannot be used into quarantine."""
    draft = _Draft(Sheet(file, limits, Way.FOLD if repeats.fold else Way.COUNT))
    sheet = draft.sheet
    with opened(store, file, limits) as source:
        for chunk in chunks(source.blocks(), _careful, key=file.key, limits=limits):
            for line, start, end, text in located(chunk):
                verdict = examine(text)
                if isinstance(verdict, Flaw):
                    place = (file.key, draft.records, line, start, end)
                    flaw = Quarantined(*place, verdict.reason, excerpt_of(text), verdict.value)
                    draft.quarantine(flaw, limits.details)
                else:
                    sheet.add(verdict, text)
                draft.records += 1
            if repeats.full(text=len(chunk.text), records=len(chunk.records)):
                sheet.settle(checked=True)
                repeats.relieve(sheet)
        draft.sha256 = source.sha256
    sheet.settle(checked=True)
    repeats.take(sheet)
    return draft


def _introduce(sheet: Sheet, chunk: Chunk[Record]) -> None:
    """Look up whose usage it is that names no contract, in the chunk where it came first."""
    text = chunk.text
    raws = _careful.array(text) if chunk.first else _careful.lines(text)
    for raw in raws:
        record = bytes(raw)
        verdict = examine(record)
        if not isinstance(verdict, Flaw):
            sheet.introduce(verdict, record)
    if sheet.strangers:  # because their record is not usable
        raise Odd


def _sharing(readings: Iterable[FileReading]) -> list[list[str]]:
    """Group the keys of files that have a subscription in common, directly or through others; leave the rest out."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    first: dict[str, str] = {}
    for reading in readings:
        for subscription in reading.subscriptions:
            parent[root(reading.key)] = root(first.setdefault(subscription, reading.key))
    groups: dict[str, list[str]] = {}
    for key in sorted(parent):
        groups.setdefault(root(key), []).append(key)
    return [keys for keys in groups.values() if len(keys) > 1]


@contextmanager
def _without_gc() -> Iterator[None]:
    # Millions of tuples without a cycle among them: looking for cycles would be a twentieth of the time.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()

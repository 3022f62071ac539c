"""Repeats across tallies: the same measurement in two files, at two prices, or among more than memory should hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Self

import msgspec

from recoup.areas.metering.reading.records import Identity, PartKey, rank_of
from recoup.areas.metering.reading.sheets import Sheet
from recoup.areas.metering.reading.sums import number
from recoup.areas.metering.reading.tallies import Tally

_PARTITIONS = 256
_BLOCK = 1 << 15
_PER_RECORD = 300
"""Bytes of memory that a held record takes besides its text, about."""

Batch = tuple[Tally, Iterable[tuple[Identity, Decimal]]]
_Row = tuple[str | None, str | None, str | None, Decimal]


class Repeats:
    """Folds what the tallies of one unit hold more than once; used in a ``with``, which drops the temporary file."""

    def __init__(self, *, fold: bool, held: int) -> None:
        self.fold = fold
        self._limit = held
        self._held = 0
        self._sheets: list[Sheet] = []
        self._spill: _Spill | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._spill is not None:
            self._spill.close()

    def full(self, *, text: int, records: int) -> bool:
        """Count what came into memory; True when it should be relieved."""
        self._held += text + records * _PER_RECORD
        return self._held > self._limit

    def relieve(self, sheet: Sheet) -> None:
        """Move all values that are held out of memory; those of ``sheet``, which is being read, are settled."""
        for each in (*self._sheets, sheet):
            self._move(each)
        self._held = 0

    def take(self, sheet: Sheet) -> None:
        """Keep a sheet that was read to its end, and is settled."""
        self._sheets.append(sheet)

    def finish(self) -> None:
        """Fold across all tallies."""
        if not self.fold:
            return
        tallies = [tally for sheet in self._sheets for tally in sheet.tallies]
        if self._spill is None:
            _fold((tally, _numbers(tally)) for tally in tallies)
            return
        for sheet in self._sheets:
            self._move(sheet)
        wanted = {id(tally) for tally in tallies}  # not those of a file that was begun again, the careful way
        for partition in range(_PARTITIONS):
            _fold(batch for batch in self._spill.batches(partition) if id(batch[0]) in wanted)

    def _move(self, sheet: Sheet) -> None:
        if any(tally.values for tally in sheet.tallies):
            self._spill = self._spill or _Spill()
            self._spill.add(sheet.tallies)


class _Spill:
    """What memory should not hold: in a temporary file, partitioned by identity.

    So one partition at a time can be looked at in the end, and every repeat is in the same one.
    """

    def __init__(self) -> None:
        import tempfile  # noqa: PLC0415 - rarely needed, and slow to import in every child process

        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._tallies: list[Tally] = []
        self._segments: list[list[tuple[int, int]]] = [[] for _ in range(_PARTITIONS)]

    def close(self) -> None:
        self._file.close()

    def add(self, tallies: Iterable[Tally]) -> None:
        """Take the values out of the tallies, a block at a time."""
        rows = self._rows(tallies)
        while block := list(islice(rows, _BLOCK)):
            partitions: dict[int, dict[int, list[_Row]]] = {}
            for index, row in block:
                batches = partitions.setdefault(hash(row[:3]) % _PARTITIONS, {})
                batches.setdefault(index, []).append(row)
            for partition, batches in partitions.items():
                blob = _encode(list(batches.items()))
                self._segments[partition].append((self._file.tell(), len(blob)))
                self._file.write(blob)

    def batches(self, partition: int) -> Iterator[Batch]:
        """Yield what was taken of each tally, in the order in which it was."""
        for offset, length in self._segments[partition]:
            self._file.seek(offset)
            for index, rows in _decode(self._file.read(length)):
                yield self._tallies[index], [((a, b, c), value) for a, b, c, value in rows]

    def _rows(self, tallies: Iterable[Tally]) -> Iterator[tuple[int, _Row]]:
        for tally in tallies:
            if tally.values:
                self._tallies.append(tally)
            while tally.values:
                identity, value = tally.values.popitem()
                yield len(self._tallies) - 1, (*identity, number(value))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[int, list[_Row]]]).decode


def _numbers(tally: Tally) -> Iterator[tuple[Identity, Decimal]]:
    for identity, value in tally.values.items():
        yield identity, number(value)


def _fold(batches: Iterable[Batch]) -> None:
    """Drop every measurement but the largest of each identity, part by part."""
    grouped: dict[PartKey, list[Batch]] = {}
    for batch in batches:
        grouped.setdefault(batch[0].key, []).append(batch)
    for same in grouped.values():
        if len(same) > 1:
            _fold_part(same)


def _fold_part(batches: list[Batch]) -> None:
    best: dict[Identity, tuple[Tally, Decimal]] = {}
    for tally, items in batches:
        for identity, value in items:
            if identity not in best:
                best[identity] = (tally, value)
                continue
            other, kept = best[identity]
            if (value, rank_of(tally.price)) > (kept, rank_of(other.price)):
                other.drop(kept)
                best[identity] = (tally, value)
            else:
                tally.drop(value)

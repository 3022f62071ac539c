"""Repeats across tallies: the same measurement in two files, at two prices, or among more than memory should hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import IO, Self

import msgspec

from recoup.areas.metering.reading.records import Identity, PartKey, rank_of
from recoup.areas.metering.reading.sums import number
from recoup.areas.metering.reading.tallies import Sheet, Tally

_PARTITIONS = 256

Batch = tuple[Tally, Iterable[tuple[Identity, Decimal]]]
_Row = tuple[str | None, str | None, str | None, Decimal]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[int, list[_Row]]]).decode


class Repeats:
    """Folds what the tallies of one unit hold more than once; used in a ``with``, which drops the temporary file.

    What memory should not hold goes to the temporary file, partitioned by identity, so that at the end one
    partition at a time is looked at.
    """

    def __init__(self, *, fold: bool, held: int) -> None:
        self.fold = fold
        self._limit = held
        self._held = 0
        self._sheets: list[Sheet] = []
        self._stack = ExitStack()
        self._file: IO[bytes] | None = None
        self._spilled: list[Tally] = []
        self._segments: list[list[tuple[int, int]]] = [[] for _ in range(_PARTITIONS)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def full(self, text: int) -> bool:
        """Count bytes of text that came into memory; True when it should be relieved."""
        self._held += text
        return self._held > self._limit

    def relieve(self, sheet: Sheet) -> None:
        """Move all values that are held out of memory; those of ``sheet``, which is being read, are settled."""
        for each in (*self._sheets, sheet):
            self._spill(each)
        self._held = 0

    def take(self, sheet: Sheet) -> None:
        """Keep a sheet that was read to its end, and is settled."""
        self._sheets.append(sheet)

    def finish(self) -> None:
        """Fold across all tallies."""
        if not self.fold:
            return
        tallies = [tally for sheet in self._sheets for tally in sheet.tallies]
        if self._file is None:
            _fold((tally, _numbers(tally)) for tally in tallies)
            return
        for sheet in self._sheets:
            self._spill(sheet)
        wanted = {id(tally) for tally in tallies}  # not those of a file that was begun again, the careful way
        for segments in self._segments:
            _fold(batch for batch in self._load(segments) if id(batch[0]) in wanted)

    def _spill(self, sheet: Sheet) -> None:
        if self.fold:
            if self._file is None:
                import tempfile  # noqa: PLC0415 - rarely needed, and slow to import in every child process

                self._file = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
            for segments, batches in zip(self._segments, self._partitioned(sheet), strict=True):
                blob = _encode(batches)
                segments.append((self._file.tell(), len(blob)))
                self._file.write(blob)
        for tally in sheet.tallies:
            tally.values.clear()

    def _partitioned(self, sheet: Sheet) -> list[list[tuple[int, list[_Row]]]]:
        partitions: list[list[tuple[int, list[_Row]]]] = [[] for _ in range(_PARTITIONS)]
        for tally in sheet.tallies:
            number = len(self._spilled)
            self._spilled.append(tally)
            rows: dict[int, list[_Row]] = {}
            for identity, value in _numbers(tally):
                rows.setdefault(hash(identity) % _PARTITIONS, []).append((*identity, value))
            for partition, some in rows.items():
                partitions[partition].append((number, some))
        return partitions

    def _load(self, segments: list[tuple[int, int]]) -> Iterator[Batch]:
        if self._file is None:
            return
        for offset, length in segments:
            self._file.seek(offset)
            for index, rows in _decode(self._file.read(length)):
                yield self._spilled[index], [((a, b, c), value) for a, b, c, value in rows]


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

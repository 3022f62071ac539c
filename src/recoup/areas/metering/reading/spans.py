"""Where in the files the records of one part stand, to the byte: the proof behind a figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from recoup.areas.metering.reading.chunks import chunks, located
from recoup.areas.metering.reading.files import opened
from recoup.areas.metering.reading.records import (
    CarefulDecoder,
    Flaw,
    Identity,
    Measurement,
    examine,
    price_of,
    rank_of,
)
from recoup.areas.metering.reading.results import FileRef, Limits
from recoup.areas.metering.reading.sums import number
from recoup.core.ports import BlobStore

_DEFAULT = Limits()
_careful = CarefulDecoder()


@dataclass(frozen=True, slots=True)
class Span:
    """One record of a part: its place, value and price, and whether it counts or was folded away as a repeat.

    ``index`` counts the file's records from 0, ``line`` its lines from 1; ``start`` and ``end`` are bytes of the
    decompressed text.
    """

    key: str
    index: int
    line: int
    start: int
    end: int
    subscription: str
    value: Decimal
    price: Decimal | None
    counted: bool
    text: str


def find_records(
    store: BlobStore,
    unit: Sequence[FileRef],
    *,
    contract: str | None,
    dimension: str,
    fold: bool = True,
    limits: Limits = _DEFAULT,
) -> Iterator[Span]:
    """Yield every record of a contract (None: those without) and dimension, in the order of keys and positions.

    ``unit`` is the files that were read together (``FileReading.unit``), because a repeat may be in another file;
    the counted values add up to the parts' quantities exactly. The files are read twice; memory holds one key for
    each different measurement of this contract and dimension.

    Raise Changed when a file is no longer the version that was read, else as ``read_unit``.
    """
    files = sorted(unit, key=lambda file: file.key)
    best: dict[tuple[str, Identity], tuple[tuple[Decimal, Decimal], str, int]] = {}
    if fold:
        for file in files:
            for found in _matching(store, file, contract, dimension, limits):
                held = best.get(found.what)
                if held is None or found.weight > held[0]:
                    best[found.what] = (found.weight, file.key, found.index)
    for file in files:
        for found in _matching(store, file, contract, dimension, limits):
            counted = not fold or best[found.what][1:] == (file.key, found.index)
            yield found.span(file.key, counted=counted)


@dataclass(frozen=True, slots=True)
class _Found:
    index: int
    place: tuple[int, int, int]
    text: bytes
    measurement: Measurement

    @property
    def what(self) -> tuple[str, Identity]:
        return self.measurement.key[1], self.measurement.identity

    @property
    def price(self) -> Decimal | None:
        return price_of(self.measurement.price)[0]

    @property
    def weight(self) -> tuple[Decimal, Decimal]:
        return number(self.measurement.value), rank_of(self.price)

    def span(self, key: str, *, counted: bool) -> Span:
        value, subscription = number(self.measurement.value), self.measurement.key[1]
        text = self.text.decode()
        return Span(key, self.index, *self.place, subscription, value, self.price, counted, text)


def _matching(
    store: BlobStore, file: FileRef, contract: str | None, dimension: str, limits: Limits
) -> Iterator[_Found]:
    index = 0
    with opened(store, file, limits) as source:
        for chunk in chunks(source.blocks(), _careful, key=file.key, limits=limits):
            for line, start, end, text in located(chunk):
                verdict = examine(text)
                if (
                    not isinstance(verdict, Flaw)
                    and verdict.key[0] == contract
                    and verdict.key[2] == dimension
                ):
                    yield _Found(index, (line, start, end), text, verdict)
                index += 1

"""Where in the files the records of one part stand, to the byte: the proof behind a figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from recoup.areas.metering.reading.chunks import chunks, located
from recoup.areas.metering.reading.files import opened
from recoup.areas.metering.reading.records import CarefulDecoder, Flaw, Identity, examine, price_of
from recoup.areas.metering.reading.results import FileRef, Limits
from recoup.areas.metering.reading.sums import number
from recoup.core.ports import BlobStore
from recoup.core.quantity import EXACT

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
    the counted values add up to the parts' quantities exactly. The files are read twice; what is kept in memory
    is one key for each different measurement of this contract and dimension.

    Raise Changed when a file is no longer the version that was read, else as ``read_unit``.
    """
    files = sorted(unit, key=lambda file: file.key)
    with localcontext(EXACT):
        counted = _counted(store, files, contract, dimension, limits) if fold else None
    for file in files:
        with localcontext(EXACT):
            spans = list(...)

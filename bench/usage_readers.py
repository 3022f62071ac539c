"""Three ways to read and sum usage files, each for one file in a child process: bare, naive, and ours."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

Sums = dict[tuple[str | None, str], Decimal]
Reader = Callable[[Path], tuple[Sums, int]]
"""Gives the sums by payer and dimension, repeats too, and the peak memory of the process so far, in kilobytes."""

# Each child imports only what its own reader needs, because the start of a process is measured with it.
# ruff: noqa: PLC0415


def bare(path: Path) -> tuple[Sums, int]:
    """Decode three fields with msgspec and add them up: no checks, no repeats, no hash, no provenance."""
    sums: Sums = {}
    for record in _bare_decoder().decode(_bytes(path)):
        key = (record.externalPayerId, record.dimension)
        sums[key] = sums.get(key, 0) + record.value
    return sums, _peak()


def naive(path: Path) -> tuple[Sums, int]:
    """Do what a script would: the json module with exact numbers, and a dict."""
    import json

    sums: Sums = {}
    for record in json.loads(_bytes(path), parse_float=Decimal):
        key = (record["externalPayerId"], record["dimension"])
        sums[key] = sums.get(key, 0) + Decimal(record["value"])
    return sums, _peak()


def ours(path: Path) -> tuple[Sums, int]:
    """Read with everything that the product needs: checks, repeats, sha256, parts."""
    from recoup.areas.metering.reading.results import FileRef
    from recoup.areas.metering.reading.units import read_unit

    store = _store(path.parent)
    info = store.head(path.name)
    (reading,) = read_unit(store, (FileRef(info.key, info.etag, info.size),))
    assert not reading.quarantined
    return {
        (part.contract, part.dimension): part.quantity + part.folded_quantity for part in reading.parts
    }, _peak()


@cache
def _bare_decoder() -> Any:
    import msgspec

    fields = [("externalPayerId", str), ("dimension", str), ("value", Decimal)]
    return msgspec.json.Decoder(list[msgspec.defstruct("Usage", fields)])


@cache
def _store(folder: Path) -> Any:
    from recoup.adapters.disk import FolderStore

    return FolderStore(folder)


def _bytes(path: Path) -> bytes:
    body = path.read_bytes()
    return gzip.decompress(body) if path.suffix == ".gz" else body


def _peak() -> int:
    # Not ru_maxrss, which begins with what the parent had in memory when it started this process.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0])

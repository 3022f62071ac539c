"""What a reading child process runs; imports little, because each child pays for it at its start."""

from __future__ import annotations

import ctypes
import signal
from functools import cache

from recoup.areas.metering.reading.results import FileReading
from recoup.areas.metering.reading.units import Unit, read_unit
from recoup.core.ports import BlobStore, OpenStore

_PR_SET_PDEATHSIG = 1


def prepare() -> None:
    """Leave Ctrl-C to the parent, and die with it however it dies (Linux: prctl(2), PR_SET_PDEATHSIG)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def read(open_store: OpenStore, address: str, unit: Unit, fold: bool) -> tuple[FileReading, ...]:  # noqa: FBT001 - mapped
    """Read one unit from the store at ``address``, which is opened once per process."""
    return read_unit(_store(open_store, address), unit, fold=fold)


@cache
def _store(open_store: OpenStore, address: str) -> BlobStore:
    return open_store(address)

"""What a reading child process runs; imports little, because each child pays for it at its start."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Sequence
from functools import cache

from recoup.areas.metering.reading.results import FileReading
from recoup.areas.metering.reading.units import Unit, read_unit
from recoup.core.ports import BlobStore, OpenStore

_PR_SET_PDEATHSIG = 1


def prepare() -> None:
    """Leave Ctrl-C to the parent, and die with it however it dies (Linux: prctl(2), PR_SET_PDEATHSIG).

    To the system the parent is the thread that started the child, so that thread must last as long as is read.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def read(
    open_store: OpenStore, address: str, units: Sequence[Unit], *, fold: bool
) -> list[tuple[FileReading, ...]]:
    """Read units, one after the other, from the store at ``address``, which is opened once per process."""
    store = _store(open_store, address)
    return [read_unit(store, unit, fold=fold) for unit in units]


@cache
def _store(open_store: OpenStore, address: str) -> BlobStore:
    return open_store(address)

"""Readers: windows are read in child processes when there is much to read, and in this one when there is little."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from typing import Self

from recoup.areas.metering.reading import child
from recoup.areas.metering.reading.results import FileReading, FileRef
from recoup.areas.metering.reading.units import Unit, read_unit, read_window
from recoup.areas.metering.rules.streams import StreamConfig
from recoup.core.errors import Unavailable
from recoup.core.ports import BlobInfo, BlobStore, OpenStore

LITTLE = 8_000_000
"""Bytes that this process reads itself: less than starting children would cost, and too little to starve a lease."""
TRIES = 2
_BATCHES = 4
_LARGE_BATCH = 32_000_000
_Readings = list[tuple[FileReading, ...]]


class Readers:
    """Reads windows for all streams of a run; the children start when they are first needed."""

    def __init__(self, open_store: OpenStore, *, processes: int) -> None:
        self._open_store = open_store
        self._processes = processes
        self._stores: dict[str, BlobStore] = {}
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        # Children die with the thread that started them, and the threads that read end with their streams.
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="readers")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._keeper.shutdown()

    def store(self, address: str) -> BlobStore:
        """Return the store at an address, opened once."""
        with self._lock:
            if address not in self._stores:
                self._stores[address] = self._open_store(address)
            return self._stores[address]

    def read(self, config: StreamConfig, listing: Sequence[BlobInfo]) -> list[FileReading]:
        """Read the files of one window.

        Raise MalformedFile (an Invalid) for a file that is not whole, Changed or NotFound when one is no longer
        what was listed, Unavailable when the store or a child fails.
        """
        files = [FileRef(file.key, file.etag, file.size) for file in listing]
        if sum(file.size for file in files) <= LITTLE:
            store = self.store(config.source)
            return read_window(
                files,
                lambda units: (read_unit(store, unit, fold=config.fold) for unit in units),
                fold=config.fold,
            )
        for _ in range(TRIES):  # children may have died since an earlier window, and be missed only now
            with suppress(BrokenProcessPool):
                return read_window(files, lambda units: self._in_children(config, units), fold=config.fold)
        raise Unavailable("A reading process died, perhaps for want of memory.", fix="It is tried again.")

    def _in_children(self, config: StreamConfig, units: Sequence[Unit]) -> Iterator[tuple[FileReading, ...]]:
        futures = self._keeper.submit(self._send, config, units).result()
        try:
            for future in futures:
                yield from future.result()
        finally:
            for future in futures:
                future.cancel()

    def _send(self, config: StreamConfig, units: Sequence[Unit]) -> list[Future[_Readings]]:
        """Hand units to the children, each of which has some in stock: it never waits for this process's attention."""
        whole = sum(_size(unit) for unit in units)
        most = min(whole // (_BATCHES * self._processes), _LARGE_BATCH)
        ask = partial(child.read, self._open_store, config.source, fold=config.fold)
        try:
            return [self._children().submit(ask, batch) for batch in batches(units, most=most)]
        except BrokenProcessPool:  # since an earlier window: nobody waits for those children any more
            self._pool = None
            return [self._children().submit(ask, batch) for batch in batches(units, most=most)]

    def _children(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._processes, mp_context=multiprocessing.get_context("spawn"), initializer=child.prepare
            )
        return self._pool


def batches(units: Iterable[Unit], *, most: int) -> Iterator[list[Unit]]:
    """Put units together, in their order, up to ``most`` bytes each; a larger unit stands alone."""
    batch: list[Unit] = []
    room = most
    for unit in units:
        size = _size(unit)
        if batch and size > room:
            yield batch
            batch, room = [], most
        batch.append(unit)
        room -= size
    if batch:
        yield batch


def _size(unit: Unit) -> int:
    return sum(file.size for file in unit)

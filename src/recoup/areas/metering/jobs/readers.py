"""Readers: windows are read in child processes when there is much to read, and in this one when there is little."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Self

from recoup.areas.metering.reading import child
from recoup.areas.metering.reading.results import FileReading, FileRef
from recoup.areas.metering.reading.units import Unit, read_unit, read_window
from recoup.areas.metering.rules.streams import StreamConfig
from recoup.core.errors import Unavailable
from recoup.core.ports import BlobInfo, BlobStore, OpenStore

LITTLE = 8_000_000
"""Bytes that this process reads itself: less than starting children would cost, and too little to starve a lease."""


class Readers:
    """Reads windows for all streams of a run; the children start when they are first needed."""

    def __init__(self, open_store: OpenStore, *, processes: int) -> None:
        self._open_store = open_store
        self._processes = processes
        self._stores: dict[str, BlobStore] = {}
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

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
        try:
            return read_window(files, lambda units: self._in_children(config, units), fold=config.fold)
        except BrokenProcessPool:
            with self._lock:
                self._pool = None
            raise Unavailable(
                "A reading process died, perhaps for want of memory.", fix="It is tried again."
            ) from None

    def _in_children(self, config: StreamConfig, units: Sequence[Unit]) -> Iterable[tuple[FileReading, ...]]:
        pool = self._children()
        many = len(units)
        stores, addresses, folds = [self._open_store] * many, [config.source] * many, [config.fold] * many
        return pool.map(child.read, stores, addresses, units, folds)

    def _children(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    self._processes,
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=child.prepare,
                )
            return self._pool

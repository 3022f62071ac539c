"""Windows as they are read: listed, read, listed again, outside any transaction and ahead of the commits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from recoup.areas.metering.jobs.readers import Readers
from recoup.areas.metering.reading.results import FileReading
from recoup.areas.metering.rules import hours
from recoup.areas.metering.rules.streams import StreamConfig
from recoup.areas.metering.service import windows
from recoup.core.errors import Changed, Invalid, NotFound, Unavailable
from recoup.core.ports import BlobInfo, BlobStore

READ_AHEAD = 2
"""Windows that are read while an earlier one is committed, side by side: where one ends no reader waits."""


@dataclass(slots=True)
class Gathered:
    """A window as it was read: what was listed and what the files say, or the problem that holds it."""

    hour: datetime
    folder: str
    completed_by: str | None
    listing: list[BlobInfo] = field(default_factory=list)
    files: list[FileReading] = field(default_factory=list)
    problem: str = ""
    unavailable: bool = False


class Gatherer:
    """Reads the windows of one stream."""

    def __init__(
        self, config: StreamConfig, readers: Readers, complete: Callable[[datetime], hours.Completeness]
    ) -> None:
        self._config = config
        self._readers = readers
        self._complete = complete

    def read_ahead(
        self, store: BlobStore, due: Sequence[tuple[UUID, datetime]]
    ) -> Iterator[tuple[UUID, Gathered]]:
        """Yield windows as they were read, oldest first; the next ones are read while this one is committed."""
        with ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="read-ahead") as thread:
            pending: deque[tuple[UUID, Future[Gathered]]] = deque()
            try:
                for window_id, hour in due:
                    pending.append((window_id, thread.submit(self._gather, store, hour)))
                    if len(pending) > READ_AHEAD:
                        first, reading = pending.popleft()
                        yield first, reading.result()
                while pending:
                    first, reading = pending.popleft()
                    yield first, reading.result()
            finally:
                thread.shutdown(cancel_futures=True)

    def _gather(self, store: BlobStore, hour: datetime) -> Gathered:
        """Read one window outside any transaction; what is wrong with it is part of the result."""
        gathered = Gathered(hour, hours.hour_folder(self._config, hour), self._complete(hour).by)
        try:
            gathered.listing = self.listed(store, hour)
            gathered.files = self._readers.read(self._config, gathered.listing)
            again = self.listed(store, hour)
        except (Changed, Invalid, NotFound) as problem:
            gathered.problem = problem.sentence()
        except Unavailable as problem:
            gathered.problem, gathered.unavailable = problem.sentence(), True
        else:
            if windows.listing_digest(again) != windows.listing_digest(gathered.listing):
                gathered.problem = "Its files changed while they were read; the next run reads them again."
            elif gathered.completed_by is None:
                gathered.problem = "The producer's marker went back while it was read."
        return gathered

    def listed(self, store: BlobStore, hour: datetime) -> list[BlobInfo]:
        """Return the usage files of an hour, in the order of their keys."""
        folder = hours.hour_folder(self._config, hour)
        found = (file for file in store.list(folder) if hours.is_usage_file(file.key, folder))
        return sorted(found, key=lambda file: file.key)

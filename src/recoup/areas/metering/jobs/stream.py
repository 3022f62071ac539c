"""One stream's export: hour by hour, each read outside any transaction and taken inside one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from recoup.areas.metering.jobs.gathering import Gathered, Gatherer
from recoup.areas.metering.jobs.readers import Readers
from recoup.areas.metering.models import EntryState, WindowState
from recoup.areas.metering.queries import entry_rows, stream_rows, window_rows
from recoup.areas.metering.rules import hours, quantities
from recoup.areas.metering.rules.streams import StreamConfig
from recoup.areas.metering.service import adjustments, billing, state_files, streams, windows
from recoup.areas.metering.service.submissions import CHANNEL
from recoup.core.clock import hour_of
from recoup.core.errors import (
    Changed,
    Conflict,
    Invalid,
    Lost,
    Misconfigured,
    NotFound,
    RecoupError,
    Unavailable,
)
from recoup.core.parts import RunningRun
from recoup.core.ports import BlobStore
from recoup.office.outbox import handover

MARKER_LIMIT = 1_000_000
UNAVAILABLE_IN_A_ROW = 2


@dataclass(slots=True)
class StreamReport:
    """What one stream's export did."""

    stream: str
    taken: int = 0
    records: int = 0
    entries: int = 0
    waiting: int = 0
    held: int = 0
    failed: int = 0
    problem: str = ""


class StreamExport:
    """Exports one stream within a run."""

    def __init__(
        self,
        run: RunningRun,
        config: StreamConfig,
        readers: Readers,
        *,
        most_hours: int,
        state_file: Path | None,
        imported: datetime | None,
        rehearsal: bool = False,
    ) -> None:
        self._run = run
        self._system = run.system
        self._config = config
        self._readers = readers
        self._most_hours = most_hours
        self._state_file = state_file
        self._imported = imported
        self._rehearsal = rehearsal
        self._holder = f"{run.id}:{run.attempt}"
        self._report = StreamReport(config.key)
        self._marker_to: datetime | None = None
        self._gatherer = Gatherer(config, readers, self._complete)

    def run(self) -> StreamReport:
        """Export, and report; a failure of this stream is told in the report, a lost or cancelled run is raised."""
        try:
            with self._run.transaction() as db:
                now = self._system.clock()
                self._stream = streams.set_up(
                    db, self._config, imported=self._imported, actor=self._system.worker, now=now
                )
                streams.lease(db, self._config.key, holder=self._holder)
        except Conflict as busy:
            self._fail(busy)
            return self._report
        try:
            self._export()
        except (Misconfigured, Unavailable, Invalid, NotFound, Conflict) as problem:
            self._fail(problem)
        finally:
            with suppress(Lost), self._run.transaction() as db:
                streams.release(db, self._config.key, holder=self._holder)
        return self._report

    def _fail(self, problem: RecoupError) -> None:
        self._report.failed = 1
        self._report.problem = f"{self._config.key}: {problem.sentence()}"
        self._run.log(self._report.problem, level="error")

    def _export(self) -> None:
        config, run = self._config, self._run
        run.log(f"Starting processing for {config.service}/{config.environment}/{config.plan}")
        store = self._readers.store(config.source)
        self._open_windows(store)
        due = self._due()
        run.progress(0, len(due), config.key)
        unavailable = 0
        for number, (window_id, gathered) in enumerate(self._gatherer.read_ahead(store, due), start=1):
            run.checkpoint()
            run.log(f"Processing hour {number}/{len(due)}: {gathered.hour:%Y-%m-%d %H:%M:%S}")
            run.log(f"Found {len(gathered.listing)} subscription files in {gathered.folder}")
            if gathered.problem:
                self._hold(window_id, gathered.problem)
            else:
                self._take(window_id, gathered)
            unavailable = unavailable + 1 if gathered.unavailable else 0
            if unavailable == UNAVAILABLE_IN_A_ROW:
                raise Unavailable(gathered.problem)
            run.progress(number, len(due), config.key)
        self._save_state()  # an earlier run may have died between taking an hour and saying so
        self._recheck(store)

    def _open_windows(self, store: BlobStore) -> None:
        now = self._system.clock()
        self._marker_to = self._read_marker(store)
        before = None if self._stream.before_start else self._before_start(store)
        with self._run.transaction() as db:
            stream = stream_rows.stream(db, self._config.key, for_update=True)
            if stream is None:
                raise NotFound(f"The stream {self._config.key} is gone.")
            stream.marker_to = self._marker_to
            if before is not None:
                stream.before_start = before
            last = stream_rows.last_hour(db, stream)
            streams.open_windows(db, stream, now=now)
            self._stream = stream
        if last is None:
            self._run.log(
                f"No previous processing found, starting from {stream.first_hour:%Y-%m-%d %H:%M:%S}"
            )
            self._run.log(stream.before_start)

    def _before_start(self, store: BlobStore) -> str:
        """Say what lies before the first hour: it is never exported, and nobody should find out by accident."""
        first = self._stream.first_hour
        earliest: datetime | None = None
        count = 0
        for file in store.list(self._config.folder):
            hour = hours.hour_in(self._config, file.key)
            if hour is not None and hour < first:
                count += 1
                earliest = hour if earliest is None else min(earliest, hour)
        if earliest is None:
            return f"Nothing lies before {first:%Y-%m-%d %H:%M} UTC."
        return (
            f"{count} files of {earliest:%Y-%m-%d %H:%M} UTC and later lie before {first:%Y-%m-%d %H:%M} UTC "
            "and are not exported."
        )

    def _read_marker(self, store: BlobStore) -> datetime | None:
        if self._config.complete_by == "settle":
            return None
        key = f"{self._config.prefix}/{hours.MARKER}"
        try:
            with store.open(key) as body:
                return hours.read_marker(body.read(MARKER_LIMIT)).get(self._config.key)
        except NotFound:
            return None

    def _due(self) -> list[tuple[UUID, datetime]]:
        """Return what this run looks at, oldest first: at most ``most_hours`` new hours, and as many held ones."""
        with self._run.transaction() as db:
            until = hour_of(self._system.clock())
            found = window_rows.open_windows(db, self._stream.id, until=until)
        held = [window for window in found if window.state == WindowState.HELD]
        waiting = [window for window in found if window.state == WindowState.WAITING]
        ready = [window for window in waiting if self._complete(window.hour).by]
        self._report.waiting = len(waiting) - min(len(ready), self._most_hours)
        if len(waiting) > len(ready):
            self._note_waiting([window.id for window in waiting if not self._complete(window.hour).by])
        # Those that waited longest go first: hours that stay broken must not keep others from their turn.
        held.sort(key=lambda window: window.tried_at or window.hour)
        chosen = [*held[: self._most_hours], *ready[: self._most_hours]]
        return sorted(((window.id, window.hour) for window in chosen), key=lambda one: one[1])

    def _complete(self, hour: datetime) -> hours.Completeness:
        now = self._system.clock()
        return hours.completeness(self._config, hour, marker_to=self._marker_to, now=now)

    def _note_waiting(self, ids: Sequence[UUID]) -> None:
        now = self._system.clock()
        with self._run.transaction() as db:
            for window_id in ids:
                window = window_rows.window(db, window_id, for_update=True)
                if window is not None and window.state == WindowState.WAITING:
                    windows.wait(window, self._complete(window.hour).reason, now=now)

    def _take(self, window_id: UUID, gathered: Gathered) -> None:
        try:
            with self._run.transaction() as db:
                streams.lease(db, self._config.key, holder=self._holder)
                taken = windows.take(
                    db,
                    self._stream,
                    self._config,
                    window_id,
                    gathered.files,
                    listing=gathered.listing,
                    completed_by=gathered.completed_by or "",
                    actor=self._system.worker,
                    now=self._system.clock(),
                )
        except Invalid as problem:
            self._hold(window_id, problem.sentence())
            return
        self._tell(taken)
        self._submit(window_id, taken)
        self._save_state()

    def _hold(self, window_id: UUID, reason: str) -> None:
        self._report.held += 1
        self._run.count("held")
        with self._run.transaction() as db:
            window = window_rows.window(db, window_id, for_update=True)
            if window is None or window.state == WindowState.TAKEN:
                return
            windows.hold(
                db, self._stream, window, reason, actor=self._system.worker, now=self._system.clock()
            )
            hour = window.hour
        self._run.log(f"Held {hour:%Y-%m-%d %H:%M:%S}: {reason}", level="warning")

    def _tell(self, taken: windows.Taken) -> None:
        run, report = self._run, self._report
        report.taken += 1
        report.records += taken.records
        report.entries += taken.entries
        for name in ("files", "records", "entries", "submissions", "unbilled", "quarantined", "folded"):
            run.count(name, getattr(taken, name))
        run.count("hours")
        run.log(f"Aggregated {taken.records} records into {taken.entries} entries")
        if taken.folded:
            run.log(f"Folded {taken.folded} repeated measurements")
        if taken.unbilled:
            run.log(
                f"{taken.unbilled} records have no contract: see `recoup metering unbilled`", level="warning"
            )
        if taken.quarantined:
            run.log(
                f"{taken.quarantined} records cannot be used: see `recoup metering quarantine`",
                level="warning",
            )

    def _submit(self, window_id: UUID, taken: windows.Taken) -> None:
        if not taken.submissions or self._rehearsal:
            return
        if CHANNEL not in self._system.ports.channels:
            if not self._report.failed:
                fix = "Set CLAZAR_CLIENT_ID and CLAZAR_CLIENT_SECRET."
                self._fail(Misconfigured("Clazar is not set up, so submissions wait.", fix=fix))
            return
        self._run.log(f"Sending {taken.entries} metering records to Clazar")
        handover.drain(self._system, CHANNEL)
        with self._run.transaction() as db:
            states = entry_rows.entry_states(db, window_id)
        if set(states) <= {EntryState.ACCEPTED, EntryState.CARRIED}:
            self._run.log("Successfully sent data to Clazar")
        else:
            said = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
            self._run.log(f"Not everything was accepted: {said}", level="warning")

    def _save_state(self) -> None:
        if self._state_file is None or self._rehearsal:
            return
        with self._run.transaction() as db:
            last = stream_rows.contiguous_until(db, self._stream.id)
        if last is None:
            return
        try:
            saved = state_files.write(self._state_file, self._config.key, last, now=self._system.clock())
        except (Invalid, Misconfigured) as problem:  # our own ledger is the truth: the hours go on
            if not self._report.failed:
                self._fail(problem)
            return
        if saved:
            self._run.log(f"Saved state to {self._state_file}")

    def _recheck(self, store: BlobStore) -> None:
        """Look again at windows that were taken not long ago: a late or changed file becomes an adjustment."""
        since = self._system.clock() - self._config.recheck
        with self._run.transaction() as db:
            recent = [
                (one.id, one.hour, one.listing) for one in window_rows.taken_since(db, self._stream.id, since)
            ]
        for window_id, hour, known in recent:
            self._run.checkpoint()
            listing = self._gatherer.listed(store, hour)
            digest = windows.listing_digest(listing)
            if digest == known:
                continue
            try:
                reading = self._readers.read(self._config, listing)
                owed = {
                    (contract, dimension): value
                    for contract, measured in billing.measured_by_contract(reading).items()
                    for dimension, (value, _) in quantities.billed(self._config, measured).items()
                }
            except (Changed, Invalid, NotFound) as problem:
                self._run.log(
                    f"{hour:%Y-%m-%d %H:00} UTC changed after it was taken: {problem.sentence()}",
                    level="warning",
                )
                continue
            with self._run.transaction() as db:
                window = window_rows.window(db, window_id, for_update=True)
                if window is None:
                    continue
                new = adjustments.find(
                    db,
                    self._stream,
                    window,
                    owed,
                    listing=digest,
                    reason="Its files changed after they were taken.",
                    actor=self._system.worker,
                    now=self._system.clock(),
                )
            if new:
                self._run.count("adjustments", new)
                self._run.log(
                    f"{hour:%Y-%m-%d %H:00} UTC changed after it was taken: {new} adjustments wait for a person",
                    level="warning",
                )

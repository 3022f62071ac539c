"""Export: every stream side by side, missed hours oldest first, then what became of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from recoup.areas.metering.jobs.readers import Readers
from recoup.areas.metering.jobs.stream import StreamExport, StreamReport
from recoup.areas.metering.models import WindowState
from recoup.areas.metering.queries import standing_rows, stream_rows, window_rows
from recoup.areas.metering.rules import hours
from recoup.areas.metering.rules.streams import CLOUDS, StreamConfig
from recoup.areas.metering.service import owing, state_files, streams, submissions
from recoup.areas.metering.settings import MeteringSettings
from recoup.core.errors import Misconfigured, NotFound
from recoup.core.parts import Outcome, RunningRun
from recoup.core.system import System
from recoup.office.outbox import handover

SIDE_BY_SIDE = 4


class ExportParams(BaseModel):
    """Parameters of the job. Without a stream all are exported; without max_hours the setting counts."""

    model_config = ConfigDict(extra="forbid")

    stream: str | None = Field(default=None, description="service:environment:plan")
    max_hours: int | None = Field(default=None, ge=1, description="new hours per stream in this run")


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did, stream by stream, and what waits for a person afterwards."""

    streams: list[StreamReport]
    standings: list[standing_rows.Standing] = field(default_factory=list)

    @property
    def for_a_person(self) -> int:
        """How many things wait for a person in the exported streams."""
        return sum(one.for_a_person for one in self.standings) + sum(one.failed for one in self.streams)

    def outcome(self) -> Outcome:
        """Say it in one sentence."""
        hours_done = sum(one.taken for one in self.streams)
        records = sum(one.records for one in self.streams)
        entries = sum(one.entries for one in self.streams)
        done = "1 hour" if hours_done == 1 else f"{hours_done} hours"
        text = f"{done} exported: {records:,} records in {entries:,} entries."
        waiting = sum(one.waiting for one in self.streams)
        text += f" {waiting} hours wait for the producer." if waiting else ""
        text += " ".join(f" {one.problem}" for one in self.streams if one.problem)
        if self.for_a_person:
            text += (
                " 1 thing needs a person."
                if self.for_a_person == 1
                else f" {self.for_a_person} things need a person."
            )
        return Outcome(text, needs_person=self.for_a_person > 0)


def run_job(run: RunningRun, params: ExportParams) -> Outcome:
    """Export as the job ``metering.export``."""
    return export(run, params).outcome()


def export(run: RunningRun, params: ExportParams, *, rehearsal: bool = False) -> Report:
    """Export the configured streams; one that fails stops none of the others.

    In a ``rehearsal`` nothing is handed over and no state file is written; the run never commits.
    """
    system = run.system
    settings = system.settings.section("metering", MeteringSettings)
    configs = chosen(settings, params.stream)
    limit = params.max_hours or settings.max_hours_per_run
    state_file = Path(settings.state_file) if settings.state_file else None
    if not rehearsal:
        _hand_over(system)
    with Readers(system.ports.open_store, processes=system.settings.process.readers) as readers:
        exports = [
            StreamExport(
                run,
                config,
                readers,
                most_hours=limit,
                state_file=state_file,
                imported=_imported(config, state_file),
                rehearsal=rehearsal,
            )
            for config in configs
        ]
        side_by_side = 1 if rehearsal else min(SIDE_BY_SIDE, len(exports))
        with ThreadPoolExecutor(side_by_side, thread_name_prefix="stream") as threads:
            reports = list(threads.map(lambda one: one.run(), exports))
    run.checkpoint()
    if not rehearsal:
        _hand_over(system)
    with run.transaction() as db:
        submissions.expire_what_is_too_late(db, now=system.clock())
    warn(run)
    with run.transaction() as db:
        keys = {config.key for config in configs}
        standings = [standing_rows.standing(db, one) for one in stream_rows.streams(db) if one.key in keys]
    return Report(reports, standings)


def _hand_over(system: System) -> None:
    """Hand over what earlier runs left behind or planned for later, where it is due by now."""
    if submissions.CHANNEL in system.ports.channels:
        handover.drain(system, submissions.CHANNEL)


def chosen(settings: MeteringSettings, key: str | None) -> list[StreamConfig]:
    """Return the streams to export; raise Misconfigured when there are none, NotFound for an unknown name."""
    configs = streams.configured(settings)
    if not configs:
        raise Misconfigured(
            "No stream is configured.",
            fix="Set SERVICE_NAME, ENVIRONMENT_TYPE and PLAN_ID, or [[metering.streams]].",
        )
    found = [config for config in configs if key in {None, config.key}]
    if not found:
        raise NotFound(
            f"There is no stream {key}.", fix=f"There are: {', '.join(one.key for one in configs)}."
        )
    return found


def warn(run: RunningRun) -> None:
    """Tell a person, once per window, of usage that comes near its deadline."""
    system = run.system
    now = system.clock()
    earliest = min(terms.warn for terms in CLOUDS.values())
    with run.transaction() as db:
        late = [
            (stream, window)
            for stream, window in window_rows.to_warn(db, until=now)
            if now >= min(hours.warn_at(stream.cloud, window.hour), window.hour + earliest)
        ]
        for stream, window in late:
            window.warned_at = now
            if window.state != WindowState.TAKEN:
                owing.put_window(db, stream, window, now=now)
        lines = [
            _late_line(stream.key, window.hour, window.deadline, window.reason) for stream, window in late
        ]
        if late:
            title = f"{len(late)} hours of usage are close to the marketplace's limit"
            system.alert(
                db, key=f"metering.late:{late[0][1].id}", title=title, text="\n".join(lines[:50]), now=now
            )
        for stream, window in window_rows.lost(db, now=now):
            owing.lose_window(db, stream, window, now=now)
    for line in lines:
        run.log(line, level="warning")


def _late_line(key: str, hour: datetime, deadline: datetime | None, reason: str) -> str:
    until = f"can be submitted until {deadline:%Y-%m-%d %H:%M} UTC" if deadline else "has no known limit"
    return f"{key} {hour:%Y-%m-%d %H:00} UTC {until}: {reason or 'its submissions were not accepted yet'}"


def _imported(config: StreamConfig, state_file: Path | None) -> datetime | None:
    """Return the last hour that the old script's state file names for a stream, where there is one."""
    if state_file is None or not state_file.exists():
        return None
    text = state_file.read_text(encoding="utf-8")
    states = state_files.read(text, stream=config.key, name=str(state_file))
    return next((one.last_hour for one in states if one.stream == config.key), None)

"""The demo's plot: what is written when, by whose clock, when the worker dies, and what is mended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.metering.models import WindowState
from recoup.areas.metering.queries import standing_rows, stream_rows, window_rows
from recoup.core.clock import HOUR, hour_of, parse_instant
from recoup.core.errors import Unavailable
from recoup.core.ports import BlobStore
from recoup.core.system import System
from recoup.entry.demo_places import Places, StandInForClazar, WorkerProcess
from recoup.entry.demo_screen import Screen
from recoup.entry.demo_worker import FileClock
from recoup.office.jobs import queries as runs
from recoup.office.jobs import service as jobs
from recoup.office.jobs.models import Run, RunState
from recoup.office.outbox import queries as outbox
from recoup.office.outbox.models import State
from recoup.sandbox.clazar_ledger import read_ledger
from recoup.sandbox.usage import REALISTIC, Service, UsageWorld, hours_before, put
from recoup.sandbox.usage_files import HourFile

JOB = "metering.export"
YOU = "you@company.test"
STEP_HOURS = 12
"""AWS and Azure take usage for 24 hours: at this pace a held hour is mended in time."""
PAST_THE_HOUR = timedelta(minutes=10)
"""When the export's own schedule is due."""
SILENCE = 60.0
STEP_SECONDS = 180.0
OVER = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.PARKED})
LOOK_EVERY = 0.2
DEMO_SERVICES = (
    Service(name="Postgres", plan_id="pt-HJSv20iWX0", contracts=3),
    Service(name="Search", plan_id="pt-9sYdWq4LbN", cloud="azure", contracts=1),
)


@dataclass(frozen=True, slots=True)
class Plot:
    """All files of the demo, in the steps in which they are written, and the two that go wrong.

    ``late`` comes a step after its hour was exported, ``broken`` is cut in the middle when its hour is over.
    """

    world: UsageWorld
    steps: tuple[tuple[datetime, ...], ...]
    files: Mapping[datetime, tuple[HourFile, ...]]
    late: HourFile
    broken: HourFile

    @classmethod
    def of(cls, *, seed: int, hours: int, now: datetime) -> Plot:
        """Make up ``hours`` hours that end an hour or two before ``now``; the same seed, the same customers."""
        world = UsageWorld(seed, DEMO_SERVICES, mix=replace(REALISTIC, late=0, broken=0))
        all_hours = hours_before(hour_of(now) - HOUR, hours)
        size = min(STEP_HOURS, hours // 2)
        steps = tuple(tuple(all_hours[start : start + size]) for start in range(0, hours, size))
        files = {
            hour: tuple(f for service in DEMO_SERVICES for f in world.files(service, hour))
            for hour in all_hours
        }
        random = Random(seed)  # noqa: S311 - a seed, not a secret
        return cls(
            world=world,
            steps=steps,
            files=files,
            late=_billed_file(random, files, steps[-2]),
            broken=_billed_file(random, files, steps[-1]),
        )

    @property
    def everything(self) -> list[HourFile]:
        """Return all files."""
        return [file for some in self.files.values() for file in some]


def _billed_file(
    random: Random, files: Mapping[datetime, tuple[HourFile, ...]], hours: tuple[datetime, ...]
) -> HourFile:
    """Choose a file whose usage somebody pays, and that is no file any more when it is cut."""
    arrays = [f for hour in hours for f in files[hour] if f.facts.payer and f.key.endswith(".json")]
    return random.choice(arrays)


@dataclass(frozen=True, slots=True)
class Killed:
    """What the kill in the middle met, and how long it took until another worker knew what became of it."""

    pid: int
    submission: UUID
    records: int
    hour: str
    seconds: float | None = None


@dataclass(slots=True)
class Story:
    """The demo as it goes: call ``tell`` once, then ``end``."""

    system: System
    where: Places
    clock: FileClock
    store: BlobStore
    clazar: StandInForClazar
    start_worker: Callable[[], WorkerProcess]
    screen: Screen
    plot: Plot
    killed: Killed | None = None
    held: tuple[str, ...] = ()
    _worker: WorkerProcess | None = None
    _killed_at: float = 0.0
    _seen: tuple[int, int] = (0, 0)
    _handing: frozenset[UUID] = field(default_factory=frozenset)

    def tell(self) -> None:
        """Let the hours pass step by step; kill the worker once; mend what is broken; run again."""
        job = self.system.parts.jobs[JOB]
        with self.system.sessions.begin() as db:
            jobs.notify(db, job, success=[], failure=[YOU], actor="demo", now=self.clock())
        self._worker = self.start_worker()
        for number, hours in enumerate(self.plot.steps):
            self.screen.doing("Writing usage")
            last = number == len(self.plot.steps) - 1
            for file in self._due(hours, late_too=last):
                broken = file.key == self.plot.broken.key
                body = file.body[: len(file.body) // 2] if broken else file.body
                put(self.store, file.key, body, media_type=file.media_type)
            killing = number == len(self.plot.steps) // 2
            if killing:
                self.clazar.take_and_stay_silent(SILENCE)
            end = hours[-1] + HOUR
            self.plot.world.write_marker(self.store, end - timedelta(seconds=1))
            self.clock.set(end + PAST_THE_HOUR)
            self.screen.doing("Exporting")
            run = self.follow(self._scheduled_for(end + PAST_THE_HOUR), killing=killing)
            self.screen.say(f"{end + PAST_THE_HOUR:%a %d %b %H:%M} UTC  {run.summary}")
        self._mend()

    def end(self) -> None:
        """Let mails leave, and end the worker."""
        self._wait_for_mails()
        self.screen.doing("Ending")
        if self._worker is not None:
            self._worker.end()
        self.screen.rest()

    def _due(self, hours: tuple[datetime, ...], *, late_too: bool) -> Iterator[HourFile]:
        late = self.plot.late
        if late_too:
            yield late
        for hour in hours:
            yield from (file for file in self.plot.files[hour] if file.key != late.key)

    def _mend(self) -> None:
        """Write the broken file whole, as its producer would, and run the export as a person would."""
        self.held = tuple(self._held())
        for line in self.held:
            self.screen.say(f"Held: {line}", style="yellow")
        self.screen.say("The producer writes that file again, whole, and a person runs the export again.")
        broken = self.plot.broken
        put(self.store, broken.key, broken.body, media_type=broken.media_type)
        now = self.clock() + PAST_THE_HOUR
        self.clock.set(now)
        job = self.system.parts.jobs[JOB]
        with self.system.sessions.begin() as db:
            run_id = jobs.start(db, job, {}, trigger="person", actor="demo", now=now).id
        run = self.follow(lambda db: runs.run(db, run_id))
        self.screen.say(f"{now:%a %d %b %H:%M} UTC  {run.summary}")

    def _held(self) -> Iterator[str]:
        with self.system.sessions.begin() as db:
            for stream in stream_rows.streams(db):
                for window in window_rows.open_windows(db, stream.id, until=self.clock()):
                    if window.state == WindowState.HELD:
                        yield f"{stream.key} {window.hour:%Y-%m-%d %H:%M} UTC: {window.reason}"

    def _scheduled_for(self, slot: datetime) -> Callable[[Session], Run | None]:
        def find(db: Session) -> Run | None:
            return next((run for run in runs.runs(db, job_name=JOB, limit=5) if run.slot == slot), None)

        return find

    def follow(self, find: Callable[[Session], Run | None], *, killing: bool = False) -> Run:
        """Show a run until it is over; with ``killing``, kill its worker while Clazar has what we were not told.

        Whoever is first hands a submission over: the run itself, or the task of the outbox. The kill meets either,
        so with ``killing`` the run is over only when another worker has told what became of that submission.
        """
        until = time.monotonic() + STEP_SECONDS
        while time.monotonic() < until:
            if self._worker is not None:
                self._worker.check()
            with self.system.sessions.begin() as db:
                run = find(db)
                self._show(db, run)
                on_its_way = self._on_its_way(db) if killing and self.killed is None else None
                settled = not killing or self._settled(db)
            if settled and run is not None and run.state in OVER:
                return run
            if on_its_way is not None:
                self._kill()
            time.sleep(LOOK_EVERY)
        raise Unavailable(
            f"The demo's run is not over after {STEP_SECONDS:.0f} s.", fix=f"{self.where.log} may say why."
        )

    def _show(self, db: Session, run: Run | None) -> None:
        done = sum(
            standing_rows.standing(db, stream).windows.get(WindowState.TAKEN, 0)
            for stream in stream_rows.streams(db)
        )
        lines: list[tuple[str, str]] = []
        if run is not None:
            new = runs.lines(db, run.id, after=self._seen)
            if new:
                self._seen = (new[-1].attempt, new[-1].number)
            lines = [(line.level, line.text) for line in new]
            if run.finished_at is not None:
                self._seen = (0, 0)
        self.screen.progress(done, lines)

    def _on_its_way(self, db: Session) -> Killed | None:
        """Return what a kill would meet: a submission that Clazar has taken and not answered for two looks in a row."""
        handing = outbox.listed(db, state=State.HANDING, kind="metering.submission")
        before, self._handing = self._handing, frozenset(one.id for one in handing)
        taken = {row.key for row in read_ledger(self.where.ledger)} if handing else set()
        for one in handing:
            lines = json.loads(one.payload)["request"]
            keys = {
                (each["contract_id"], each["dimension"], parse_instant(each["start_time"])) for each in lines
            }
            if one.id in before and keys <= taken and self._worker is not None:
                hour = f"{parse_instant(lines[0]['start_time']):%a %H:%M} UTC"
                return Killed(self._worker.pid, one.id, len(lines), hour)
        return None

    def _kill(self) -> None:
        """Kill the worker where it is still so once it does nothing any more: what it had sent has come to its end."""
        if self._worker is None:
            return
        self._worker.pause()
        time.sleep(LOOK_EVERY)
        with self.system.sessions.begin() as db:
            met = self._on_its_way(db)
        if met is None:
            self._worker.go_on()
            return
        self.killed, self._killed_at = met, time.monotonic()
        self._worker.kill()
        self.screen.say(
            f"Killed the worker (kill -9 {met.pid}) with a submission on its way: Clazar has taken its "
            f"{met.records} records of {met.hour}, and Recoup was never told. Starting another worker.",
            style="bold yellow",
        )
        self._worker = self.start_worker()

    def _settled(self, db: Session) -> bool:
        """Say whether another worker has told what became of the submission that the kill met."""
        if self.killed is None:
            return False
        delivery = outbox.by_id(db, self.killed.submission)
        if delivery is None or delivery.state != State.ACCEPTED:
            return False
        if self.killed.seconds is None:
            self.killed = replace(self.killed, seconds=round(time.monotonic() - self._killed_at, 1))
            self.screen.say(
                f"Another worker handed it over again {self.killed.seconds} s after the kill: Clazar knew it, "
                "and counted it once."
            )
        return True

    def _wait_for_mails(self) -> None:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with self.system.sessions.begin() as db:
                left = outbox.counts_by_state(db)
            if not any(left.get(state) for state in (State.PLANNED, State.LEASED, State.HANDING)):
                return
            time.sleep(LOOK_EVERY)

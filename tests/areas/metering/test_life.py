"""The whole life of metering, as chance would have it: files, marker, Clazar, clock, workers and people all misbehave.

After every step the checkers must be silent; at the end, when all is well again, everything must have been billed once.
``RECOUP_LIFE_EXAMPLES=500`` plays that many other lives instead of the fixed ones.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as play
from sqlalchemy import select
from sqlalchemy.orm import Session

from recoup.adapters.clazar import ClazarChannel
from recoup.adapters.clazar_token import ClazarSettings
from recoup.areas.metering.jobs.export import ExportParams
from recoup.areas.metering.models import Adjustment, Entry, Stream, Window
from recoup.areas.metering.queries import entry_rows
from recoup.areas.metering.service import adjustments
from recoup.core.clock import HOUR, hour_of
from recoup.core.errors import Conflict
from recoup.core.ports import Channel
from recoup.core.system import System
from recoup.core.tasks import sweep
from recoup.office.jobs import execution
from recoup.office.jobs.models import Run
from recoup.office.outbox import handover
from recoup.sandbox import clazar as play_clazar
from recoup.sandbox import faults
from recoup.sandbox.clazar import ClazarStandIn
from support import checkers
from support.hour_files import BAD, FORMS, Producer, Usage, body, end_of, usages
from support.house import MovableClock, ScriptedChannel, end_leases, opened
from support.postgres import Cluster
from support.troubled import Died, TroubledChannel, die
from support.usage_count import Count, count

AWS, GCP = "Postgres:PROD:pt-a", "Search:PROD:pt-g"
PAYERS = {AWS: ("alice", "shared", "bob", None), GCP: ("charlie", "shared", None, " ")}
MIGRATED = "migrated"
DIMENSIONS = ("cpu_core_hours", "memory_byte_hours", "mystery")
TAKEN_AT_CLAZAR = DIMENSIONS[:2]
STARTS = (datetime(2025, 7, 24, 16, 30, tzinfo=UTC), datetime(2025, 7, 31, 22, 10, tzinfo=UTC))
LONGEST = timedelta(hours=54)
SETTLE = timedelta(minutes=90)
TOML = """
[metering]
most_bad_percent = 50
[[metering.streams]]
service = "Postgres"
environment = "PROD"
plan = "pt-a"
cloud = "aws"
[[metering.streams]]
service = "Search"
environment = "PROD"
plan = "pt-g"
cloud = "gcp"
"""
MISHAPS: dict[str, Callable[[], faults.Fault]] = {
    "500 before": faults.server_error,
    "500 after": lambda: faults.server_error(handled=True),
    "429": faults.too_many_requests,
    "429 for an hour": lambda: faults.too_many_requests("3600"),
    "403": lambda: faults.server_error(403),
    "dropped before": lambda: faults.dropped(handled=False),
    "dropped after": faults.dropped,
    "cut after": faults.cut_body,
    "a page": faults.html_page,
    "a page after": lambda: faults.html_page(handled=True),
    "fewer results": lambda: play_clazar.fewer_results(1),
    "no results": lambda: play_clazar.fewer_results(0),
    "401": play_clazar.unauthorised,
}

streams = st.sampled_from((AWS, GCP))
small = st.integers(0, 9)


class Life(RuleBasedStateMachine):
    """A company with two streams: whole numbers to AWS, decimals to GCP, and one contract that both of them meter."""

    def __init__(self, cluster: Cluster, home: Path) -> None:
        super().__init__()
        self.cluster, self.home = cluster, home
        self.stack, self.house = ExitStack(), ExitStack()
        self.counts: dict[tuple[str, datetime], Count] = {}
        self.worked = False

    # ------------------------------------------------------------ the beginning

    @initialize(start=st.sampled_from(STARTS), marked=st.booleans())
    def begin(self, start: datetime, marked: bool) -> None:
        self.start = self.latest = start
        self.clock = MovableClock(start)
        self.producer = Producer(self.home / "usage")
        self.producer.root.mkdir(parents=True)
        self.clazar = self.stack.enter_context(
            ClazarStandIn(clock=self.clock, dimensions=TAKEN_AT_CLAZAR, lateness={"aws": timedelta(hours=24)})
        )
        (self.home / "recoup.toml").write_text(TOML, encoding="utf-8")
        self.database = self.stack.enter_context(self.cluster.database(MIGRATED))
        self.system = self.move_in()
        for back in range(1, 5):
            self.lay_out(hour_of(start) - back * HOUR, back)
        if marked:
            self.producer.mark(dict.fromkeys((AWS, GCP), hour_of(start)))

    def move_in(self) -> System:
        known = ClazarSettings(
            client_id=self.clazar.client_id,
            client_secret="stand-in-secret",
            metering_url=self.clazar.metering_url,
        )
        self.channel = ClazarChannel(known, now=self.clock)
        self.house.callback(self.channel.close)
        channels = {"clazar": self.channel, "mail": ScriptedChannel("mail", dedupes=False)}
        environ = {
            "RECOUP_METERING_SOURCE": str(self.producer.root),
            "RECOUP_METERING_START": f"{self.start - 4 * HOUR:%Y-%m-%dT%H:00:00Z}",
        }
        return self.house.enter_context(
            opened(self.database, self.home, clock=self.clock, channels=channels, environ=environ)
        )

    # ------------------------------------------------------------ the producer

    @rule(
        stream=streams,
        back=st.integers(0, 6),
        broken=st.sampled_from((False, False, False, True)),
        data=st.data(),
    )
    def a_file_arrives(self, stream: str, back: int, broken: bool, data: st.DataObject) -> None:
        """In time or late, new or in place of another, whole or half."""
        name = data.draw(st.sampled_from(("sub-1", "sub-2", "sub-3")))
        form = data.draw(st.sampled_from(FORMS))
        records: list[Usage | str] = data.draw(
            st.lists(usages(PAYERS[stream], DIMENSIONS), min_size=1, max_size=4)
        )
        if data.draw(small) == 0:
            records.append(data.draw(st.sampled_from(BAD)))
        key = self.producer.key(stream, hour_of(self.clock()) - back * HOUR, name, form)
        self.producer.write(key, body(records, form), broken=broken)

    @rule(number=small, marked=st.booleans())
    def an_hour_passes(self, number: int, marked: bool) -> None:
        """As it should: its files arrive, and the marker says so, or it does not."""
        self.lay_out(hour_of(self.clock()), number)
        self.clock.advance(minutes=61)
        if marked:
            self.producer.mark(dict.fromkeys((AWS, GCP), hour_of(self.clock())))

    def lay_out(self, hour: datetime, number: int) -> None:
        """Two files a stream, with a repeat across them and a contract that both streams meter."""
        for stream in (AWS, GCP):
            first, second, *_ = PAYERS[stream]
            for name in ("sub-1", "sub-2"):
                records = [
                    Usage(first, "cpu_core_hours", f"{number}.4"),
                    Usage(second, "memory_byte_hours", "0.3", "0.05", pod=name),
                    Usage(None, "cpu_core_hours", "7", subscription=name),
                ]
                self.producer.write(self.producer.key(stream, hour, name), body(records))

    @precondition(lambda self: self.producer.present())
    @rule(which=small, copy=st.booleans())
    def a_file_arrives_twice(self, which: int, copy: bool) -> None:
        """The same content again, under its own name or another."""
        key = self.some(self.producer.present(), which)
        content = self.producer.cut_files.get(key, self.producer.read(key))
        folder, _, name = key.rpartition("/")
        self.producer.write(f"{folder}/copy-of-{name}" if copy else key, content)

    @precondition(lambda self: self.producer.cut_files)
    @rule(which=small)
    def a_file_is_mended(self, which: int) -> None:
        self.producer.mend(self.some(list(self.producer.cut_files), which))

    @precondition(lambda self: self.producer.present() or self.producer.aside)
    @rule(which=small, comes_back=st.booleans())
    def a_file_vanishes_or_comes_back(self, which: int, comes_back: bool) -> None:
        if self.producer.aside and (comes_back or not self.producer.present()):
            self.producer.come_back(self.some(list(self.producer.aside), which))
        else:
            self.producer.vanish(self.some(self.producer.present(), which))

    @rule(hours=st.sampled_from((-3, -1, 0, 0, 0, 1, 24)), minutes=st.sampled_from((0, 30)), kind=small)
    def the_marker_moves(self, hours: int, minutes: int, kind: int) -> None:
        """For both streams or for one, or it disappears, or half of it is there."""
        to = hour_of(self.clock()) + timedelta(hours=hours, minutes=minutes, seconds=-1)
        if kind == 0:
            self.producer.write_marker(b'{"Postgres:PROD')
        elif kind == 1:
            self.producer.unmark()
        else:
            self.producer.mark({AWS: to} if kind == 2 else {AWS: to, GCP: to})

    # ------------------------------------------------------------ Clazar

    @rule(mishap=st.sampled_from(sorted(MISHAPS)), times=st.sampled_from((1, 2, 5)), sign_in=small)
    def an_export_meets(self, mishap: str, times: int, sign_in: int) -> None:
        if sign_in == 0:
            self.clazar.revoke_tokens()
        path = "/metering" if sign_in else "/authenticate"
        self.clazar.script(MISHAPS[mishap](), times=times, path=path)
        self.finished(self.export(self.system))

    @rule(good=st.booleans())
    def the_credentials_change(self, good: bool) -> None:
        self.clazar.client_secret = "stand-in-secret" if good else "another-secret"
        self.clazar.revoke_tokens()

    # ------------------------------------------------------------ time

    @precondition(lambda self: self.clock() - self.start < LONGEST)
    @rule(minutes=st.sampled_from((1, 20, 45, 60, 130, 400, 1500)))
    def time_passes(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)

    @precondition(lambda self: self.clock() > self.start - HOUR)
    @rule(minutes=st.sampled_from((20, 60, 190, 1500)))
    def the_clock_jumps_back(self, minutes: int) -> None:
        self.clock.advance(minutes=-minutes)

    # ------------------------------------------------------------ work

    @rule(most=st.sampled_from((None, None, None, 1)), one=st.sampled_from((None, None, None, AWS)))
    def an_export_runs(self, most: int | None, one: str | None) -> None:
        self.finished(self.export(self.system, max_hours=most, stream=one))

    @rule()
    def an_export_runs_where_clazar_is_not_set_up(self) -> None:
        """Submissions are planned, and somebody else has to hand them over."""
        self.finished(self.export(self.with_channel(None)))

    @rule()
    def two_exports_run_at_once(self) -> None:
        runs: list[Run] = []
        threads = [Thread(target=lambda: runs.append(self.export(self.system))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(runs) == 2
        self.finished(*runs)

    @rule(after=st.booleans())
    def an_exporter_sleeps_through_its_leases(self, after: bool) -> None:
        """While it hands over, before or after Clazar took it; another exports meanwhile; then it wakes up."""
        runs: list[Run] = []

        def sleep() -> None:
            if not runs:
                end_leases(self.system)
                runs.append(self.export(self.system))

        hook = {"after": sleep} if after else {"before": sleep}
        asleep = self.with_channel(TroubledChannel(self.channel, **hook))
        runs.append(self.export(asleep))
        self.finished(*runs)

    @rule()
    def the_outbox_is_emptied_alone(self) -> None:
        handover.drain(self.system, "clazar")
        self.finished()

    @rule(where=st.sampled_from(("preparing", "before", "after")), noticed=st.booleans())
    def a_worker_dies(self, where: str, noticed: bool) -> None:
        """On its way to Clazar: before the fence, behind it, or when Clazar has taken everything."""
        self.finished(self.export(self.with_channel(None)))
        channel = (
            _Deadly(self.channel) if where == "preparing" else TroubledChannel(self.channel, **{where: die})
        )
        with suppress(Died):
            handover.drain(self.with_channel(channel), "clazar")
        if noticed:
            self.leases_end()
        self.worked = True

    @rule()
    def leases_are_over(self) -> None:
        self.leases_end()

    def leases_end(self) -> None:
        end_leases(self.system)
        sweep(self.system, self.clock())
        self.worked = True

    @rule()
    def the_server_starts_again(self) -> None:
        self.house.close()
        self.house = ExitStack()
        self.system = self.move_in()

    # ------------------------------------------------------------ people

    @rule(which=small, carry=st.booleans())
    def a_person_settles_a_difference(self, which: int, carry: bool) -> None:
        with self.system.sessions.begin() as db:
            waiting = db.scalars(
                select(Adjustment.id).where(Adjustment.state == "open").order_by(Adjustment.id)
            ).all()
            if waiting:
                chosen = self.some(waiting, which)
                adjustments.end(db, chosen, carry=carry, note="", actor="alice", now=self.clock())
        self.finished()

    @rule(which=small, how=st.sampled_from(("send", "restamp", "dismiss")))
    def a_person_settles_an_entry(self, which: int, how: str) -> None:
        with self.system.sessions.begin() as db:
            waiting = self.for_a_person(db)
            if waiting:
                self.settle(db, self.some(waiting, which), how)
        self.finished()

    def for_a_person(self, db: Session) -> list[Entry]:
        statement = select(Entry).where(Entry.state.in_(entry_rows.NEEDS_PERSON)).order_by(Entry.id)
        return list(db.scalars(statement))

    def settle(self, db: Session, entry: Entry, how: str) -> None:
        """As somebody does who looks it up at Clazar first."""
        billed = {row.key for row in self.clazar.ledger}
        if entry.handings and (entry.contract, entry.dimension, entry.hour) in billed:
            how = "accept"
        try:
            adjustments.retry(db, entry.id, how=how, note="", actor="alice", now=self.clock())
        except Conflict as conflict:
            assert conflict.fix, conflict.detail  # noqa: PT017 - it says what can be done instead
            adjustments.retry(db, entry.id, how="dismiss", note="", actor="alice", now=self.clock())

    # ------------------------------------------------------------ what must hold

    @invariant()
    def all_is_well(self) -> None:
        if not self.worked:
            return
        self.worked = False
        problems = checkers.everything(self.system, self.clazar.ledger, self.counts)
        assert not problems, "\n".join(problems)
        problems = checkers.journal_is_whole(self.system, self.clock())
        assert not problems, "\n".join(problems)

    def teardown(self) -> None:
        try:
            if hasattr(self, "system"):
                self.all_ends_well()
        finally:
            self.house.close()
            self.stack.close()
            shutil.rmtree(self.home, ignore_errors=True)

    def all_ends_well(self) -> None:
        """Everything works again: hours are exported until nothing is left, people settle what waits for them."""
        self.clazar.clear_script()
        self.clazar.client_secret = "stand-in-secret"
        for key in list(self.producer.cut_files):
            self.producer.mend(key)
        self.withdraw_what_nobody_can_use()
        for turn in range(12):
            self.clock.now = max(self.clock.now, self.latest) + timedelta(minutes=65)
            self.producer.mark(dict.fromkeys((AWS, GCP), self.clock()))
            end_leases(self.system)
            run = self.export(self.system)
            self.finished(run)
            with self.system.sessions.begin() as db:
                waiting = self.for_a_person(db)
                for entry in waiting:
                    self.settle(db, entry, "send" if turn < 2 and entry.dimension != "mystery" else "dismiss")
                if not waiting and not list(checkers.nothing_is_open(db)):
                    break
        self.worked = True
        self.all_is_well()
        with self.system.sessions.begin() as db:
            problems = list(checkers.nothing_is_open(db))
        assert not problems, f"{run.summary}\n" + "\n".join(problems)

    def withdraw_what_nobody_can_use(self) -> None:
        for key in self.producer.present():
            found = count({key: self.producer.read(key)})
            if found.bad * 2 > found.records:
                self.producer.vanish(key)

    # ------------------------------------------------------------ helpers

    @staticmethod
    def some(choices: list, which: int) -> object:
        return choices[which % len(choices)]

    def with_channel(self, channel: Channel | None) -> System:
        others = {name: one for name, one in self.system.ports.channels.items() if name != "clazar"}
        channels = others if channel is None else {**others, "clazar": channel}
        return replace(self.system, ports=replace(self.system.ports, channels=channels))

    @staticmethod
    def export(system: System, **params: object) -> Run:
        job = system.parts.jobs["metering.export"]
        checked = ExportParams.model_validate(params).model_dump(mode="json")
        return execution.execute_here(system, job, checked, actor="test")

    def finished(self, *runs: Run) -> None:
        """Count the files of the windows that were taken now; nothing has touched the files meanwhile."""
        self.worked = True
        self.latest = max(self.latest, self.clock())
        for run in runs:
            assert "unforeseen" not in run.summary, run.summary
        with self.system.sessions.begin() as db:
            taken = db.execute(
                select(Stream.key, Window.hour, Window.completed_by)
                .join(Window, Window.stream_id == Stream.id)
                .where(Window.state == "taken")
            )
            for stream, hour, by in taken:
                if (stream, hour) not in self.counts:
                    self.check_complete(stream, hour, by)
                    self.counts[stream, hour] = count(self.producer.hour(stream, hour))

    def check_complete(self, stream: str, hour: datetime, by: str) -> None:
        marks = self.producer.marked() or {}
        if stream in marks:
            assert by == "marker"
            assert marks[stream] >= end_of(hour)
        else:
            assert by == "settle"
            assert self.clock() >= hour + HOUR + SETTLE
        assert self.clock() >= hour + HOUR


class _Deadly(TroubledChannel):
    def prepare(self, parcel: object) -> object:  # type: ignore[override]
        raise Died(parcel)


def test_life(cluster: Cluster, tmp_path: Path) -> None:
    lives = int(os.environ.get("RECOUP_LIFE_EXAMPLES", "0"))
    numbers = itertools.count()
    play(
        lambda: Life(cluster, tmp_path / str(next(numbers))),
        settings=settings(
            max_examples=lives or 30,
            derandomize=not lives,
            stateful_step_count=22,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

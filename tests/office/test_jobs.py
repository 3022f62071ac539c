"""Jobs: slots are written once, runs are fenced by their attempt, and nothing that stands still is forgotten."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select, text, update

from recoup.core.errors import Conflict, Invalid, Lost, NotFound, Unavailable
from recoup.core.parts import DefaultSchedule, Job, Missed, Outcome, RunningRun
from recoup.core.system import System
from recoup.core.tasks import Worker, sweep
from recoup.office.jobs import execution, jobs, queries, service
from recoup.office.jobs.models import JobRow, Run, RunLine, RunState, Schedule, Slot
from recoup.office.jobs.rules import schedules as rules
from recoup.office.outbox import queries as outbox
from support.house import MovableClock, ScriptedChannel, end_leases, opened
from support.postgres import Database
from support.shared_data import shared_data

BERLIN = "Europe/Berlin"


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")

    times: int = 1


class Work:
    """What the test's job does, set by the test."""

    def __init__(self) -> None:
        self.do: Callable[[RunningRun, Params], Outcome] = lambda _run, params: Outcome(
            f"Did it {params.times} times."
        )
        self.ran = 0

    def __call__(self, run: RunningRun, params: Params) -> Outcome:
        self.ran += 1
        return self.do(run, params)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def job(work: Work) -> Job:
    return Job(
        "test.work",
        "Some work",
        "For the test.",
        Params,
        work,
        DefaultSchedule("0 * * * *", missed=Missed.ALL),
    )


@pytest.fixture
def system(database: Database, tmp_path: Path, clock: MovableClock, job: Job) -> Iterator[System]:
    channels = {"mail": ScriptedChannel("mail", dedupes=False)}
    with opened(database, tmp_path, clock=clock, channels=channels) as composed:
        system = replace(composed, parts=replace(composed.parts, jobs={job.name: job}))
        with system.sessions.begin() as db:
            service.set_up(db, system.parts.jobs, now=clock())
        yield system


def start(system: System, job: Job, **params: int) -> Run:
    with system.sessions.begin() as db:
        return service.start(db, job, params, trigger="person", actor="Alice", now=system.clock())


def reload(system: System, run: Run) -> Run:
    with system.sessions.begin() as db:
        found = queries.run(db, run.id)
        assert found is not None
        return found


def slots(system: System) -> list[tuple[datetime, str]]:
    with system.sessions.begin() as db:
        found = db.scalars(select(Slot).join(Schedule).where(Schedule.job == "test.work").order_by(Slot.at))
        return [(slot.at, slot.state) for slot in found]


# ---------------------------------------------------------------- runs


def test_a_run_does_its_work_and_tells(system: System, job: Job, work: Work) -> None:
    def do(run: RunningRun, params: Params) -> Outcome:
        run.log("Begun.")
        run.count("rows", 3)
        run.count("rows", 4)
        run.progress(1, 2, "half")
        run.artifact("result.txt", b"the result", media_type="text/plain")
        return Outcome(f"{params.times} done.")

    work.do = do
    run = start(system, job, times=5)
    execution.execute(system, run.id)
    done = reload(system, run)
    assert (done.state, done.summary, done.counts) == ("succeeded", "5 done.", {"rows": 7})
    assert (done.done, done.total, done.label) == (1, 2, "half")
    with system.sessions.begin() as db:
        assert [line.text for line in queries.lines(db, run.id)] == ["Begun.", "5 done."]
        assert [artifact.name for artifact in queries.artifacts(db, run.id)] == ["result.txt"]


def test_a_run_is_done_once(system: System, job: Job, work: Work) -> None:
    run = start(system, job)
    assert execution.execute(system, run.id) is not None
    assert execution.execute(system, run.id) is None
    assert work.ran == 1


def test_bad_parameters_are_named(system: System, job: Job) -> None:
    with pytest.raises(Invalid, match="times"), system.sessions.begin() as db:
        service.start(db, job, {"times": "many"}, trigger="person", actor="Alice", now=system.clock())
    with pytest.raises(Invalid, match="speed"), system.sessions.begin() as db:
        service.start(db, job, {"speed": 1}, trigger="person", actor="Alice", now=system.clock())


def test_an_unknown_job_names_those_there_are(system: System) -> None:
    with pytest.raises(NotFound, match=r"test\.walk") as failure:
        service.find(system.parts.jobs, "test.walk")
    assert "test.work" in failure.value.sentence()


def test_a_failure_is_a_sentence_and_an_unforeseen_one_too(system: System, job: Job, work: Work) -> None:
    def refuse(_run: RunningRun, _params: Params) -> Outcome:
        raise Invalid("The file is cut.", fix="Send it again.")

    def stumble(_run: RunningRun, _params: Params) -> Outcome:
        raise ZeroDivisionError("no")

    for do, summary in ((refuse, "The file is cut. Send it again."), (stumble, "ZeroDivisionError: no")):
        work.do = do
        run = start(system, job)
        execution.execute(system, run.id)
        failed = reload(system, run)
        assert failed.state == "failed"
        assert summary in failed.summary
        assert failed.needs_person


def test_what_is_busy_is_tried_again_until_the_attempts_are_used_up(
    system: System, job: Job, work: Work, clock: MovableClock
) -> None:
    def busy(_run: RunningRun, _params: Params) -> Outcome:
        raise Unavailable("The other side is busy.", retry_after=600)

    work.do = busy
    run = start(system, job)
    execution.execute(system, run.id)
    assert reload(system, run).state == "queued"
    assert execution.execute(system, run.id) is None  # not before the ten minutes are over
    for _ in range(2):
        clock.advance(minutes=11)
        execution.execute(system, run.id)
    assert work.ran == job.max_attempts
    assert reload(system, run).state == "failed"


def test_a_person_cancels_a_queued_run_at_once_and_a_running_one_at_its_next_step(
    system: System, job: Job, work: Work
) -> None:
    queued = start(system, job)
    with system.sessions.begin() as db:
        service.cancel(db, queued.id, actor="Alice", now=system.clock())
    assert execution.execute(system, queued.id) is None
    assert reload(system, queued).state == "cancelled"

    def wait_for_it(run: RunningRun, _params: Params) -> Outcome:
        with system.sessions.begin() as db:
            service.cancel(db, run.id, actor="Alice", now=system.clock())
        for _ in range(200):
            run.checkpoint()
            time.sleep(0.05)
        return Outcome("It went on.")

    work.do = wait_for_it
    running = start(system, job)
    execution.execute(system, running.id)
    assert reload(system, running).state == "cancelled"
    with pytest.raises(Conflict, match="over"), system.sessions.begin() as db:
        service.cancel(db, running.id, actor="Alice", now=system.clock())


def test_a_worker_that_lost_its_run_cannot_write_any_more(system: System, job: Job, work: Work) -> None:
    seen: list[str] = []

    def slow(run: RunningRun, _params: Params) -> Outcome:
        if run.attempt == 1:
            end_leases(system)
            work.do = quick
            execution.execute(system, run.id)
            for late in (False, True):
                with pytest.raises(Lost), run.transaction(late=late) as db:
                    db.execute(text("insert into jobs values ('mine', false, '[]', '[]')"))
        seen.append(f"slow {run.attempt}")
        return Outcome("The slow one finished.")

    def quick(run: RunningRun, _params: Params) -> Outcome:
        seen.append(f"quick {run.attempt}")
        return Outcome("The quick one finished.")

    work.do = slow
    run = start(system, job)
    execution.execute(system, run.id)
    done = reload(system, run)
    assert seen == ["quick 2", "slow 1"]
    assert (done.attempt, done.summary) == (2, "The quick one finished.")
    with system.sessions.begin() as db:
        assert db.get(JobRow, "mine") is None


def test_a_long_transaction_that_looks_late_does_not_keep_its_run_from_renewing(
    system: System, job: Job, work: Work
) -> None:
    def long(run: RunningRun, _params: Params) -> Outcome:
        with run.transaction(late=True) as db:
            db.execute(text("insert into jobs values ('mine', false, '[]', '[]')"))
            run.log("It goes on.")
            deadline = time.monotonic() + 20
            while not lines_of(system, run.id) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert lines_of(system, run.id) == ["It goes on."]
        return Outcome("Done.")

    work.do = long
    run = start(system, job)
    execution.execute(system, run.id)
    assert reload(system, run).state == "succeeded"


def lines_of(system: System, run_id: UUID) -> list[str]:
    with system.sessions.begin() as db:
        return [text for (text,) in db.execute(select(RunLine.text).where(RunLine.run_id == run_id))]


def test_a_run_that_kills_its_workers_is_parked_and_others_go_on(
    system: System, job: Job, work: Work
) -> None:
    run = start(system, job)
    for attempt in range(1, job.max_attempts + 1):
        claimed = execution._claim(system, run.id)
        assert claimed is not None
        assert claimed.attempt == attempt
        end_leases(system)
    assert execution.execute(system, run.id) is None
    parked = reload(system, run)
    assert (parked.state, parked.needs_person) == ("parked", True)
    other = start(system, job)
    execution.execute(system, other.id)
    assert reload(system, other).state == "succeeded"
    assert work.ran == 1


def test_a_finished_run_may_be_run_again(system: System, job: Job, work: Work) -> None:
    run = start(system, job, times=7)
    with pytest.raises(Conflict), system.sessions.begin() as db:
        service.run_again(db, system.parts.jobs, run.id, actor="Alice", now=system.clock())
    execution.execute(system, run.id)
    with system.sessions.begin() as db:
        again = service.run_again(db, system.parts.jobs, run.id, actor="Alice", now=system.clock())
    execution.execute(system, again.id)
    assert reload(system, again).summary == "Did it 7 times."
    assert work.ran == 2


def test_who_wants_to_know_gets_one_mail(system: System, job: Job, work: Work) -> None:
    with system.sessions.begin() as db:
        service.notify(
            db, job, success=["alice@acme.test"], failure=["bob@acme.test"], actor="Alice", now=system.clock()
        )
    execution.execute(system, start(system, job).id)

    def refuse(_run: RunningRun, _params: Params) -> Outcome:
        raise Invalid("The bucket is empty.")

    work.do = refuse
    execution.execute(system, start(system, job).id)
    with system.sessions.begin() as db:
        mails = {str(one.headers["to"]): one.payload for one in outbox.listed(db)}
    assert set(mails) == {"alice@acme.test", "bob@acme.test"}
    assert b"Did it 1 times." in mails["alice@acme.test"]
    assert b"The bucket is empty." in mails["bob@acme.test"]


# ---------------------------------------------------------------- the engine


def test_a_worker_takes_what_is_queued_and_the_sweep_brings_back_what_was_lost(
    system: System, job: Job, work: Work
) -> None:
    first = start(system, job)
    second = start(system, job)
    with system.sessions.begin() as db:  # the engine's rows vanish, as after a restore
        db.execute(text("delete from procrastinate_jobs"))
    third = start(system, job)
    worker = Worker(system, threads=2, tick_every=timedelta(seconds=0.2))
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if all(reload(system, run).state == "succeeded" for run in (first, second, third)):
                break
            time.sleep(0.05)
    finally:
        worker.stop()
        thread.join(30)
    assert not thread.is_alive()
    assert [reload(system, run).state for run in (first, second, third)] == ["succeeded"] * 3
    assert work.ran == 3


def test_one_process_sweeps_at_a_time(system: System, clock: MovableClock) -> None:
    with system.sessions.begin() as db:
        db.execute(text("select pg_advisory_xact_lock(hashtextextended('recoup.sweep', 0))"))
        assert sweep(system, clock()) is False
    assert sweep(system, clock()) is True


def test_a_task_of_a_rolled_back_transaction_never_was(system: System, job: Job) -> None:
    class Undone(Exception):
        pass

    def start_and_fail() -> None:
        with system.sessions.begin() as db:
            service.start(db, job, {}, trigger="person", actor="Alice", now=system.clock())
            raise Undone

    with pytest.raises(Undone):
        start_and_fail()
    with system.sessions.begin() as db:
        assert db.execute(text("select count(*) from procrastinate_jobs")).scalar_one() == 0


# ---------------------------------------------------------------- slots


def tick(system: System) -> None:
    jobs.tick(system, system.clock())


@pytest.mark.parametrize(
    ("missed", "states"),
    [
        (Missed.ALL, ["caught_up", "caught_up", "caught_up"]),
        (Missed.LATEST, ["skipped", "skipped", "caught_up"]),
        (Missed.SKIP, ["skipped", "skipped", "skipped"]),
    ],
)
def test_slots_that_nobody_ran_are_caught_up_or_skipped_and_stay_visible(
    system: System, job: Job, clock: MovableClock, missed: Missed, states: list[str]
) -> None:
    with system.sessions.begin() as db:
        service.change_schedule(
            db, job, cron="0 * * * *", zone="UTC", missed=missed, actor="Alice", now=clock()
        )
    clock.advance(hours=3, minutes=30)
    tick(system)
    assert [state for _, state in slots(system)] == states
    with system.sessions.begin() as db:
        assert len(queries.runs(db, job_name=job.name)) == sum(state != "skipped" for state in states)


def test_a_slot_on_time_runs_once_however_many_tick(system: System, clock: MovableClock) -> None:
    clock.advance(hours=1)
    threads = [threading.Thread(target=tick, args=(system,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tick(system)
    assert [state for _, state in slots(system)] == ["run"]


def test_a_clock_that_jumps_back_repeats_no_slot(system: System, clock: MovableClock) -> None:
    clock.advance(hours=2, minutes=1)
    tick(system)
    before = slots(system)
    clock.advance(days=-1)
    tick(system)
    clock.advance(hours=24)
    tick(system)
    assert slots(system) == before


def test_a_paused_job_skips_its_slots_and_says_so(system: System, job: Job, clock: MovableClock) -> None:
    with system.sessions.begin() as db:
        service.pause(db, job, paused=True, actor="Alice", now=clock())
    clock.advance(hours=1)
    tick(system)
    with system.sessions.begin() as db:
        (slot,) = queries.recent_slots(db, job_name=job.name)
        assert (slot.state, slot.reason) == ("skipped", "the job was paused")
        assert queries.runs(db, job_name=job.name) == []


def test_what_a_person_changed_survives_a_restart(system: System, job: Job, clock: MovableClock) -> None:
    with system.sessions.begin() as db:
        service.change_schedule(
            db, job, cron="5 4 * * *", zone=BERLIN, missed=Missed.SKIP, actor="Alice", now=clock()
        )
    with system.sessions.begin() as db:
        service.set_up(db, system.parts.jobs, now=clock())
        (schedule,) = queries.schedules(db, job_name=job.name)
        assert (schedule.cron, schedule.zone, schedule.missed) == ("5 4 * * *", BERLIN, "skip")


@pytest.mark.parametrize(
    ("cron", "zone"), [("61 * * * *", "UTC"), ("* * *", "UTC"), ("0 0 * * *", "Mars/Olympus")]
)
def test_a_schedule_that_cannot_be_read_is_refused(system: System, job: Job, cron: str, zone: str) -> None:
    with pytest.raises(Invalid), system.sessions.begin() as db:
        service.change_schedule(
            db, job, cron=cron, zone=zone, missed=Missed.ALL, actor="Alice", now=system.clock()
        )


def local(cron: str, zone: str, first: str, last: str) -> list[str]:
    place = ZoneInfo(zone)
    after = datetime.fromisoformat(first).replace(tzinfo=place)
    until = datetime.fromisoformat(last).replace(tzinfo=place)
    return [f"{one.astimezone(place):%m-%d %H:%M}" for one in rules.due(cron, zone, after=after, until=until)]


def test_half_past_two_runs_once_on_both_days_when_the_clocks_change() -> None:
    assert local("30 2 * * *", BERLIN, "2026-03-28T12:00", "2026-03-30T12:00") == [
        "03-29 03:00",
        "03-30 02:30",
    ]
    assert local("30 2 * * *", BERLIN, "2026-10-24T12:00", "2026-10-26T12:00") == [
        "10-25 02:30",
        "10-26 02:30",
    ]


def test_an_hourly_job_runs_every_hour_even_then() -> None:
    after = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)
    found = rules.due("0 * * * *", BERLIN, after=after, until=after + timedelta(hours=5))
    assert [one.hour for one in found] == [23, 0, 1, 2, 3]


def test_a_day_that_a_month_does_not_have_is_its_last_one() -> None:
    days = local("0 6 31 * *", "UTC", "2027-01-15T00:00", "2027-06-15T00:00")
    assert days == ["01-31 06:00", "02-28 06:00", "03-31 06:00", "04-30 06:00", "05-31 06:00"]
    assert local("0 6 30 * *", "UTC", "2028-02-01T00:00", "2028-03-31T00:00") == [
        "02-29 06:00",
        "03-30 06:00",
    ]
    assert local("0 6 29 2 *", "UTC", "2027-01-01T00:00", "2028-12-31T00:00") == [
        "02-28 06:00",
        "02-29 06:00",
    ]


def test_the_first_of_the_month_in_bangkok() -> None:
    found = rules.due(
        "0 2 10 * *",
        "Asia/Bangkok",
        after=datetime(2026, 5, 1, tzinfo=UTC),
        until=datetime(2026, 5, 31, tzinfo=UTC),
    )
    assert found == [datetime(2026, 5, 9, 19, 0, tzinfo=UTC)]


def test_slots_agree_with_two_other_libraries() -> None:
    vectors = json.loads((shared_data("conformance/cron") / "cron_vectors_derived.json").read_text())["agree"]
    checked = 0
    for vector in vectors:
        day = vector["expression"].split()[2]
        if day.isdecimal() and int(day) > 28:
            continue  # where we say: its last day
        after = datetime.fromisoformat(vector["after"]).replace(tzinfo=UTC)
        expected = [datetime.fromisoformat(one).replace(tzinfo=UTC) for one in vector["next5_utc"]]
        assert list(islice(rules.slots(vector["expression"], "UTC", after=after), 5)) == expected, vector
        checked += 1
    assert checked > 100


def test_a_run_state_is_one_of_few(system: System, job: Job) -> None:
    run = start(system, job)
    with pytest.raises(Exception, match="ck_runs_state"), system.sessions.begin() as db:
        db.execute(update(Run).where(Run.id == run.id).values(state="somewhere"))
    assert reload(system, run).state == RunState.QUEUED

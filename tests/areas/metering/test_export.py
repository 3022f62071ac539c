"""The export, end to end: hour files in, entries exact, submissions at the marketplace, and nothing twice."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from recoup.areas.metering.jobs.export import ExportParams
from recoup.areas.metering.jobs.rehearsal import rehearse
from recoup.areas.metering.models import Adjustment, Entry, Part, Quarantined, Remainder, Stream, Window
from recoup.areas.metering.queries import source_rows, stream_rows, window_rows
from recoup.areas.metering.rules.submissions import Line, payload
from recoup.core import quantity
from recoup.core.clock import hour_of
from recoup.core.money import Money
from recoup.core.ports import Parcel
from recoup.office.jobs import queries as jobs
from recoup.office.journal.models import Event
from recoup.office.outbox.models import Delivery
from recoup.office.owed import queries as owed
from recoup.sandbox import clazar as play
from recoup.sandbox import faults
from recoup.sandbox.clazar import ClazarStandIn
from recoup.sandbox.usage import SERVICES, HourFile, UsageWorld, hours_before, put
from support.house import MovableClock
from support.market import Market, market
from support.postgres import Database

SERVICE = SERVICES[0]
NOW = datetime(2025, 7, 24, 16, 30, tzinfo=UTC)
ENVIRON = {
    "SERVICE_NAME": SERVICE.name,
    "ENVIRONMENT_TYPE": SERVICE.environment,
    "PLAN_ID": SERVICE.plan_id,
    "CLAZAR_CLOUD": "aws",
    "RECOUP_METERING_START": "2025-07-24T04:00:00Z",
}
HOURS = hours_before(hour_of(NOW), 12)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOW)


@pytest.fixture
def clazar(clock: MovableClock) -> Iterator[ClazarStandIn]:
    with ClazarStandIn(clock=clock) as running:
        yield running


@pytest.fixture
def here(database: Database, tmp_path: Path, clazar: ClazarStandIn, clock: MovableClock) -> Iterator[Market]:
    with market(database, tmp_path, clazar, clock=clock, environ=ENVIRON) as opened:
        yield opened


def lay_out(here: Market, seed: int = 7) -> list[HourFile]:
    """Write twelve hours of one service, mending what is broken."""
    world = UsageWorld(seed, [SERVICE])
    return write(here, world)


def write(here: Market, world: UsageWorld) -> list[HourFile]:
    files = [*world.write(here.files, HOURS), *world.write(here.files, HOURS, late=True)]
    whole = [file.mended() if file.broken else file for file in files]
    for file in whole:
        put(here.files, file.key, file.body, media_type=file.media_type)
    assert whole
    return whole


def submitted(clazar: ClazarStandIn) -> dict[tuple[str, str], Decimal]:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in clazar.ledger:
        sums[row.contract_id, row.dimension] += Decimal(row.quantity)
    return dict(sums)


def carried(here: Market) -> dict[tuple[str, str], Decimal]:
    with here.system.sessions.begin() as db:
        return {(row.contract, row.dimension): row.carried for row in db.scalars(select(Remainder))}


def log_of(here: Market) -> list[str]:
    with here.system.sessions.begin() as db:
        run = jobs.runs(db, job_name="metering.export")[0]
        return [line.text for line in jobs.lines(db, run.id)]


def test_everything_that_was_used_is_submitted_or_carried_to_the_last_digit(
    here: Market, clazar: ClazarStandIn
) -> None:
    files = lay_out(here)
    truth = UsageWorld.truth(files)
    run = here.export()
    assert run.state == "succeeded", run.summary
    assert run.counts["hours"] == 12
    assert run.counts["records"] == sum(truth.records.values())
    assert run.counts["folded"] == sum(truth.folded.values())
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for (_, _, contract, dimension), measured in truth.billed.items():
        expected[contract, dimension] += measured
    sent, rest = submitted(clazar), carried(here)
    assert set(expected) <= {*sent, *rest}
    for name, measured in expected.items():
        assert sent.get(name, Decimal(0)) + rest.get(name, Decimal(0)) == measured
        assert 0 <= rest.get(name, Decimal(0)) < 1
    with here.system.sessions.begin() as db:
        unbilled = {(one.subscription, one.dimension): one.quantity for one in source_rows.unbilled(db)}
        assert sum(unbilled.values()) == sum(truth.unbilled.values())
        assert db.scalar(select(func.count()).select_from(Quarantined)) == sum(truth.quarantined.values())
        assert db.scalar(select(func.sum(Part.folded_quantity))) == sum(truth.folded_away.values())


def test_a_second_run_sends_nothing(here: Market, clazar: ClazarStandIn) -> None:
    lay_out(here)
    here.export()
    before = len(clazar.asked("/metering/"))
    again = here.export()
    assert again.counts.get("hours", 0) == 0
    assert len(clazar.asked("/metering/")) == before


def test_the_log_speaks_the_briefs_words(here: Market) -> None:
    lay_out(here)
    here.export(max_hours=1)
    said = "\n".join(log_of(here))
    assert f"Starting processing for {SERVICE.name}/{SERVICE.environment}/{SERVICE.plan_id}" in said
    assert "No previous processing found, starting from 2025-07-24 04:00:00" in said
    assert "Processing hour 1/1: 2025-07-24 04:00:00" in said
    assert f"subscription files in {SERVICE.folder}/2025/07/24/04/" in said
    for words in ("Aggregated ", "Sending ", "Successfully sent data to Clazar"):
        assert words in said


def test_at_most_so_many_hours_oldest_first(here: Market) -> None:
    lay_out(here)
    for done in (5, 10, 12, 12):
        here.export(max_hours=5)
        with here.system.sessions.begin() as db:
            taken = db.scalars(select(Window.hour).where(Window.state == "taken").order_by(Window.hour)).all()
        assert list(taken) == HOURS[:done]


def test_a_rehearsal_shows_the_bytes_and_leaves_no_trace(here: Market, clazar: ClazarStandIn) -> None:
    lay_out(here)
    rehearsal = rehearse(here.system, ExportParams())
    assert clazar.requests == []
    with here.system.sessions.begin() as db:
        for table in (Stream, Window, Entry, Part, Remainder, Delivery, Event):
            assert db.scalar(select(func.count()).select_from(table)) == 0, table
    here.export()
    with here.system.sessions.begin() as db:
        sent = {
            one.key: one.payload for one in db.scalars(select(Delivery).where(Delivery.channel == "clazar"))
        }
    assert {one.key: one.payload for one in rehearsal.submissions} == sent


def test_a_broken_file_holds_its_hour_and_no_other(here: Market, clazar: ClazarStandIn) -> None:
    files = lay_out(here)
    victim = next(file for file in files if "/2025/07/24/07/" in file.key and file.key.endswith(".json"))
    (here.files / victim.key).write_bytes(victim.body[: len(victim.body) // 2])
    run = here.export()
    assert run.needs_person
    with here.system.sessions.begin() as db:
        (held,) = db.scalars(select(Window).where(Window.state != "taken")).all()
        assert held.hour.hour == 7
        assert victim.key in held.reason
        assert "line" in held.reason
        assert owed.by_key(db, f"metering:{SERVICE.stream}:2025-07-24T07") is not None
    assert not any(row.start_time.hour == 7 for row in clazar.ledger)
    (here.files / victim.key).write_bytes(victim.body)
    assert not here.export().needs_person
    assert any(row.start_time.hour == 7 for row in clazar.ledger)
    with here.system.sessions.begin() as db:
        item = owed.by_key(db, f"metering:{SERVICE.stream}:2025-07-24T07")
        assert item is not None
        assert item.state == "settled"


def test_a_late_file_becomes_an_adjustment_and_is_never_sent(here: Market, clazar: ClazarStandIn) -> None:
    files = lay_out(here)
    latecomer = next(
        file for file in files if "/2025/07/24/09/" in file.key and file.facts and file.facts.payer
    )
    (here.files / latecomer.key).unlink()
    here.export()
    asked = len(clazar.asked("/metering/"))
    put(here.files, latecomer.key, latecomer.body, media_type=latecomer.media_type)
    run = here.export()
    assert run.needs_person
    assert len(clazar.asked("/metering/")) == asked
    facts = latecomer.facts
    assert facts is not None
    with here.system.sessions.begin() as db:
        found = {
            (one.contract, one.dimension): one.difference
            for one in db.scalars(select(Adjustment).where(Adjustment.state == "open"))
        }
        assert {name: quantity for name, quantity in found.items() if quantity} == {
            (facts.payer, dimension): Decimal(peak) / 10**6 for dimension, peak in facts.peaks.items() if peak
        }
    here.export()
    with here.system.sessions.begin() as db:
        assert db.scalar(select(func.count()).select_from(Adjustment)) == len(found)


def test_without_the_marker_hours_wait_or_settle(
    database: Database, tmp_path: Path, clazar: ClazarStandIn, clock: MovableClock
) -> None:
    with market(database, tmp_path, clazar, clock=clock, environ=ENVIRON) as here:
        lay_out(here)
        marker = here.files / "omnistrate-metering/last_success_export.json"
        marker.write_text(json.dumps({SERVICE.stream: {"last_processed_to": "2025-07-24T09:30:00Z"}}))
        here.export()
        with here.system.sessions.begin() as db:
            assert [one.hour.hour for one in window_rows.taken_since(db, _stream(db).id, HOURS[0])] == [
                4,
                5,
                6,
                7,
                8,
            ]
            (waiting, *_) = window_rows.open_windows(db, _stream(db).id, until=hour_of(NOW))
            assert "marker has reached 2025-07-24 09:30:00" in waiting.reason
        marker.unlink()
        here.export()
        with here.system.sessions.begin() as db:  # 90 minutes after their end
            assert [one.hour.hour for one in window_rows.taken_since(db, _stream(db).id, HOURS[0])][-1] == 14


def test_an_empty_hour_is_done_and_a_failed_list_is_not(here: Market) -> None:
    UsageWorld(7, [SERVICE]).write_marker(here.files, NOW)
    here.export()
    with here.system.sessions.begin() as db:
        windows = db.scalars(select(Window)).all()
    assert {window.state for window in windows} == {"taken"}
    assert sum(window.records for window in windows) == 0


def test_a_missing_folder_is_a_failure_not_twelve_empty_hours(here: Market) -> None:
    here.files.rmdir()
    run = here.export()
    assert run.needs_person
    with here.system.sessions.begin() as db:
        assert db.scalar(select(func.count()).select_from(Window).where(Window.state == "taken")) == 0


@pytest.mark.parametrize(
    "fault",
    [
        faults.server_error(handled=True),
        faults.dropped(handled=True),
        faults.cut_body(),
        faults.html_page(),
        play.fewer_results(1),
        faults.too_many_requests(),
        faults.server_error(),
    ],
    ids=["500 after", "cut after", "cut json", "html", "fewer results", "429", "500"],
)
def test_whatever_clazar_answers_each_line_is_billed_once(
    here: Market, clazar: ClazarStandIn, clock: MovableClock, fault: object
) -> None:
    files = lay_out(here)
    clazar.script(fault, times=3, path="/metering")
    here.export()
    for _ in range(8):
        clock.advance(minutes=65)
        here.export()
    keys = [row.key for row in clazar.ledger]
    assert len(keys) == len(set(keys))
    with here.system.sessions.begin() as db:
        states = {state for (state,) in db.execute(select(Entry.state).distinct())}
        ours = {
            (one.contract, one.dimension, one.hour): one.quantity
            for one in db.scalars(select(Entry).where(Entry.state == "accepted"))
        }
    assert states <= {"accepted", "carried"}
    theirs = {row.key: Decimal(row.quantity) for row in clazar.ledger}
    assert ours == theirs
    assert sum(UsageWorld.truth(files).billed.values()) == sum(theirs.values()) + sum(carried(here).values())


def test_an_unknown_dimension_fails_without_a_word_and_is_not_success(
    database: Database, tmp_path: Path, clock: MovableClock
) -> None:
    known = ("cpu_core_hours", "replica_hours")
    with (
        ClazarStandIn(clock=clock, dimensions=known) as clazar,
        market(database, tmp_path, clazar, clock=clock, environ=ENVIRON) as here,
    ):
        lay_out(here)
        run = here.export()
        assert run.needs_person
        with here.system.sessions.begin() as db:
            rejected = set(db.scalars(select(Entry.dimension).where(Entry.state == "rejected").distinct()))
            accepted = set(db.scalars(select(Entry.dimension).where(Entry.state == "accepted").distinct()))
        assert not rejected & set(known)
        assert rejected
        assert accepted <= set(known)


def test_what_somebody_else_submitted_is_told_apart(here: Market, clazar: ClazarStandIn) -> None:
    files = lay_out(here)
    facts = next(file.facts for file in files if file.facts and file.facts.payer)
    _submit_by_hand(clazar, here, facts.payer or "", "cpu_core_hours", facts.hour)
    run = here.export()
    assert run.needs_person
    with here.system.sessions.begin() as db:
        (entry,) = db.scalars(select(Entry).where(Entry.state == "duplicate")).all()
        assert (entry.contract, entry.hour) == (facts.payer, facts.hour)
        assert "did not send" in entry.reason


def test_what_is_too_old_expires_with_its_amount_and_is_never_sent(
    here: Market, clazar: ClazarStandIn, clock: MovableClock
) -> None:
    lay_out(here)
    clazar.stop()
    here.export(max_hours=2)
    clock.advance(hours=30)
    clazar.start()
    run = here.export(max_hours=1)
    assert run.needs_person
    assert len(clazar.ledger) == 0
    with here.system.sessions.begin() as db:
        expired = db.scalars(select(Entry).where(Entry.state == "expired")).all()
        known: dict[tuple[datetime, str], list[Decimal]] = defaultdict(list)
        for entry in expired:
            known[entry.hour, entry.contract] += [] if entry.amount is None else [entry.amount]
        assert any(known.values())
        for (hour, contract), amounts in known.items():
            item = owed.by_key(db, f"metering:{SERVICE.stream}:{hour:%Y-%m-%dT%H}:{contract}")
            assert item is not None
            assert item.state == "lapsed"
            worth = Money.rounded(quantity.total(amounts), "USD").minor if amounts else None
            assert item.amount_minor == worth


def test_two_streams_side_by_side(
    database: Database, tmp_path: Path, clazar: ClazarStandIn, clock: MovableClock
) -> None:
    toml = "\n".join(
        f'[[metering.streams]]\nservice = "{one.name}"\nenvironment = "{one.environment}"\nplan = "{one.plan_id}"\n'
        f'cloud = "{one.cloud}"\n'
        for one in SERVICES
    )
    environ = {"RECOUP_METERING_START": ENVIRON["RECOUP_METERING_START"]}
    with market(database, tmp_path, clazar, clock=clock, environ=environ, toml=toml) as here:
        world = UsageWorld(11, SERVICES)
        files = write(here, world)
        run = here.export()
        assert run.counts["hours"] == 36, run.summary
        total = sum(UsageWorld.truth(files).billed.values())
        assert sum(submitted(clazar).values()) + sum(carried(here).values()) == total
        whole = {row.cloud: row.quantity for row in clazar.ledger if "." in row.quantity}
        assert set(whole) <= {"azure", "gcp"}


def _stream(db: object) -> Stream:
    found = stream_rows.stream(db, SERVICE.stream)  # type: ignore[arg-type]
    assert found is not None
    return found


def _submit_by_hand(
    clazar: ClazarStandIn, here: Market, contract: str, dimension: str, hour: datetime
) -> None:
    channel = here.system.ports.channels["clazar"]
    body = payload([Line("aws", contract, dimension, hour, Decimal(5))])
    with channel.prepare(Parcel("by hand", body, {}, 0)) as handover:
        handover.send()
    assert len(clazar.ledger) == 1
    assert timedelta(0) < NOW - hour

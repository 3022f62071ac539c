"""Metering's commands, typed: the export in the script's place, and everything that a person looks at or settles."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from recoup.areas.metering.models import Entry, Stream, Window
from recoup.areas.metering.service import streams
from recoup.core.clock import hour_of
from recoup.office.jobs import queries as jobs
from recoup.office.jobs import running
from recoup.office.jobs.models import Run
from recoup.office.outbox.models import Delivery
from recoup.sandbox import faults
from recoup.sandbox.clazar import ClazarStandIn
from recoup.sandbox.usage import SERVICES, UsageWorld, hours_before, put
from support.doors import Said, api, typed
from support.house import MovableClock
from support.market import Market, market
from support.postgres import Database

SERVICE = SERVICES[0]
NOW = datetime(2025, 7, 24, 16, 30, tzinfo=UTC)
HOURS = hours_before(hour_of(NOW), 6)
ENVIRON = {
    "SERVICE_NAME": SERVICE.name,
    "ENVIRONMENT_TYPE": SERVICE.environment,
    "PLAN_ID": SERVICE.plan_id,
    "RECOUP_METERING_START": "2025-07-24T10:00:00Z",
}
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - (INFO|WARNING|ERROR) - .+")


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
        world = UsageWorld(7, [SERVICE])
        for file in [*world.write(opened.files, HOURS), *world.write(opened.files, HOURS, late=True)]:
            whole = file.mended() if file.broken else file
            put(opened.files, whole.key, whole.body, media_type=whole.media_type)
        yield opened


def export(here: Market, *words: str) -> Said:
    return typed(here.system, "metering", "export", *words)


def look(here: Market, *words: str) -> Said:
    said = typed(here.system, "metering", *words)
    assert said.code == 0, said
    assert said.err == ""
    return said


def break_a_file(here: Market) -> Path:
    victim = next(path for path in sorted(here.files.glob("**/07/24/12/*.json")))
    victim.write_bytes(victim.read_bytes()[:-10])
    return victim


def test_the_export_speaks_as_the_script_did(here: Market) -> None:
    said = export(here)
    assert (said.code, said.out) == (0, ""), said
    lines = said.err.splitlines()
    assert all(LINE.fullmatch(line) for line in lines), said.err
    words = [line.split(" - ", 2)[2] for line in lines]
    folder = f"{SERVICE.folder}/2025/07/24/10/"
    assert words[0] == f"Starting processing for {SERVICE.name}/{SERVICE.environment}/{SERVICE.plan_id}"
    assert words[1] == "No previous processing found, starting from 2025-07-24 10:00:00"
    assert "Processing hour 1/6: 2025-07-24 10:00:00" in words
    assert any(re.fullmatch(rf"Found \d+ subscription files in {folder}", each) for each in words)
    assert any(re.fullmatch(r"Aggregated \d+ records into \d+ entries", each) for each in words)
    assert any(re.fullmatch(r"Sending \d+ metering records to Clazar", each) for each in words)
    assert "Successfully sent data to Clazar" in words


def test_the_export_keeps_the_script_s_state_file(
    database: Database, tmp_path: Path, clazar: ClazarStandIn, clock: MovableClock
) -> None:
    state = tmp_path / "metering_state.json"
    with market(
        database, tmp_path, clazar, clock=clock, environ={**ENVIRON, "STATE_FILE_PATH": str(state)}
    ) as here:
        UsageWorld(7, [SERVICE]).write_marker(here.files, NOW)
        said = export(here, "--max-hours", "2")
    assert said.code == 0
    assert f"Saved state to {state}" in said.err
    kept = json.loads(state.read_text(encoding="utf-8"))
    assert kept[SERVICE.stream]["last_processed_hour"] == "2025-07-24T11:00:00Z"


def test_what_needs_a_person_is_no_success(here: Market) -> None:
    break_a_file(here)
    said = export(here, "--json")
    assert said.code == 1
    assert said.document["run"]["needs_person"]
    assert said.document["streams"][0]["windows"] == {"held": 1, "taken": 5}
    assert "WARNING - Held 2025-07-24 12:00:00" in said.err


def test_an_export_beside_another_does_nothing(here: Market, clazar: ClazarStandIn) -> None:
    export(here, "--max-hours", "1")
    asked = len(clazar.requests)
    with here.system.sessions.begin() as db:
        streams.lease(db, SERVICE.stream, holder="another")
    said = export(here)
    assert said.code == 75
    assert said.err == (
        f"Another export of {SERVICE.stream} is running. This one has done nothing; the other goes on.\n"
    )
    assert len(clazar.requests) == asked
    with here.system.sessions.begin() as db:
        assert len(jobs.runs(db)) == 1


def test_a_stream_that_nobody_knows_is_named(here: Market) -> None:
    said = export(here, "--stream", "Redis:PROD:x")
    assert said.code == 66
    assert said.err == f"There is no stream Redis:PROD:x. There are: {SERVICE.stream}.\n"
    assert export(here, "--max-hours", "0").code == 64


@pytest.mark.parametrize("by", ["flag", "setting"])
def test_a_dry_run_shows_the_exact_bytes_and_leaves_no_trace(
    database: Database, tmp_path: Path, clazar: ClazarStandIn, clock: MovableClock, by: str
) -> None:
    told = {**ENVIRON, "DRY_RUN": "true"} if by == "setting" else ENVIRON
    flag = ("--dry-run",) if by == "flag" else ()
    with market(database, tmp_path, clazar, clock=clock, environ=told) as here:
        UsageWorld(7, [SERVICE]).write(here.files, HOURS)
        said = export(here, *flag, "--json")
        plain = export(here, *flag)
        with here.system.sessions.begin() as db:
            for table in (Stream, Window, Entry, Delivery, Run):
                assert db.scalar(select(func.count()).select_from(table)) == 0, table
        assert clazar.requests == []
        here.export()
        with here.system.sessions.begin() as db:
            sent = [one.payload.decode() for one in db.scalars(select(Delivery).order_by(Delivery.key))]
    shown = [one["payload"] for one in said.document["submissions"]]
    assert len(shown) > 5
    assert shown == sent
    assert plain.out.splitlines()[: len(sent)] == sent
    assert "Nothing was sent, and nothing was changed." in plain.err


def test_mails_leave_without_a_worker(here: Market) -> None:
    typed(here.system, "jobs", "notify", "metering.export", "--success", "ada@example.com")
    export(here)
    ledger = here.system.ports.channels["mail"].ledger  # type: ignore[attr-defined]
    assert len(ledger) == 1
    assert "ada@example.com" in ledger[0]


def test_what_an_earlier_export_could_not_hand_over_leaves_first(here: Market, clazar: ClazarStandIn) -> None:
    clazar.script(faults.server_error(handled=False), times=None, path="/metering/")
    assert export(here, "--max-hours", "6").code == 0
    assert clazar.ledger == []
    clazar.clear_script()
    here.clock.advance(minutes=5)
    said = export(here)
    assert "Processing hour" not in said.err
    assert said.code == 0
    assert clazar.ledger
    states = look(here, "status", "--json").document["items"][0]["entries"]
    assert set(states) <= {"accepted", "carried"}


def test_what_is_refused_of_an_earlier_export_is_no_success(here: Market, clazar: ClazarStandIn) -> None:
    clazar.script(faults.server_error(handled=False), times=None, path="/metering/")
    export(here)
    clazar.clear_script()
    clazar.dimensions = {"cpu_core_hours"}
    here.clock.advance(minutes=5)
    said = export(here, "--json")
    assert said.document["streams"][0]["for_a_person"] > 0
    assert said.code == 1


def test_a_cancelled_export_says_so_and_the_next_goes_on(here: Market, clazar: ClazarStandIn) -> None:
    codes = []

    def cancel(_asked: object) -> bool:
        [run] = typed(here.system, "runs", "list", "--state", "running", "--json").document["items"]
        codes.append(typed(here.system, "runs", "cancel", run["id"]).code)
        time.sleep(2 * running.FLUSH_EVERY)
        return False

    clazar.script(
        faults.server_error(handled=False), path="/metering/", when=lambda asked: not codes and cancel(asked)
    )
    assert export(here).code == 130
    assert codes == [0]
    clazar.clear_script()
    assert export(here).code == 0
    assert look(here, "status", "--json").document["items"][0]["windows"] == {"taken": 6}


def test_status_windows_and_entries(here: Market) -> None:
    assert (
        typed(here.system, "metering", "status").err
        == f"{SERVICE.stream} is configured, and was never exported.\n"
    )
    export(here)
    status = look(here, "status", "--json").document["items"]
    assert [one["stream"] for one in status] == [SERVICE.stream]
    assert status[0]["windows"] == {"taken": 6}
    assert status[0]["taken_until"] == "2025-07-24T15:00:00Z"
    assert SERVICE.stream in look(here, "status").out
    windows = look(here, "windows", "--limit", "4", "--json").document
    assert [one["hour"][11:13] for one in windows["items"]] == ["15", "14", "13", "12"]
    rest = look(here, "windows", "--before", windows["next"], "--json").document
    assert [one["hour"][11:13] for one in rest["items"]] == ["11", "10"]
    assert rest["next"] is None
    one = look(here, "window", SERVICE.stream, "2025-07-24T12", "--json").document
    assert one["state"] == "taken"
    assert len(one["read"]) == one["files"] > 0
    assert one["read"][0]["key"] in look(here, "window", SERVICE.stream, "2025-07-24T12").out
    assert typed(here.system, "metering", "window", SERVICE.stream, "2025-07-01T00").code == 66
    assert typed(here.system, "metering", "window", SERVICE.stream, "noon").code == 65
    entries = look(here, "entries", "--hour", "2025-07-24T12", "--state", "accepted", "--json").document[
        "items"
    ]
    assert {one["hour"] for one in entries} == {"2025-07-24T12:00:00Z"}
    assert all(
        Decimal(one["measured"]) + Decimal(one["carried_in"])
        == Decimal(one["quantity"]) + Decimal(one["carried_out"])
        for one in entries
    )
    contract = entries[0]["contract"]
    mine = look(here, "entries", "--contract", contract, "--json").document["items"]
    assert {one["contract"] for one in mine} == {contract}


def test_a_figure_leads_back_to_the_bytes_of_its_records(here: Market) -> None:
    export(here)
    entries = look(here, "entries", "--limit", "500", "--json").document["items"]
    for entry in entries[:: max(1, len(entries) // 6)]:
        why = look(here, "why", entry["id"], "--json").document
        assert why["remark"] == ""
        assert Decimal(why["counted_sum"]) == Decimal(entry["measured"])
        assert sum(Decimal(one["quantity"]) for one in why["sources"]) == Decimal(entry["measured"])
        counted = [one for one in why["records"] if one["counted"]]
        assert len(counted) == sum(one["records"] for one in why["sources"])
        assert len(why["records"]) - len(counted) == sum(one["folded_records"] for one in why["sources"])
        for record in why["records"]:
            stored = (here.files / record["key"]).read_bytes()
            if not record["key"].endswith(".gz"):
                text = stored[record["start"] : record["end"]].decode()
                assert json.loads(text) == json.loads(record["text"])
                assert json.loads(text)["externalPayerId"] == entry["contract"]
        assert why["submission"] is None or why["submission"]["state"] == "accepted"
    said = look(here, "why", entries[0]["id"]).out
    assert "those that count add up to" in said
    assert look(here, "why", entries[0]["id"], "--no-records", "--json").document["records"] == []


def test_a_file_that_changed_since_is_said_so(here: Market) -> None:
    export(here)
    [entry, *_] = look(here, "entries", "--json").document["items"]
    why = look(here, "why", entry["id"], "--json").document
    file = here.files / why["sources"][0]["key"]
    file.write_bytes(file.read_bytes() + b"\n")
    why = look(here, "why", entry["id"], "--json").document
    assert "cannot be shown" in why["remark"]
    assert (why["records"], why["records_total"]) == ([], None)
    assert why["sources"]


def test_quarantine_and_unbilled_are_shown_with_their_place(here: Market) -> None:
    export(here)
    stream = look(here, "status", "--json").document["items"][0]
    bad = look(here, "quarantine", "--limit", "500", "--json").document["items"]
    assert len(bad) == stream["quarantined_records"] > 0
    assert all(one["reason"] and one["file"] and one["end_byte"] > one["start_byte"] for one in bad)
    unbilled = look(here, "unbilled", "--json").document["items"]
    assert sum(one["records"] for one in unbilled) == stream["unbilled_records"] > 0
    assert bad[0]["file"] in look(here, "quarantine").out
    assert unbilled[0]["subscription"] in look(here, "unbilled").out


def test_an_adjustment_is_settled_by_a_person(here: Market) -> None:
    files = sorted(here.files.glob("**/07/24/1[0-5]/*.json"))
    moved = files[0].read_bytes()
    files[0].unlink()
    export(here)
    files[0].write_bytes(moved)
    assert export(here).code == 1
    found = look(here, "adjustments", "--state", "open", "--json").document["items"]
    assert found
    both = typed(here.system, "metering", "adjustments", "end", found[0]["id"], "--carry", "--dismiss")
    assert (both.code, both.err) == (
        65,
        "An adjustment is settled in one of two ways. Say --carry or --dismiss.\n",
    )
    assert typed(here.system, "metering", "adjustments", "end", found[0]["id"]).code == 65
    for one in found:
        done = look(here, "adjustments", "end", one["id"], "--carry", "--note", "checked", "--json").document
        assert (done["state"], done["note"]) == ("carried", "checked")
        assert done["ended_by"].startswith("command")
    assert typed(here.system, "metering", "adjustments", "end", found[0]["id"], "--carry").code == 75
    assert look(here, "adjustments", "--state", "open", "--json").document["items"] == []
    assert export(here).code == 0


def test_an_entry_is_settled_by_a_person(here: Market) -> None:
    export(here, "--max-hours", "1")
    [entry, *_] = look(here, "entries", "--state", "accepted", "--json").document["items"]
    refused = typed(here.system, "metering", "retry", entry["id"])
    assert refused.code == 75
    assert "nothing to settle" in refused.err
    with here.system.sessions.begin() as db:
        row = db.get(Entry, entry["id"])
        assert row is not None
        row.state, row.reason = "rejected", "The dimension does not exist."
    assert typed(here.system, "metering", "retry", entry["id"], "--accept", "--dismiss").code == 65
    done = look(here, "retry", entry["id"], "--accept", "--note", "seen there", "--json").document
    assert (done["state"], done["reason"]) == ("accepted", "seen there")
    events = typed(here.system, "journal", "list", "--kind", "metering.entry_", "--json").document["items"]
    assert [(one["kind"], one["detail"]["note"]) for one in events] == [
        ("metering.entry_accept", "seen there")
    ]


def test_the_old_script_s_state_is_taken_over_once(here: Market, tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    line = {
        "contract_id": "contract-1",
        "dimension": "cpu_core_hours",
        "start_time": "2025-06-01T00:00:00Z",
        "quantity": "360",
    }
    monthly = {
        "last_processed_month": "2025-06",
        "error_contracts": {
            "2025-06": [{"contract_id": "contract-1", "errors": ["No."], "payload": {"request": [line]}}]
        },
    }
    file.write_text(json.dumps(monthly), encoding="utf-8")
    unnamed = typed(here.system, "metering", "import-state", str(file))
    assert unnamed.code == 65
    assert "Name it with --stream." in unnamed.err
    said = look(here, "import-state", str(file), "--stream", SERVICE.stream)
    assert f"{SERVICE.stream} goes on after 2025-06-30 23:00 UTC." in said.out
    assert "360" in said.out
    [held] = look(here, "entries", "--state", "held", "--json").document["items"]
    assert (held["quantity"], held["contract"]) == ("360", "contract-1")
    again = typed(here.system, "metering", "import-state", str(file), "--stream", SERVICE.stream)
    assert again.code == 75
    missing = typed(here.system, "metering", "import-state", str(tmp_path / "none.json"))
    assert missing.code == 66


def test_the_api_shows_what_the_commands_show(here: Market) -> None:
    files = sorted(here.files.glob("**/07/24/1[0-5]/*.json"))
    moved = files[0].read_bytes()
    files[0].unlink()
    export(here)
    files[0].write_bytes(moved)
    export(here)
    with api(here.system) as client:
        for path, words in {
            "/metering/streams": ("status",),
            "/metering/windows": ("windows", "--limit", "100"),
            "/metering/entries": ("entries", "--limit", "100"),
            "/metering/quarantine": ("quarantine", "--limit", "100"),
            "/metering/unbilled": ("unbilled",),
            "/metering/adjustments": ("adjustments", "--limit", "100"),
        }.items():
            assert client.get(path).json() == look(here, *words, "--json").document, path
        entry = client.get("/metering/entries", params={"hour": "2025-07-24T12:00:00Z"}).json()["items"][0]
        assert client.get(f"/metering/entries/{entry['id']}").json().items() >= entry.items()
        why = client.get(
            f"/metering/entries/{entry['id']}/why", params={"records": "true", "most": "1"}
        ).json()
        assert (len(why["records"]), why["counted_sum"]) == (1, entry["measured"])
        assert client.post(f"/metering/entries/{entry['id']}/retry", json={"how": "send"}).status_code == 409
        assert client.post(f"/metering/entries/{entry['id']}/retry", json={"how": "x"}).status_code == 422
        [adjustment, *_] = client.get("/metering/adjustments", params={"state": "open"}).json()["items"]
        done = client.post(
            f"/metering/adjustments/{adjustment['id']}/end", json={"carry": False, "note": "no"}
        )
        assert (done.json()["state"], done.json()["ended_by"]) == ("dismissed", "key:api")
        queued = client.post("/metering/exports", json={"max_hours": 1})
        assert queued.status_code == 202
        run = client.get(queued.headers["location"]).json()
        assert (run["job"], run["params"]) == ("metering.export", {"stream": None, "max_hours": 1})

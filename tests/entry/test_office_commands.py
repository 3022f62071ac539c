"""The office's commands, typed: every one answers people and programs, and ends with a code that says how it went."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from recoup import app
from recoup.core.money import Money
from recoup.core.parts import DeliveryKind, Go, Job, Outcome, RunningRun
from recoup.core.system import System
from recoup.entry.cli import PARTS, PROGRAMS, root
from recoup.office.controls.rules import Control
from recoup.office.jobs import execution
from recoup.office.jobs import service as jobs
from recoup.office.journal import jobs as journal_jobs
from recoup.office.outbox import handover
from recoup.office.outbox import service as outbox
from recoup.office.owed import service as owed
from recoup.web.area import behind
from support.doors import Said, api, captured, typed
from support.house import MovableClock, ScriptedChannel, opened
from support.postgres import Database

PAYLOAD = b'{"hello": "\xc3\xa9\x1b[31m"}\n'
ANY_ID = "01980000-0000-7000-8000-000000000000"


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")

    times: int = 1
    pause: float = 0
    names: list[str] = []


def work(run: RunningRun, params: Params) -> Outcome:
    for number in range(params.times):
        run.log(f"Step {number}\x07")
        time.sleep(params.pause)
        run.progress(number + 1, params.times, "steps")
    if params.times == 13:
        raise RuntimeError("unlucky")
    run.artifact("report.txt", b"done", media_type="text/plain")
    return Outcome(f"Did {params.times} for {params.names}.", needs_person=params.times == 7)


JOB = Job(name="test.work", title="Work", help="Works.", params=Params, run=work)
KIND = DeliveryKind("test", before=lambda _db, _planned, _now: Go(), after=lambda *_args: None)
CONTROLS = (
    Control("test.pace", int, 90, "How fast.", minimum=0, maximum=100),
    Control("test.price", Decimal, Decimal("1.50"), "How much."),
    Control("test.names", list[str], ["ada"], "Who."),
)


@pytest.fixture
def channel() -> ScriptedChannel:
    return ScriptedChannel("mail", dedupes=False)


@pytest.fixture
def system(database: Database, tmp_path: Path, channel: ScriptedChannel) -> Iterator[System]:
    with opened(database, tmp_path, clock=MovableClock(), channels={"mail": channel}) as running:
        parts = replace(
            running.parts,
            jobs={**running.parts.jobs, JOB.name: JOB},
            deliveries={**running.parts.deliveries, KIND.name: KIND},
            controls={one.name: one for one in CONTROLS},
        )
        with running.sessions.begin() as db:
            jobs.set_up(db, parts.jobs, tell=(), now=running.clock())
        yield replace(running, parts=parts)


def good(said: Said) -> Said:
    assert (said.code, said.err) == (0, ""), said
    return said


def plan(system: System, key: str) -> str:
    wanted = outbox.Plan(key, "test", "mail", f"About {key}", PAYLOAD, {"to": "ada@example.com"})
    with system.sessions.begin() as db:
        return str(outbox.plan(db, wanted, now=system.clock()))


# ---------------------------------------------------------------- the command line itself


def test_the_help_lists_every_group_that_a_part_plugs_in() -> None:
    plugged = {
        name: group.help
        for area in app.ALL
        if area.commands
        for group in behind(area.commands)(lambda: pytest.fail("nothing is opened to list commands"))
        for name in group.name
    }
    assert plugged == PARTS
    helped = captured(lambda: root()(["--help"])).out
    for name in (*PARTS, *PROGRAMS):
        assert f" {name} " in helped


@pytest.mark.parametrize("word", [*PARTS, *PROGRAMS])
def test_every_command_explains_itself(word: str) -> None:
    said = captured(lambda: root()([word, "--help"]))
    assert said.code == 0
    assert f"recoup {word}" in said.out


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["jobs", "lst"], 64, 'Did you mean "list"?'),
        (["jobs", "list", "--jsn"], 64, "--jsn"),
        (["runs", "show"], 64, "run-id"),
        (["runs", "show", "x"], 65, "'x' is not an id. Copy it from a list command."),
        (["runs", "show", ANY_ID], 66, f"There is no run {ANY_ID}. See `recoup runs list`."),
        (["runs", "list", "--limit", "0"], 64, "limit"),
        (["runs", "list", "--limit", "501"], 64, "limit"),
        (["runs", "list", "--state", "asleep"], 64, "asleep"),
        (["jobs", "run", "test.nothing"], 66, "There is no job 'test.nothing'."),
        (["jobs", "run", "test.work", "--param", "times"], 65, "Write it as name=value."),
        (["jobs", "run", "test.work", "--param", "times=many"], 65, "test.work: times:"),
        (["jobs", "run", "test.work", "--param", "names=[1"], 65, "names is not JSON"),
        (["jobs", "schedule", "test.work", "--zone", "UTC"], 65, "Give it one with --cron."),
        (["jobs", "schedule", "test.work", "--cron", "* *"], 65, "is no schedule"),
        (["jobs", "schedule", "test.work", "--cron", "1 * * * *", "--zone", "Mars"], 65, "no time zone"),
        (["jobs", "notify", "test.work", "--failure", "nobody"], 65, "not a mail address"),
        (["outbox", "show", ANY_ID], 66, "There is no delivery"),
        (["outbox", "resolve", ANY_ID, "--as", "again"], 66, "There is no delivery"),
        (["outbox", "resolve", ANY_ID, "--as", "maybe"], 64, "maybe"),
        (["outbox", "resume", "pigeon"], 66, "There is no channel 'pigeon'."),
        (["controls", "set", "test.pace", "101"], 65, "a whole number from 0 to 100"),
        (["controls", "set", "test.nothing", "1"], 66, "There is no control 'test.nothing'."),
        (["controls", "undo", "test.pace"], 75, "was never changed"),
        (["metering", "export"], 78, "No stream is configured."),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    system: System, words: list[str], code: int, sentence: str
) -> None:
    said = typed(system, *words)
    assert said.code == code, said
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


@pytest.mark.parametrize(
    "words",
    [
        ["jobs", "list"],
        ["jobs", "schedule", "metering.export"],
        ["jobs", "pause", "test.work"],
        ["jobs", "resume", "test.work"],
        ["jobs", "notify", "test.work"],
        ["runs", "list"],
        ["outbox", "list"],
        ["journal", "list"],
        ["journal", "verify"],
        ["owed", "list"],
        ["owed", "lapsing"],
        ["controls", "list"],
        ["controls", "show", "test.names"],
        ["controls", "set", "test.names", "ada, bob"],
        ["metering", "windows"],
        ["metering", "entries"],
        ["metering", "quarantine"],
        ["metering", "unbilled"],
        ["metering", "adjustments"],
    ],
)
def test_every_command_answers_people_and_programs(system: System, words: list[str]) -> None:
    assert isinstance(good(typed(system, *words, "--json")).document, dict)
    assert good(typed(system, *words)).out.endswith("\n")


def test_nobody_ever_sees_a_trace(system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_connection: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setenv("RECOUP_HOME", str(tmp_path / "elsewhere"))
    event.listen(system.sessions.kw["bind"], "begin", fail)
    try:
        said = typed(system, "jobs", "list")
    finally:
        event.remove(system.sessions.kw["bind"], "begin", fail)
    log = tmp_path / "elsewhere" / "log" / "app.log"
    assert said.code == 70
    assert said.out == ""
    assert said.err == f"Something unforeseen happened (RuntimeError); {log} has the details.\n"
    written = log.read_text(encoding="utf-8")
    assert "Traceback" in written
    assert "swordfish" in written


def test_a_database_that_goes_away_is_a_sentence(system: System) -> None:
    def fail(_connection: object) -> None:
        raise OperationalError("select 1", {}, Exception("server closed the connection"))

    event.listen(system.sessions.kw["bind"], "begin", fail)
    try:
        said = typed(system, "jobs", "list")
    finally:
        event.remove(system.sessions.kw["bind"], "begin", fail)
    assert (said.code, said.out) == (69, "")
    assert said.err == "The database went away. Nothing is half done; try again.\n"


# ---------------------------------------------------------------- jobs and runs


def test_a_run_is_queued_followed_and_shown(system: System) -> None:
    queued = typed(
        system,
        "jobs",
        "run",
        "test.work",
        "--param",
        "times=3",
        "--param",
        "pause=0.7",
        "--param",
        'names=["a","b"]',
        "--json",
    )
    assert queued.code == 0
    assert "No worker runs" in queued.err
    run_id = queued.document["id"]
    listed = good(typed(system, "runs", "list", "--job", "test.work", "--json")).document["items"]
    assert [(one["id"], one["state"], one["params"]) for one in listed] == [
        (run_id, "queued", {"times": 3, "pause": 0.7, "names": ["a", "b"]})
    ]
    worker = threading.Thread(target=lambda: execution.execute(system, run_id))
    worker.start()
    said = good(typed(system, "runs", "tail", run_id))
    worker.join()
    assert [line.split(" ", 1)[1] for line in said.out.splitlines()[:-1]] == [
        *(f"info    Step {number}\\x07" for number in range(3)),
        "info    Did 3 for ['a', 'b'].",
    ]
    assert said.out.splitlines()[-1] == "The run succeeded: Did 3 for ['a', 'b']."
    both = good(typed(system, "runs", "tail", run_id, "--json")).document
    assert (both["run"]["state"], len(both["lines"])) == ("succeeded", 4)
    shown = good(typed(system, "runs", "show", run_id, "--json")).document
    assert (shown["done"], shown["total"], shown["label"]) == (3, 3, "steps")
    [artifact] = shown["artifacts"]
    with api(system) as client:
        del client.headers["Authorization"]
        assert client.get(artifact["link"]).content == b"done"
    assert "report.txt (4 bytes): /files/" in good(typed(system, "runs", "show", run_id)).out


@pytest.mark.parametrize(("times", "code"), [("7", 1), ("13", 1), ("1", 0)])
def test_waiting_for_a_run_ends_as_the_run_did(system: System, times: str, code: int) -> None:
    done = threading.Event()

    def take() -> None:
        while not done.wait(0.05):
            with system.sessions.begin() as db:
                ids = [run.id for run in execution.queries.runs(db, state="queued")]
            for run_id in ids:
                execution.execute(system, run_id)

    worker = threading.Thread(target=take)
    worker.start()
    try:
        said = typed(system, "jobs", "run", "test.work", "--param", f"times={times}", "--wait", "--json")
    finally:
        done.set()
        worker.join()
    assert said.code == code
    assert said.document["run"]["state"] == ("failed" if times == "13" else "succeeded")


def test_a_run_is_cancelled_and_run_again(system: System) -> None:
    run_id = typed(system, "jobs", "run", "test.work", "--json").document["id"]
    assert typed(system, "runs", "again", run_id).code == 75
    assert good(typed(system, "runs", "cancel", run_id)).out == "Cancelled before it started.\n"
    assert typed(system, "runs", "cancel", run_id).code == 75
    again = good(typed(system, "runs", "again", run_id, "--json")).document
    assert (again["state"], again["trigger"]) == ("queued", "again")
    page = good(typed(system, "runs", "list", "--limit", "1", "--json")).document
    assert page["next"] == page["items"][0]["id"] == again["id"]
    rest = good(typed(system, "runs", "list", "--before", page["next"], "--json")).document
    assert [one["id"] for one in rest["items"]] == [run_id]


def test_a_schedule_is_shown_and_changed(system: System) -> None:
    before = good(typed(system, "jobs", "schedule", "metering.export")).out
    assert before.count("2025-07-24") == 5
    changed = ("--cron", "30 2 * * *", "--zone", "Europe/Berlin", "--missed", "skip")
    shown = good(typed(system, "jobs", "schedule", "metering.export", *changed, "--json")).document
    [schedule] = shown["schedules"]
    assert (schedule["cron"], schedule["zone"], schedule["missed"]) == ("30 2 * * *", "Europe/Berlin", "skip")
    assert schedule["next"][0] == "2025-07-25T00:30:00Z"
    kept = good(typed(system, "jobs", "schedule", "metering.export", "--missed", "all", "--json")).document
    assert (kept["schedules"][0]["cron"], kept["schedules"][0]["missed"]) == ("30 2 * * *", "all")
    assert "paused" in good(typed(system, "jobs", "pause", "metering.export")).out
    assert "start nothing" in good(typed(system, "jobs", "schedule", "metering.export")).out
    listed = typed(system, "jobs", "list", "--json").document["items"]
    assert [job["name"] for job in listed if job["paused"]] == ["metering.export"]


# ---------------------------------------------------------------- outbox, journal, owed, controls


def test_a_delivery_is_shown_with_its_exact_bytes(system: System) -> None:
    delivery = plan(system, "one")
    assert good(typed(system, "outbox", "show", delivery, "--raw")).out.encode() == PAYLOAD
    shown = good(typed(system, "outbox", "show", delivery, "--json")).document
    assert base64.b64decode(shown["payload_base64"]) == PAYLOAD
    assert shown["payload_text"] == PAYLOAD.decode()
    assert (shown["state"], shown["headers"]) == ("planned", {"to": "ada@example.com"})
    plain = good(typed(system, "outbox", "show", delivery)).out
    assert "About one" in plain
    assert PAYLOAD.decode() in plain


def test_what_is_unknown_is_resolved_by_a_person(system: System, channel: ScriptedChannel) -> None:
    channel.script = ["unknown after", "down first"]
    delivery = plan(system, "one")
    handover.drain(system, "mail")
    page = good(typed(system, "outbox", "list", "--state", "unknown", "--json")).document
    assert [one["id"] for one in page["items"]] == [delivery]
    assert page["counts"] == {"unknown": 1}
    resolved = good(
        typed(system, "outbox", "resolve", delivery, "--as", "accepted", "--note", "she has it", "--json")
    ).document
    assert (resolved["state"], resolved["reason"]) == ("accepted", "she has it")
    assert typed(system, "outbox", "resolve", delivery, "--as", "again").code == 75
    plan(system, "two")
    handover.drain(system, "mail")
    said = good(typed(system, "outbox", "list")).out
    assert "Nothing leaves through mail since 2025-07-24 16:30 UTC: The credentials are wrong." in said
    assert "1 accepted, 2 planned" in said  # the other is the alert to the administrators
    good(typed(system, "outbox", "resume", "mail"))
    assert good(typed(system, "outbox", "list", "--json")).document["stopped"] == []


def test_a_journal_that_was_touched_is_no_success(system: System, owner_sessions: Any) -> None:
    good(typed(system, "jobs", "pause", "test.work"))
    journal_jobs.tick(system, system.clock())
    found = good(typed(system, "journal", "verify", "--json")).document
    assert (found["ok"], found["events"], found["problems"]) == (True, found["seals"], [])
    assert "is what it was" in good(typed(system, "journal", "verify")).out
    listed = good(typed(system, "journal", "list", "--kind", "jobs.paused", "--json")).document["items"]
    assert [one["subject"] for one in listed] == ["jobs/job/test.work"]
    with owner_sessions.begin() as db:
        db.connection().exec_driver_sql("update events set actor = 'Mallory'")
    said = typed(system, "journal", "verify")
    assert said.code == 1
    assert "is NOT what it was" in said.out
    assert not typed(system, "journal", "verify", "--json").document["ok"]


def test_what_is_owed_is_listed_by_when_it_lapses(system: System) -> None:
    now = system.clock()
    with system.sessions.begin() as db:
        for name, hours, amount in (("late", 5, None), ("soon", 1, Money(1234, "EUR"))):
            item = owed.Owed(name, "test", "Acme", f"Usage {name}", "x", amount, now + timedelta(hours=hours))
            owed.put(db, item, now=now)
    listed = good(typed(system, "owed", "list", "--json")).document["items"]
    assert [(one["key"], one["amount"]) for one in listed] == [("soon", "12.34"), ("late", None)]
    rows = good(typed(system, "owed", "list")).out.splitlines()
    assert "12.34 EUR" in rows[1]
    assert "not known" in rows[2]
    first = typed(system, "owed", "list", "--limit", "1")
    assert f"add --after {listed[0]['id']}" in first.err
    assert [one["items"] for one in good(typed(system, "owed", "lapsing", "--json")).document["items"]] == [
        1,
        1,
    ]
    assert good(typed(system, "owed", "lapsing", "--hours", "1")).out == "Nothing lapses within 1 hours.\n"


def test_a_control_is_set_and_set_back(system: System) -> None:
    assert good(typed(system, "controls", "set", "test.price", "2.25", "--json")).document["value"] == "2.25"
    good(typed(system, "controls", "set", "test.price", "3", "--note", "dearer"))
    stale = typed(system, "controls", "set", "test.price", "4", "--expected-version", "1")
    assert stale.code == 75
    shown = good(typed(system, "controls", "show", "test.price", "--json")).document
    assert [(one["version"], one["value"], one["note"]) for one in shown["history"]] == [
        (2, "3", "dearer"),
        (1, "2.25", ""),
    ]
    assert good(typed(system, "controls", "undo", "test.price", "--json")).document["value"] == "2.25"
    assert (
        good(typed(system, "controls", "undo", "test.price", "--to", "0", "--json")).document["value"]
        == "1.5"
    )
    assert "test.price is 1.5." in good(typed(system, "controls", "show", "test.price")).out


def test_a_control_is_set_through_the_api(system: System) -> None:
    with api(system) as client:
        shown = client.put(
            "/controls/test.pace", json={"value": 5, "expected_version": 0, "note": "slow"}
        ).json()
        assert (shown["value"], shown["version"], shown["changed_by"]) == (5, 1, "key:api")
        assert client.put("/controls/test.pace", json={"value": 6, "expected_version": 0}).status_code == 409
        assert (
            client.put("/controls/test.pace", json={"value": "6", "expected_version": 1}).status_code == 422
        )
        assert (
            client.put("/controls/test.price", json={"value": 1.5, "expected_version": 0}).status_code == 422
        )
        undone = client.post("/controls/test.pace/undo", json={"to_version": 0, "expected_version": 1}).json()
        assert (undone["value"], len(undone["history"])) == (90, 2)


def test_the_outbox_and_the_journal_answer_through_the_api(system: System, channel: ScriptedChannel) -> None:
    channel.script = ["unknown after"]
    delivery = plan(system, "one")
    handover.drain(system, "mail")
    with api(system) as client:
        page = client.get("/outbox", params={"state": "unknown", "kind": "test"}).json()
        assert [one["id"] for one in page["items"]] == [delivery]
        assert base64.b64decode(client.get(f"/outbox/{delivery}").json()["payload_base64"]) == PAYLOAD
        body = {"resolution": "refused", "note": "x"}
        assert client.post(f"/outbox/{delivery}/resolve", json=body).json()["state"] == "refused"
        assert client.post(f"/outbox/{delivery}/resolve", json=body).status_code == 409
        assert client.post("/outbox/channels/mail/resume").status_code == 204
        assert client.post("/outbox/channels/pigeon/resume").status_code == 404
        assert client.get("/journal/verify").json()["ok"]
        kinds = {one["kind"] for one in client.get("/journal").json()["items"]}
        assert kinds >= {"outbox.unknown", "outbox.resolved", "outbox.channel_resumed"}


def test_a_run_s_lines_go_on_while_it_runs(system: System) -> None:
    run_id = typed(system, "jobs", "run", "test.work", "--param", "times=5", "--json").document["id"]
    with api(system) as client:
        assert client.get(f"/runs/{run_id}/lines").json() == {"items": [], "next": "0-0"}
        execution.execute(system, run_id)
        first = client.get(f"/runs/{run_id}/lines", params={"limit": "4"}).json()
        assert [one["number"] for one in first["items"]] == [1, 2, 3, 4]
        rest = client.get(f"/runs/{run_id}/lines", params={"after": first["next"]}).json()
        assert json.loads(json.dumps(rest["items"][-1]["text"])) == "Did 5 for []."
        assert (len(rest["items"]), rest["next"]) == (2, "1-6")

"""The API over real HTTP: who may come in, how failures look, how lists go on, and that answers come after commits."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import APIRouter
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError, OperationalError

from recoup import app
from recoup.core.errors import Conflict, Unavailable
from recoup.core.money import Money
from recoup.core.system import System
from recoup.entry.api import described_api
from recoup.office.journal import queries as journal_queries
from recoup.office.journal import service as journal
from recoup.office.owed import service as owed
from recoup.web.app import create_app, schema_of
from recoup.web.area import Area
from recoup.web.deps import Db
from support.doors import api

OPEN = {"/livez", "/readyz", "/files/{file_id}"}
DOOR = {"/auth/code", "/auth/token", "/auth/refresh"}
"""Where nobody is known yet: what these are shown is judged by their own tests."""
ANY_ID = "01980000-0000-7000-8000-000000000000"


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with api(system) as served:
        yield served


def operations() -> list[tuple[str, str]]:
    paths: dict[str, dict[str, Any]] = schema_of(described_api())["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


def filled(path: str) -> str:
    return re.sub(r"{(\w+)}", lambda name: ANY_ID if name[1].endswith("_id") else "x", path)


def assert_problem(answer: httpx2.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    detail: str = body["detail"]
    assert detail.endswith(".")
    return detail


def test_every_route_but_the_open_ones_asks_for_the_key(client: httpx2.Client) -> None:
    asked = [(method, path) for method, path in operations() if path not in OPEN | DOOR]
    assert len(asked) > 30
    for method, path in [*asked, ("GET", "/openapi.json")]:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic d3Jvbmc6d3Jvbmc="}):
            request = client.build_request(method, filled(path), json={})
            del request.headers["Authorization"]
            request.headers.update(headers)
            answer = client.send(request)
            assert_problem(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer"), path


def test_every_route_is_described(client: httpx2.Client) -> None:
    schema = client.get("/openapi.json").json()
    assert schema["info"]["title"] == "Recoup"
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            assert operation["tags"], path


def test_the_open_routes_answer_without_a_key(client: httpx2.Client) -> None:
    del client.headers["Authorization"]
    assert client.get("/livez").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert {check["name"] for check in ready.json()["checks"]} == {"database", "schema", "queue"}
    assert_problem(client.get(f"/files/{ANY_ID}"), 403)


def test_a_server_whose_database_has_another_schema_is_not_ready(
    client: httpx2.Client, owner_sessions: Any
) -> None:
    with owner_sessions.begin() as db:
        db.connection().exec_driver_sql("update alembic_version set version_num = '9999'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert not answer.json()["ok"]
    assert client.get("/livez").status_code == 200


def test_a_server_without_its_database_is_not_ready(client: httpx2.Client, system: System) -> None:
    def fail(_connection: object) -> None:
        raise OperationalError("select 1", {}, Exception("server closed the connection"))

    event.listen(system.sessions.kw["bind"], "begin", fail)
    answer, asked = client.get("/readyz"), client.get("/runs")
    event.remove(system.sessions.kw["bind"], "begin", fail)
    assert answer.status_code == 503
    assert answer.json()["checks"][0]["name"] == "database"
    assert answer.json()["checks"][0]["status"] == "fail"
    assert_problem(asked, 503)
    assert client.get("/readyz").status_code == 200


def test_health_in_detail_names_what_is_missing(client: httpx2.Client) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 503  # schedules are owed, and no worker runs
    names = [check["name"] for check in answer.json()["checks"]]
    assert len(names) == len(set(names))
    failed = [check for check in answer.json()["checks"] if check["status"] == "fail"]
    assert [check["name"] for check in failed] == ["workers"]
    assert "recoup worker" in failed[0]["fix"]


@pytest.mark.parametrize("path", ["/nothing", "/jobs/", "/metering", "/jobs//x", "/jobs/../secrets"])
def test_what_is_not_there_is_a_problem(client: httpx2.Client, path: str) -> None:
    assert "nothing at" in assert_problem(client.get(path), 404)


def test_a_method_that_is_not_possible_is_a_problem(client: httpx2.Client) -> None:
    answer = client.delete("/jobs")
    assert "DELETE" in assert_problem(answer, 405)
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/runs?limit=0", "limit"),
        ("/runs?limit=501", "limit"),
        ("/runs?limit=-1", "limit"),
        ("/runs?before=x", "before"),
        ("/runs?state=sleeping", "state"),
        ("/journal?limit=1000000000", "limit"),
        ("/journal?subject=%00", "subject"),
        (f"/journal?kind={'x' * 301}", "kind"),
        ("/outbox/x", "delivery_id"),
        (f"/runs/{ANY_ID}/lines?after=1", "after"),
        ("/metering/windows?state=lost", "state"),
        ("/owed/lapsing?hours=0", "hours"),
    ],
)
def test_what_cannot_be_read_is_named(client: httpx2.Client, path: str, named: str) -> None:
    answer = client.get(path)
    assert named in assert_problem(answer, 422)
    assert [each["field"] for each in answer.json()["errors"]] == [named]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[]", 422),
        (b'{"params": 1}', 422),
        (b'{"params": {}, "more": 1}', 422),
        (b'{"params": {"stream": "\\u0000"}}', 422),
        (b'{"params": {"stream": "\\ud800"}}', 422),
        (b'{"params": {"max_hours": "many"}}', 422),
        (b'{"params": {"unknown": 1}}', 422),
        (b'{"params": {"max_hours": NaN}}', 422),
        (b'{"params": {"max_hours": ' + b"9" * 5_000 + b"}}", 400),
        (b'{"params": ' + b"[" * 100_000 + b"}", 400),
        (b"\xff\xfe", 422),
    ],
)
def test_a_body_that_cannot_be_used_changes_nothing(client: httpx2.Client, body: bytes, status: int) -> None:
    answer = client.post(
        "/jobs/metering.export/runs", content=body, headers={"Content-Type": "application/json"}
    )
    assert_problem(answer, status)
    assert client.get("/runs").json() == {"items": [], "next": None}


def test_a_failure_with_a_name_is_its_sentence(client: httpx2.Client) -> None:
    assert "There is no job 'x'" in assert_problem(client.post("/jobs/x/runs", json={}), 404)
    assert "run" in assert_problem(client.get(f"/runs/{ANY_ID}"), 404)
    refused = client.put("/jobs/metering.export/schedule", json={"cron": "61 * * * *"})
    assert "no schedule" in assert_problem(refused, 422)
    refused = client.put("/jobs/metering.export/notify", json={"failure": ["nobody"]})
    assert "not a mail address" in assert_problem(refused, 422)


def test_a_job_can_be_run_cancelled_and_run_again(client: httpx2.Client) -> None:
    answer = client.post("/jobs/metering.export/runs", json={"params": {"max_hours": 3}})
    assert answer.status_code == 202
    run = client.get(answer.headers["location"]).json()
    assert (run["state"], run["params"]["max_hours"], run["actor"]) == ("queued", 3, "key:api")
    assert run["queued_at"] == "2025-07-24T16:30:00Z"
    assert_problem(client.post(f"/runs/{run['id']}/again"), 409)
    assert client.post(f"/runs/{run['id']}/cancel").json()["state"] == "cancelled"
    assert_problem(client.post(f"/runs/{run['id']}/cancel"), 409)
    again = client.post(f"/runs/{run['id']}/again")
    assert (again.status_code, again.json()["params"]) == (202, run["params"])
    kinds = [one["kind"] for one in client.get("/journal", params={"subject": "jobs/run/"}).json()["items"]]
    assert kinds == ["jobs.run_cancelled"]


def test_a_job_can_be_paused_and_scheduled(client: httpx2.Client) -> None:
    assert client.post("/jobs/metering.export/pause").json()["paused"]
    assert not client.post("/jobs/metering.export/resume").json()["paused"]
    asked = {"cron": "30 2 * * *", "zone": "Europe/Berlin", "missed": "all"}
    shown = client.put("/jobs/metering.export/schedule", json=asked).json()
    assert {key: shown["schedules"][0][key] for key in asked} == asked
    assert shown["schedules"][0]["next"][0] == "2025-07-25T00:30:00Z"
    assert len(shown["schedules"][0]["next"]) == 5
    told = client.put("/jobs/metering.export/notify", json={"failure": ["ada@example.com"]}).json()
    assert (told["notify_success"], told["notify_failure"]) == ([], ["ada@example.com"])
    assert client.get("/jobs/metering.export").json() == told
    assert told in client.get("/jobs").json()["items"]


def test_pages_go_on_without_gap_or_repeat(client: httpx2.Client, system: System) -> None:
    now = system.clock()
    with system.sessions.begin() as db:
        for number in range(25):
            journal.record(db, "test.happened", f"test/thing/{number}", actor="test", now=now)
    seen: list[str] = []
    before: dict[str, str] = {}
    for _ in range(10):
        page = client.get("/journal", params={"kind": "test.", "limit": "10", **before}).json()
        seen += [one["subject"] for one in page["items"]]
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert seen == [f"test/thing/{number}" for number in reversed(range(25))]


def test_what_is_owed_goes_on_by_when_it_lapses(client: httpx2.Client, system: System) -> None:
    now = system.clock()
    lapses = [None, 5, 1, 3, None, 1, 2]
    with system.sessions.begin() as db:
        for number, hours in enumerate(lapses):
            at = None if hours is None else now + timedelta(hours=hours)
            amount = Money(1_000 + number, "JPY" if number == 1 else "EUR")
            item = owed.Owed(f"key {number}", "test", "Acme", "Usage", "test/1", amount, at)
            owed.put(db, item, now=now)
    seen, after = [], {}
    while True:
        page = client.get("/owed", params={"limit": "2", **after}).json()
        seen += page["items"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert [one["key"] for one in seen] == [f"key {number}" for number in (2, 5, 6, 3, 1, 0, 4)]
    assert [one["amount"] for one in seen][:2] == ["10.02", "10.05"]
    assert next(one["amount"] for one in seen if one["currency"] == "JPY") == "1001"
    hours = client.get("/owed/lapsing", params={"hours": "3"}).json()["items"]
    assert [(one["hour"], one["items"], one["amount"]) for one in hours] == [
        ("2025-07-24T17:00:00Z", 2, "20.07"),
        ("2025-07-24T18:00:00Z", 1, "10.06"),
    ]


def with_route(system: System, router: APIRouter) -> Any:
    return api(system, application=create_app(system, areas=[Area(name="probe", routers=(router,))]))


def test_an_answer_leaves_after_its_commit(system: System) -> None:
    router = APIRouter()

    @router.post("/test")
    def write(db: Db) -> dict[str, str]:
        one = journal.record(db, "test.written", "test/1", actor="test", now=system.clock())
        return {"id": str(one.id)}

    event.listen(system.sessions, "before_commit", lambda _db: time.sleep(0.3))
    with with_route(system, router) as client:
        written = UUID(client.post("/test").json()["id"])
        with system.sessions() as db:
            found = [one.id for one in journal_queries.timeline(db, kind="test.")]
    assert found == [written]


def test_a_commit_that_fails_is_no_success(system: System) -> None:
    router = APIRouter()

    @router.post("/test")
    def write(db: Db) -> dict[str, str]:
        journal.record(db, "test.written", "test/1", actor="test", now=system.clock())
        return {"said": "done"}

    def fail(_db: object) -> None:
        raise IntegrityError("insert", {}, Exception("secret"))

    event.listen(system.sessions, "before_commit", fail)
    with with_route(system, router) as client:
        answer = client.post("/test")
    event.remove(system.sessions, "before_commit", fail)
    assert_problem(answer, 500)
    assert "secret" not in answer.text
    with system.sessions.begin() as db:
        assert journal_queries.timeline(db, kind="test.") == []


def test_a_failure_rolls_back_what_was_written(system: System) -> None:
    router = APIRouter()

    @router.post("/test")
    def write(db: Db) -> None:
        journal.record(db, "test.written", "test/1", actor="test", now=system.clock())
        db.flush()
        raise Conflict("it is too late for that.", fix="Come earlier.")

    @router.get("/busy")
    def busy() -> None:
        raise Unavailable("It is busy.", retry_after=7)

    with with_route(system, router) as client:
        assert assert_problem(client.post("/test"), 409) == "it is too late for that. Come earlier."
        answer = client.get("/busy")
    assert_problem(answer, 503)
    assert answer.headers["retry-after"] == "7"
    with system.sessions.begin() as db:
        assert journal_queries.timeline(db, kind="test.") == []


def test_controls_are_listed_as_declared(client: httpx2.Client) -> None:
    declared = sorted(control.name for area in app.ALL for control in area.controls)
    assert [one["name"] for one in client.get("/controls").json()["items"]] == declared
    assert "no control" in assert_problem(client.get("/controls/x"), 404)

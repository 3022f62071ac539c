"""The access log's lines: what of a request is worth one, and what must never stand in it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from fastapi import APIRouter, Request

from recoup.core.errors import Forbidden, TooMany
from recoup.core.system import System, Visit
from recoup.web import visits
from recoup.web.app import create_app
from recoup.web.area import Area
from recoup.web.auth import SignedIn
from support.doors import api
from support.house import MovableClock, ScriptedChannel, opened
from support.postgres import Database

ID = "01980a54-0000-7000-8000-000000000001"
TOKEN = "q" * 43
AGENT = {"User-Agent": "probe/1"}


@pytest.fixture
def noted() -> list[Visit]:
    return []


@pytest.fixture
def system(database: Database, tmp_path: Path, noted: list[Visit]) -> Iterator[System]:
    channels = {"mail": ScriptedChannel("mail", dedupes=False)}
    with opened(database, tmp_path, clock=MovableClock(), channels=channels) as running:
        yield dataclasses.replace(running, noted=noted.append)


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    router = APIRouter()

    @router.get("/desk/things/{thing_id}")
    def thing(thing_id: UUID, _caller: SignedIn) -> str:
        return str(thing_id)

    @router.post("/desk/things/{thing_id}")
    def change(thing_id: UUID, _caller: SignedIn) -> str:
        return str(thing_id)

    @router.get("/desk/welcome/{token}")
    def welcome(token: str) -> None:
        raise Forbidden(f"no {token[:1]}")

    @router.get("/desk/often")
    def often() -> None:
        raise TooMany("Too often.", retry_after=5)

    @router.get("/things")
    def things(_caller: SignedIn) -> str:
        return "for programs"

    @router.get("/files/{file_id}")
    def file(file_id: str) -> str:
        return file_id

    @router.post("/desk/door")
    def door(request: Request, _caller: SignedIn) -> str:
        request.state.noted = True
        return "noted by itself"

    application = create_app(system, areas=[Area(name="probe", routers=(router,))])
    with api(system, application=application) as served:
        served.headers.update(AGENT)
        yield served


def test_pages_changes_and_downloads_are_written_down(client: httpx2.Client, noted: list[Visit]) -> None:
    client.get(f"/desk/things/{ID}?secret=swordfish")
    client.post(f"/desk/things/{ID}", headers={"Content-Type": "text/plain"})
    client.get(f"/files/{ID}?signature=swordfish", headers={"Authorization": ""})
    assert [(one.action, one.subject, one.name, one.how, one.status) for one in noted] == [
        ("opened", "/desk/things/{thing_id}", "api", "key", 200),
        ("changed", "/desk/things/{thing_id}", "api", "key", 200),
        ("downloaded", "/files/{file_id}", "", "", 200),
    ]
    assert {one.detail for one in noted} == {f"thing_id {ID}", f"file_id {ID}"}
    assert {(one.address, one.agent) for one in noted} == {("127.0.0.1", "probe/1")}
    assert "swordfish" not in repr(noted)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"/desk/things/{ID}", {"HX-Request": "true"}),
        (f"/desk/things/{ID}", {"Accept": "text/event-stream"}),
        ("/desk/things/nonsense", {}),
        ("/desk/nowhere", {}),
        ("/things", {}),
        ("/static/portal.css", {}),
    ],
)
def test_what_is_no_visit_is_not_written_down(
    client: httpx2.Client, noted: list[Visit], path: str, headers: dict[str, str]
) -> None:
    client.get(path, headers=headers)
    assert noted == []


def test_a_door_that_writes_itself_down_is_not_written_twice(
    client: httpx2.Client, noted: list[Visit]
) -> None:
    assert client.post("/desk/door").status_code == 200
    assert noted == []


def test_refusals_are_written_down_without_the_secret_that_was_shown(
    client: httpx2.Client, noted: list[Visit]
) -> None:
    client.get(f"/desk/welcome/{TOKEN}")
    client.get("/desk/often")
    client.get("/things", headers={"Authorization": "Bearer wrong"})
    # refused by the guard, before there is a route
    client.post(f"/desk/welcome/{TOKEN}", headers={"Cookie": "a=b", "Sec-Fetch-Site": "cross-site"})
    assert [(one.action, one.subject, one.status, one.name) for one in noted] == [
        ("refused", "/desk/welcome/{token}", 403, ""),
        ("refused", "/desk/often", 429, ""),
        ("refused", "/things", 401, ""),
        ("refused", "/desk/welcome/…", 403, ""),
    ]
    assert TOKEN not in repr(noted)


def test_an_answer_does_not_fail_for_what_is_written_about_it(system: System) -> None:
    def broken(_visit: Visit) -> None:
        raise RuntimeError("no disk")

    seen = visits.watcher(dataclasses.replace(system, noted=broken))
    seen({"type": "http", "method": "GET", "path": "/x", "headers": []}, 403)


def test_a_line_costs_next_to_nothing(database: Database, tmp_path: Path) -> None:
    """Well under 0.2 ms for each request, on its way."""
    channels = {"mail": ScriptedChannel("mail", dedupes=False)}
    with opened(database, tmp_path, clock=MovableClock(), channels=channels) as running:
        seen = visits.watcher(running)
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/desk/things",
            "headers": [(b"user-agent", b"Firefox")],
            "client": ("192.0.2.7", 1),
            "state": {"caller": _Caller()},
        }
        costs = []
        for _ in range(500):
            began = time.thread_time()
            seen(scope, 303)
            costs.append(time.thread_time() - began)
    assert sorted(costs)[len(costs) // 2] < 0.0002


class _Caller:
    name, person, by = "ada@example.com", None, "session"

"""Sessions: how long they hold, what one look costs, and that what was planted opens nothing."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from recoup.core.db import is_connection_lost
from recoup.core.errors import Conflict, NotFound, Unauthorised
from recoup.core.system import System
from recoup.office.controls import service as controls
from recoup.office.people import jobs, queries
from recoup.office.people.controls import SESSION_IDLE_MINUTES
from recoup.office.people.models import Person
from recoup.office.people.permissions import Role
from recoup.office.people.service import people, sessions, upkeep
from support.doors import api
from support.house import MovableClock
from support.people import ADA, BOB, BROWSER, Mailbox, ask, caller_of, shown, sign_in, verify, work


def test_a_session_ends_when_nothing_is_done(
    system: System, mailbox: Mailbox, bob: Person, clock: MovableClock
) -> None:
    """Negative test 14."""
    assert bob
    opened = sign_in(system, mailbox, BOB)
    for _ in range(3):
        clock.advance(minutes=59)
        assert shown(system, opened.token) is not None
    clock.advance(minutes=60)
    assert shown(system, opened.token) is None


def test_a_session_ends_whatever_is_done(
    system: System, mailbox: Mailbox, bob: Person, clock: MovableClock
) -> None:
    """Negative test 14."""
    assert bob
    opened = sign_in(system, mailbox, BOB)
    for _ in range(24):
        clock.advance(minutes=29, seconds=59)
        assert shown(system, opened.token) is not None
    clock.advance(minutes=1)
    assert shown(system, opened.token) is None


def test_a_shorter_idle_time_holds_at_once(
    system: System, mailbox: Mailbox, bob: Person, clock: MovableClock
) -> None:
    assert bob
    opened = sign_in(system, mailbox, BOB)
    clock.advance(minutes=6)
    with system.sessions.begin() as db:
        controls.change(db, SESSION_IDLE_MINUTES, 5, expected_version=0, actor="test", now=clock())
    assert shown(system, opened.token) is None


def test_one_look_is_one_select_and_one_write_a_minute(
    system: System, mailbox: Mailbox, bob: Person, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, seen = sign_in(system, mailbox, BOB), []
    engine, usual = system.sessions.kw["bind"], queries._prepared

    def counted(*args: Any, **values: object) -> object:
        seen.append("select")
        return usual(*args, **values)

    monkeypatch.setattr(queries, "_prepared", counted)
    event.listen(engine, "before_cursor_execute", lambda *args: seen.append(args[2].split()[0].lower()))
    for _ in range(3):
        caller = shown(system, opened.token)
    assert seen == ["select"] * 3
    assert caller is not None
    assert (caller.name, caller.by, caller.person, caller.session) == (BOB, "session", bob.id, opened.session)
    clock.advance(minutes=1)
    del seen[:]
    for _ in range(3):
        shown(system, opened.token)
    assert seen == ["select", "update", "update", "select", "select"]
    with system.sessions.begin() as db:
        assert queries.by_address(db, BOB).last_seen_at == clock()  # type: ignore[union-attr]


def test_a_database_that_goes_away_meanwhile_is_named_as_such(system: System) -> None:
    with system.sessions() as db:
        pid = db.execute(text("select pg_backend_pid()")).scalar_one()
        with system.sessions.begin() as other:
            other.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(DBAPIError) as gone:
            queries.session_by_token(db.connection(), bytes(32))
    assert is_connection_lost(gone.value)


def test_one_look_is_quick(system: System, mailbox: Mailbox, bob: Person) -> None:
    """The figure itself is in bench; this only notices when it is far off."""
    assert bob
    opened = sign_in(system, mailbox, BOB)
    took = []
    for _ in range(50):
        begun = time.perf_counter()
        shown(system, opened.token)
        took.append(time.perf_counter() - begun)
    assert sorted(took)[25] < 0.02


@pytest.mark.parametrize(
    "planted", ["", "x", "a planted id", "x" * 4_000, "rcp_x", "\x00", "é", "' or 1=1 --"]
)
def test_what_was_planted_opens_nothing(system: System, bob: Person, planted: str) -> None:
    """Negative test 11."""
    assert bob
    assert shown(system, planted) is None
    assert shown(system, planted, "bearer") is None
    asked = ask(system, BOB, attempt=planted)
    assert asked.attempt != planted
    work(system)
    for attempt in (planted, asked.attempt + "x"):
        with pytest.raises(Unauthorised):
            verify(system, attempt, "123456")
    assert shown(system, planted) is None


def test_own_and_others_sessions_are_ended(
    system: System, mailbox: Mailbox, bob: Person, ada: Person
) -> None:
    first, second = sign_in(system, mailbox, BOB), sign_in(system, mailbox, BOB)
    now = system.clock()
    with system.sessions.begin() as db:
        with pytest.raises(NotFound):
            sessions.end_session(db, first.session, of=ada.id, actor="test", now=now)
        sessions.end_session(db, first.session, of=bob.id, actor="test", now=now)
        sessions.end_session(db, first.session, of=bob.id, actor="test", now=now)
    assert shown(system, first.token) is None
    assert caller_of(system, second).name == BOB
    with system.sessions.begin() as db:
        sessions.sign_out(db, second.session, actor="test", now=now)
        sessions.sign_out(db, second.session, actor="test", now=now)
    assert shown(system, second.token) is None
    with system.sessions.begin() as db:
        kinds = (
            db.execute(text("select kind from events where kind like 'people.s%' order by id"))
            .scalars()
            .all()
        )
    assert kinds == ["people.signed_in"] * 2 + ["people.session_ended", "people.signed_out"]


def test_the_last_administrator_stays_even_when_two_go_at_once(system: System, ada: Person) -> None:
    now = system.clock()
    with system.sessions.begin() as db:
        with pytest.raises(Conflict, match="no administrator left"):
            people.disable(db, ada.id, actor="test", now=now)
        other = people.add(
            db, address="other@x.test", role=Role.ADMINISTRATOR, name="", actor="test", now=now
        )
    together, said = threading.Barrier(2), []

    def leave(person: Person) -> None:
        together.wait()
        try:
            with system.sessions.begin() as db:
                people.change_role(db, person.id, Role.ANALYST, actor="test", now=now)
            said.append("left")
        except Conflict:
            said.append("stayed")

    threads = [threading.Thread(target=leave, args=(one,)) for one in (ada, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["left", "stayed"]


def test_what_nobody_needs_goes(system: System, mailbox: Mailbox, bob: Person, clock: MovableClock) -> None:
    opened = sign_in(system, mailbox, BOB)
    clock.advance(days=2)
    with system.sessions.begin() as db:
        assert upkeep.clean(db, now=clock())["codes"] == 1
        (ended,) = queries.sessions_of(db, bob.id, going_only=False)
        assert (ended.id, ended.ended_by) == (opened.session, "its time was over")
    clock.advance(days=91)
    with system.sessions.begin() as db:
        assert upkeep.clean(db, now=clock())["sessions"] == 1
        assert set(upkeep.clean(db, now=clock()).values()) == {0}
    assert jobs.CLEAN.name in system.parts.jobs


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with api(system) as served:
        yield served


def test_an_administrator_manages_people(client: httpx2.Client, system: System, mailbox: Mailbox) -> None:
    made = client.post("/people", json={"address": "New@X.test", "role": "reviewer", "name": "Newton"})
    assert made.status_code == 201
    person = made.json()
    assert (person["address"], person["role"], person["created_by"]) == ("new@x.test", "reviewer", "key:api")
    assert client.post("/people", json={"address": "new@x.test"}).status_code == 409
    assert client.post("/people", json={"address": "x\r\nBcc: z@x.test"}).status_code == 422
    assert client.post("/people", json={"address": "a@x.test", "name": "a\r\nBcc: z"}).status_code == 422
    assert client.post("/people", json={"address": "a@x.test", "role": "god"}).status_code == 422
    invited = client.post("/people", json={"address": "guest@x.test", "invite": True})
    assert "/desk/welcome" not in invited.text
    work(system)
    assert "/desk/welcome/" in mailbox.texts("guest@x.test")[0]
    path = f"/people/{person['id']}"
    assert client.post(f"{path}/role", json={"role": "analyst"}).json()["role"] == "analyst"
    assert client.post(f"{path}/disable").json()["state"] == "disabled"
    assert client.post(f"{path}/enable").json()["state"] == "active"
    assert client.post(f"{path}/factors/reset").status_code == 204
    assert client.get(f"{path}/sessions").json()["items"] == []
    found = client.get("/people", params={"text": "NEWT", "role": "analyst"}).json()
    assert [one["address"] for one in found["items"]] == ["new@x.test"]
    assert client.get("/people", params={"text": "%"}).json()["items"] == []
    page = client.get("/people", params={"limit": 1}).json()
    rest = client.get("/people", params={"limit": 1, "before": page["next"]}).json()
    assert [one["address"] for one in page["items"] + rest["items"]] == ["guest@x.test", "new@x.test"]
    events = client.get("/journal", params={"kind": "people."}).json()["items"]
    assert {"people.added", "people.role_changed", "people.disabled", "people.enabled"} <= {
        one["kind"] for one in events
    }
    assert client.post("/people/01980000-0000-7000-8000-000000000000/disable").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/people?limit=-1",
        "/people?limit=1000000000",
        "/people?role=god",
        "/people?state=x",
        "/people?before=x",
        "/access-log?action=x",
        "/access-log?person=x",
        "/people?text=%00",
    ],
)
def test_lists_take_what_they_know(client: httpx2.Client, path: str) -> None:
    """Negative test 32."""
    assert client.get(path).status_code == 422


def test_this_installations_key_is_nobody(client: httpx2.Client) -> None:
    me = client.get("/auth/me").json()
    assert (me["name"], me["by"], me["person"], me["missing"]) == ("api", "key", None, "")
    for path in ("/auth/sessions", "/auth/keys"):
        assert client.get(path).status_code == 403
    assert client.post("/auth/sign-out").status_code == 403


@pytest.mark.parametrize(
    "path", ["//people", "/people/..;/", "/PEOPLE", "/people/", "/%2e%2e/people", "/people."]
)
def test_no_other_spelling_of_a_path_opens_it(client: httpx2.Client, path: str) -> None:
    """Negative test 33: sent as it is, by a client that mends nothing."""
    raw = http.client.HTTPConnection(client.base_url.host, client.base_url.port or 80)
    raw.request("GET", path)
    answer = raw.getresponse()
    assert answer.status in {401, 404}
    assert b"items" not in answer.read()
    raw.close()


def test_who_is_asked_for_is_who_is_shown_after_a_second_session(
    system: System, mailbox: Mailbox, bob: Person, ada: Person
) -> None:
    assert bob
    assert ada
    first, second = sign_in(system, mailbox, BOB), sign_in(system, mailbox, ADA)
    assert (caller_of(system, first).name, caller_of(system, second).name) == (BOB, ADA)
    assert BROWSER

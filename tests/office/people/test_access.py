"""The access log: at once a line, soon a row, never a secret and never a second line."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pyotp
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from recoup.core.system import System, Visit
from recoup.office.people import access, entrance, queries
from recoup.office.people.models import Person
from recoup.office.people.secrets import Keys
from recoup.office.people.service import factors
from recoup.web.health import gathered
from support.doors import api, typed
from support.house import MovableClock
from support.people import ADA, BROWSER, Mailbox, caller_of, code_in, sign_in, work


def visit(system: System, **changes: Any) -> Visit:
    return Visit(**({"at": system.clock(), "action": "opened", "subject": "/jobs/{name}"} | changes))


def lines(system: System) -> list[dict[str, Any]]:
    raw = access.file_of(system.home).read_text(encoding="ascii")
    return [json.loads(line) for line in raw.splitlines()]


def rows(system: System) -> list[str]:
    with system.sessions.begin() as db:
        return [one.subject for one in reversed(queries.access(db, limit=10_000))]


def test_a_visit_is_a_line_at_once_and_a_row_soon(system: System, bob: Person) -> None:
    log = access.AccessLog(system.sessions, system.home)
    log.note(visit(system, person=bob.id, name=bob.address, how="session", status=200, method="GET"))
    assert lines(system) == [
        {
            "at": "2025-07-24T16:30:00Z",
            "person_id": str(bob.id),
            "name": bob.address,
            "how": "session",
            "method": "GET",
            "action": "opened",
            "subject": "/jobs/{name}",
            "status": 200,
        }
    ]
    log.close()
    assert rows(system) == ["/jobs/{name}"]
    log.close()


def test_many_threads_lose_nothing(system: System) -> None:
    log = access.AccessLog(system.sessions, system.home)

    def visits(number: int) -> None:
        for at in range(200):
            log.note(visit(system, subject=f"/{number}/{at}"))

    threads = [threading.Thread(target=visits, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert len(lines(system)) == len(set(rows(system))) == 1_000


def test_rows_wait_for_a_database_that_is_away(system: System) -> None:
    def fail(_connection: object) -> None:
        raise OperationalError("insert", {}, Exception("gone"))

    engine, log = system.sessions.kw["bind"], access.AccessLog(system.sessions, system.home)
    event.listen(engine, "begin", fail)
    for number in range(3):
        log.note(visit(system, subject=f"/{number}"))
    log._write()
    event.remove(engine, "begin", fail)
    log.close()
    assert rows(system) == ["/0", "/1", "/2"]


@pytest.mark.parametrize(
    "nasty",
    [
        "a\r\nb",
        "\x1b[31mred\x1b[0m",
        '{"action": "opened"}',
        "x" * 1_000_000,
        "\x00",
        "\ud800",
        "\u202etxt.exe",
        "\u2028",
    ],
)
def test_whatever_stands_in_it_stays_one_line(system: System, nasty: str) -> None:
    """Negative test 55."""
    log = access.AccessLog(system.sessions, system.home)
    log.note(visit(system, agent=nasty, name=nasty, subject=nasty, detail=nasty))
    log.close()
    raw = access.file_of(system.home).read_bytes()
    assert raw.count(b"\n") == 1
    assert raw.rstrip(b"\n").decode("ascii").isprintable()
    assert len(raw) < 10_000
    assert len(lines(system)) == 1
    with system.sessions.begin() as db:
        (row,) = queries.access(db)
        assert len(row.agent) <= 300


def test_a_query_is_never_kept(system: System) -> None:
    access.noted(system, visit(system, subject="/desk/sign-in?code=123456"))
    assert rows(system) == ["/desk/sign-in"]
    assert "123456" not in access.file_of(system.home).read_text()


def test_a_file_that_grows_is_moved_aside(system: System) -> None:
    log = access.AccessLog(system.sessions, system.home)
    log._lines._largest = 2_000
    for number in range(50):
        log.note(visit(system, subject=f"/{number}"))
    log.close()
    assert access.file_of(system.home).with_name("access.log.1").exists()


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with api(system) as served:
        del served.headers["Authorization"]
        yield served


def test_no_secret_is_written_anywhere(
    client: httpx2.Client, system: System, mailbox: Mailbox, ada: Person, clock: MovableClock
) -> None:
    """Negative tests 10, 56 and 65: codes, tokens, keys and the app's secret, in tables, logs and commands."""
    assert ada
    caller, keys = caller_of(system, opened := sign_in(system, mailbox, ADA)), Keys.of(system.settings)
    with system.sessions.begin() as db:
        offer = factors.begin_totp(db, caller=caller, sealer=keys.sealer, now=clock())
    app = pyotp.TOTP(offer)
    renewed = entrance.confirm_totp(
        system.sessions,
        keys,
        caller=caller,
        code=app.at(clock()),
        sender="r@x.test",
        client=BROWSER,
        now=clock(),
    )
    clock.advance(minutes=2)
    asked = client.post("/auth/code", json={"email": ADA}).json()
    work(system)
    code = code_in(mailbox, ADA)
    body = {"attempt": asked["attempt"], "code": code, "totp": app.at(clock())}
    made = client.post("/auth/token", json=body).json()
    headers = {"Authorization": f"Bearer {made['access_token']}"}
    key = client.post("/auth/keys", json={"name": "a program", "scope": "all"}, headers=headers).json()
    client.get("/auth/me", headers={"Authorization": f"Bearer {key['secret']}x"})
    client.post("/auth/token", json=body | {"code": code})
    client.post("/auth/refresh", json={"refresh_token": made["refresh_token"] + "x"})
    link = typed(system, "people", "link", ADA, "--json").document["link"].rpartition("/")[2]
    secrets = [
        opened.token,
        renewed.token,
        offer,
        asked["attempt"],
        code,
        made["access_token"],
        made["refresh_token"],
        key["secret"],
        link,
        (system.home / "secrets" / "people.key").read_text().strip(),
        (system.home / "secrets" / "api.key").read_text().strip(),
    ]
    written = [path.read_text() for path in (system.home / "log").iterdir() if path.is_file()]
    for words in (
        ("people", "list"),
        ("people", "access"),
        ("people", "sessions", ADA),
        ("people", "keys", ADA),
        ("journal", "list", "--limit", "500"),
        ("outbox", "list"),
    ):
        said = typed(system, *words, "--json")
        assert said.code == 0, said.err
        written.append(said.out + said.err)
    planned = typed(system, "outbox", "list", "--json").document["items"]
    written.extend(typed(system, "outbox", "show", one["id"], "--raw").out for one in planned)
    written.append(repr(system.settings) + repr(keys) + repr(opened))
    written.extend(map(repr, gathered(system, system.parts.checks)))  # what doctor shows
    with system.sessions.begin() as db:
        tables = db.execute(
            text("select table_name from information_schema.tables where table_schema = 'public'")
        ).scalars()
        for table in tables.all():
            for row in db.execute(text(f'select * from "{table}"')).all():
                written.extend(
                    bytes(cell).decode("utf-8", "replace")
                    if isinstance(cell, bytes | memoryview)
                    else str(cell)
                    for cell in row
                )
    everything = "\n".join(written)
    assert ADA in everything
    for number, secret in enumerate(secrets):
        assert secret not in everything, number

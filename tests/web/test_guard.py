"""Before every route: hosts, sizes, headers, and failures that nobody foresaw."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from recoup.core.system import System
from recoup.web.app import create_app, hosts_of
from recoup.web.area import Area
from recoup.web.wire import Parameters
from support.doors import api
from support.house import MovableClock, ScriptedChannel, opened
from support.postgres import Database

SECRET = "the password is swordfish"


@pytest.fixture
def system(database: Database, tmp_path: Path) -> Iterator[System]:
    channels = {"mail": ScriptedChannel("mail", dedupes=False)}
    with opened(database, tmp_path, clock=MovableClock(), channels=channels) as running:
        yield running


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    router = APIRouter()

    @router.get("/breaks")
    def breaks() -> None:
        raise RuntimeError(SECRET)

    @router.get("/breaks-later")
    def breaks_later() -> StreamingResponse:
        def body() -> Iterator[bytes]:
            yield b"half"
            raise RuntimeError(SECRET)

        return StreamingResponse(body(), headers={"Content-Length": "8"})

    @router.get("/cached")
    def cached(response: Response) -> dict[str, str]:
        response.headers["Cache-Control"] = "max-age=60"
        return {}

    @router.post("/takes")
    def takes(body: Parameters) -> dict[str, int]:
        return {"size": sum(map(len, body.values()))}

    with api(system, application=create_app(system, areas=[Area(name="probe", routers=(router,))])) as served:
        yield served


def raw(client: httpx2.Client, request: bytes) -> bytes:
    """Send bytes as they are, and return the whole answer."""
    address = urlsplit(str(client.base_url))
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as wire:
        wire.sendall(request)
        answer = b""
        while chunk := wire.recv(65_536):
            answer += chunk
    return answer


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8000", 200),
        ("[::1]", 200),
        ("evil.test", 400),
        ("localhost.evil.test", 400),
        ("localhost:80:80", 400),
        ("localhost:80/x?", 400),
        ("localhost@evil.test", 400),
        ("[::1", 400),
        ("[::1]evil.test", 400),
        ("[localhost]", 400),
        ("", 400),
    ],
)
def test_only_known_hosts_are_answered(client: httpx2.Client, host: str, status: int) -> None:
    request = f"GET /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    assert raw(client, request.encode()).startswith(f"HTTP/1.1 {status} ".encode())


def test_the_configured_host_is_known_too() -> None:
    assert hosts_of("recoup.example.com") >= {"recoup.example.com", "localhost", "127.0.0.1"}
    assert hosts_of("0.0.0.0") >= {socket.gethostname(), "localhost"}  # noqa: S104 - nothing is bound
    assert "0.0.0.0" not in hosts_of("0.0.0.0")  # noqa: S104 - nothing is bound


def test_bodies_are_bounded_by_what_their_header_says(client: httpx2.Client) -> None:
    assert client.post("/takes", json={"a": "x" * 900_000}).json() == {"size": 900_000}
    answer = client.post("/takes", json={"a": "x" * 1_000_000})
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert "1,000,000 bytes" in answer.json()["detail"]


def test_bodies_are_bounded_by_what_really_comes(client: httpx2.Client) -> None:
    def endless() -> Iterator[bytes]:
        yield b'{"a": "'
        for _ in range(200):
            yield b"x" * 10_000

    answer = client.post("/takes", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_every_answer_carries_careful_headers(client: httpx2.Client) -> None:
    for answer in (
        client.get("/livez"),
        client.get("/nothing"),
        client.get("/breaks"),
        client.get("/cached"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert client.get("/livez").headers["cache-control"] == "no-store"
    assert client.get("/cached").headers["cache-control"] == "max-age=60"


def test_what_nobody_foresaw_shows_a_number_only(
    client: httpx2.Client, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.get("/breaks")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert SECRET not in answer.text
    assert "RuntimeError" not in answer.text
    number = answer.json()["detail"].rsplit(" ", 1)[1].rstrip(".")
    [record] = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert number in record.getMessage()
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == SECRET


def test_half_an_answer_is_never_taken_for_a_whole(client: httpx2.Client) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        client.get("/breaks-later")

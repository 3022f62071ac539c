"""Downloads by signed link: the right bytes under the right name, or a refusal; nothing in between."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import BinaryIO
from urllib.parse import unquote
from uuid import UUID

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker

from recoup.adapters.disk import FolderStore
from recoup.core.errors import RecoupError
from recoup.core.parts import Parts
from recoup.core.system import Ports, System
from recoup.office.files import service
from recoup.office.files.api import router
from recoup.office.files.models import File
from recoup.settings import load

Sessions = sessionmaker[Session]
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    root = tmp_path / "store"
    root.mkdir()
    return FolderStore(root)


def client_of(store: FolderStore, sessions: Sessions, *, home: Path, now: datetime) -> TestClient:
    system = System(
        settings=load(cwd=home, environ={}, sections={}),
        sessions=sessions,
        clock=lambda: now,
        ports=Ports(files=store, open_store=lambda address: FolderStore(Path(address)), channels={}),
        parts=Parts(),
        worker="test",
        alert=lambda *_args, **_kwargs: None,
        authenticate=lambda _key: None,
        noted=lambda _visit: None,
        conninfo="",
    )
    app = FastAPI()
    app.state.system = system
    app.include_router(router)

    @app.exception_handler(RecoupError)
    def refuse(_request: Request, error: RecoupError) -> JSONResponse:
        return JSONResponse({"detail": error.sentence()}, error.status)

    return TestClient(app)


@pytest.fixture
def client(store: FolderStore, sessions: Sessions, tmp_path: Path, now: datetime) -> Iterator[TestClient]:
    with client_of(store, sessions, home=tmp_path, now=now) as client:
        yield client


def keep(
    sessions: Sessions, store: FolderStore, now: datetime, body: bytes, *, name: str = "report.csv"
) -> File:
    with sessions.begin() as db:
        return service.keep(
            db,
            store,
            name=name,
            body=io.BytesIO(body),
            media_type="text/csv",
            subject="test",
            actor="ada",
            now=now,
        )


def address_of(
    client: TestClient, store: FolderStore, file: File, *, expires_in: timedelta = HOUR, now: datetime
) -> str:
    system: System = client.app.state.system  # type: ignore[attr-defined]
    return service.link(store, service.signing_secret(system.home), file, expires_in=expires_in, now=now)


@pytest.mark.parametrize("size", [0, 1, 3_000_001])
def test_a_signed_link_downloads_the_file(
    client: TestClient, sessions: Sessions, store: FolderStore, now: datetime, size: int
) -> None:
    body = os.urandom(size)
    file = keep(sessions, store, now, body, name="Übersicht <1>.csv")
    answer = client.get(address_of(client, store, file, now=now))
    assert answer.status_code == 200
    assert answer.content == body
    assert answer.headers["content-length"] == str(size)
    assert answer.headers["content-type"] == "text/csv"
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="Ubersicht _1_.csv"; ')
    assert unquote(disposition.partition("filename*=UTF-8''")[2]) == "Übersicht _1_.csv"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_link_that_is_over_is_refused(
    store: FolderStore, sessions: Sessions, tmp_path: Path, now: datetime
) -> None:
    file = keep(sessions, store, now, b"secret")
    with client_of(store, sessions, home=tmp_path, now=now + HOUR) as client:
        answer = client.get(address_of(client, store, file, now=now))
    assert answer.status_code == 403
    assert answer.json() == {"detail": "This link is over. Ask for a new one where you found it."}


def test_a_link_that_was_changed_is_refused(
    client: TestClient, sessions: Sessions, store: FolderStore, now: datetime
) -> None:
    mine, other = keep(sessions, store, now, b"mine"), keep(sessions, store, now, b"secret")
    good = address_of(client, store, mine, now=now)
    bare, _, query = good.partition("?")
    for address in (
        bare,
        good.replace(str(mine.id), str(other.id)),
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good.replace("expires=1", "expires=2"),
        f"{bare}?{query.partition('&')[2]}",
        f"{bare}?{query.partition('&')[0]}",
        f"{bare}?expires=%EF%BC%91&signature=%ED%A0%80",
    ):
        answer = client.get(address)
        assert answer.status_code == 403, address
        assert b"mine" not in answer.content
        assert b"secret" not in answer.content


def test_another_installation_signs_for_itself_only(
    client: TestClient, sessions: Sessions, store: FolderStore, tmp_path: Path, now: datetime
) -> None:
    file = keep(sessions, store, now, b"secret")
    foreign = service.link(
        store, service.signing_secret(tmp_path / "foreign"), file, expires_in=HOUR, now=now
    )
    assert client.get(foreign).status_code == 403


def test_only_a_signature_tells_whether_a_file_exists(
    client: TestClient, store: FolderStore, now: datetime
) -> None:
    unknown = File(id=UUID(int=7), name="x", store_key="x")
    signed = address_of(client, store, unknown, now=now)
    assert client.get(signed).status_code == 404
    assert client.get(signed.partition("?")[0]).status_code == 403
    assert client.get("/files/not-an-id").status_code == 422


def test_a_file_whose_bytes_are_gone_is_no_empty_download(
    client: TestClient, sessions: Sessions, store: FolderStore, now: datetime
) -> None:
    file = keep(sessions, store, now, b"something")
    (store.root / file.store_key).unlink()
    answer = client.get(address_of(client, store, file, now=now))
    assert answer.status_code == 503
    assert "are gone from" in answer.json()["detail"]


class Curtailing(FolderStore):
    """A store whose body ends early without a word."""

    @contextmanager
    def open(self, key: str, *, if_match: str | None = None) -> Iterator[BinaryIO]:
        with super().open(key, if_match=if_match) as body:
            yield io.BytesIO(body.read()[:-1])


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application on loopback; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def test_half_a_file_never_passes_for_a_whole_one(
    sessions: Sessions, store: FolderStore, tmp_path: Path, now: datetime
) -> None:
    file = keep(sessions, store, now, b"something")
    client = client_of(Curtailing(store.root), sessions, home=tmp_path, now=now)
    with pytest.raises(ConnectionAbortedError, match="1 of 9 bytes early"):
        client.get(address_of(client, store, file, now=now))
    with served(client.app) as base, pytest.raises(httpx2.RemoteProtocolError, match="8 bytes, expected 9"):
        httpx2.get(base + address_of(client, store, file, now=now))
    with served(client_of(store, sessions, home=tmp_path, now=now).app) as base:
        assert httpx2.get(base + address_of(client, store, file, now=now)).content == b"something"

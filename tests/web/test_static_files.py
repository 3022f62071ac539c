"""What the bundle is served as: files that never change under their names, and one worker that must never be old."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from recoup.core.system import System
from recoup.web.app import create_app
from recoup.web.area import Area
from recoup.web.pages import CSP
from recoup.web.static_files import WORKER, manifest, url
from support.doors import api
from support.house import MovableClock, ScriptedChannel, opened
from support.postgres import Database


@pytest.fixture
def system(database: Database, tmp_path: Path) -> Iterator[System]:
    channels = {"mail": ScriptedChannel("mail", dedupes=False)}
    with opened(database, tmp_path, clock=MovableClock(), channels=channels) as running:
        yield running


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with api(system, application=create_app(system, areas=[Area(name="probe")])) as served:
        yield served


def policy(text: str) -> dict[str, list[str]]:
    """Read a Content-Security-Policy."""
    parts = [part.split() for part in text.split(";")]
    return {name: sources for name, *sources in parts}


def test_the_worker_is_served_in_the_folder_that_it_sees_and_never_kept(client: httpx2.Client) -> None:
    answer = client.get(f"/desk/{WORKER}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "service-worker-allowed" not in answer.headers  # its own folder is enough
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content == client.get(url(WORKER)).content
    assert b"notificationclick" in answer.content


def test_the_worker_may_ask_nobody_anything(client: httpx2.Client) -> None:
    allowed = policy(client.get(f"/desk/{WORKER}").headers["content-security-policy"])
    assert allowed == {"default-src": ["'none'"], "img-src": ["data:"], "frame-ancestors": ["'none'"]}
    text = client.get(f"/desk/{WORKER}").text
    assert not [word for word in ("fetch(", "importScripts", "http://", "https://") if word in text]


def test_a_page_takes_workers_from_here_alone() -> None:
    assert policy(CSP)["worker-src"] == ["'self'"]
    assert policy(CSP)["manifest-src"] == ["'self'"]
    assert policy(CSP)["default-src"] == ["'none'"]
    assert not [name for name, sources in policy(CSP).items() if "'unsafe-inline'" in sources]


def test_on_a_home_screen_the_portal_is_a_window_of_its_own(client: httpx2.Client) -> None:
    answer = client.get("/desk/app.webmanifest")
    assert answer.headers["content-type"] == "application/manifest+json"
    said = answer.json()
    assert (said["display"], said["start_url"], said["scope"]) == ("standalone", "/desk", "/")
    (icon,) = said["icons"]
    picture = client.get(icon["src"])
    assert picture.headers["content-type"] == icon["type"] == "image/png"
    width, height = struct.unpack(">II", picture.content[16:24])  # of the head of a PNG
    assert icon["sizes"] == f"{width}x{height}"


def test_everything_else_is_kept_for_ever_under_a_name_that_changes(client: httpx2.Client) -> None:
    for entry, name in manifest().items():
        answer = client.get(f"/static/{name}")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable", entry
    assert client.get("/static/nothing.js").status_code == 404

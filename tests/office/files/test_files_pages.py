"""Pages of stored files: the list, one file, and a download by a link of its own."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import httpx2
import pytest

from recoup.core.system import System
from recoup.office.files import service
from recoup.office.files.models import File
from recoup.office.files.rules import kind_of
from recoup.office.people.permissions import Role
from support.desk import as_role, desk, links_of, main_of, text_of
from support.house import MovableClock

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with desk(system) as served:
        yield served


@pytest.fixture
def kept(system: System) -> Callable[..., File]:
    def keep(name: str, body: bytes = b"body", *, subject: str = "jobs/run/1", may: str = "") -> File:
        with system.sessions.begin() as db:
            return service.keep(
                db,
                system.ports.files,
                name=name,
                body=io.BytesIO(body),
                media_type="text/csv",
                subject=subject,
                actor="test",
                now=system.clock(),
                may=may,
            )

    return keep


def test_the_list_says_what_there_is_to_do_when_there_is_nothing(client: httpx2.Client) -> None:
    said = text_of(main_of(client.get("/desk/files")))
    assert "No file was kept yet." in said
    assert "Exports, reports" in said


def test_files_are_listed_with_what_they_belong_to(client: httpx2.Client, kept: Callable[..., File]) -> None:
    file = kept("report.csv", b"x" * 1_500)
    page = client.get("/desk/files")
    said = text_of(main_of(page))
    assert "report.csv" in said
    assert "1.5 kB" in said
    assert "run 1" in said
    assert {f"/desk/files/{file.id}", "/desk/about/jobs/run/1"} <= set(links_of(page))


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("?name=REP", "A"),
        ("?name=%25", "C"),
        ("?name=_", ""),
        ("?subject=jobs/run/", "AC"),
        ("?subject=a", "B"),
        ("?subject=a/b/1", "B"),
        ("?subject=a/b/", "B"),
        ("?subject=jobs/r", ""),
        ("?since=2025-07-25", "C"),
        ("?until=2025-07-24", "AB"),
    ],
)
def test_the_list_is_narrowed(
    client: httpx2.Client, kept: Callable[..., File], clock: MovableClock, query: str, seen: str
) -> None:
    files = {"A": kept("Report.csv"), "B": kept("other.csv", subject="a/b/1")}
    clock.advance(days=1)
    files["C"] = kept("100%.csv")
    page = main_of(client.get(f"/desk/files{query}"))
    assert [name for name, file in files.items() if f'href="/desk/files/{file.id}"' in page] == list(seen)


def test_a_download_is_the_file_by_a_link_that_ends(
    client: httpx2.Client, kept: Callable[..., File], clock: MovableClock
) -> None:
    file = kept("report.csv", b"the bytes")
    page = client.get(f"/desk/files/{file.id}")
    assert file.sha256 in text_of(page)
    assert f"/desk/files/{file.id}/download" in links_of(page)
    led = client.get(f"/desk/files/{file.id}/download")
    assert led.status_code == 303
    assert led.headers["cache-control"] == "no-store"
    link = led.headers["location"]
    assert link.startswith(f"/files/{file.id}?expires=")
    assert client.get(link).content == b"the bytes"
    clock.advance(minutes=6)
    assert client.get(link).status_code == 403


def test_who_may(client: httpx2.Client, kept: Callable[..., File]) -> None:
    file, other = kept("for-all.csv"), kept("for-some.csv", may="people.look")
    analyst = as_role(Role.ANALYST)
    assert client.get(f"/desk/files/{file.id}/download", headers=analyst).status_code == 303
    assert client.get(f"/desk/files/{other.id}/download", headers=analyst).status_code == 403
    page = client.get(f"/desk/files/{other.id}", headers=analyst)
    assert "needs the permission people.look" in text_of(page)
    assert "download" not in main_of(page)
    for path in ("/desk/files", f"/desk/files/{file.id}", f"/desk/files/{file.id}/download"):
        assert client.get(path, headers=as_role(Role.CUSTOMER)).status_code == 403
        assert (
            client.get(path, headers={"Authorization": "Bearer nobody"})
            .headers["location"]
            .startswith("/desk/sign-in")
        )


def test_names_are_text(client: httpx2.Client, kept: Callable[..., File]) -> None:
    file = kept("a{{7+7}}.csv", subject=f"a/b/{SCRIPT}")
    for path in ("/desk/files", f"/desk/files/{file.id}"):
        page = client.get(path)
        assert "a{{7+7}}.csv" in text_of(page)
        assert SCRIPT not in page.text


@pytest.mark.parametrize("query", ["?order=size", "?since=x", "?may=x", "?after=eA"])
def test_what_does_not_fit_is_refused(client: httpx2.Client, query: str) -> None:
    assert client.get(f"/desk/files{query}").status_code == 422


def test_a_missing_file_is_said_to_be_missing(client: httpx2.Client) -> None:
    page = client.get("/desk/files/01985f3c-1111-7222-8333-944455556666")
    assert page.status_code == 404
    assert "There is no file" in text_of(page)


@pytest.mark.parametrize(
    ("name", "media_type", "kind"),
    [
        ("a.XLSX", "x/y", "Workbook"),
        ("a", "text/plain; charset=utf-8", "Text"),
        ("a.bin", "application/octet-stream", "Bytes"),
        ("a.x", "video/mp4", "video/mp4"),
    ],
)
def test_kinds_are_words(name: str, media_type: str, kind: str) -> None:
    assert kind_of(name, media_type) == kind

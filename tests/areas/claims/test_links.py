"""Links to documents: short, signed for one file, over when their time is, and when the document was withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from recoup.areas.claims.models import Document
from recoup.areas.claims.queries import document_rows
from recoup.areas.claims.service import documents
from recoup.core.system import System
from recoup.office.files import jobs as file_jobs
from support.claims import CARL, REA, as_, claims_api, file_claim, pdf, policy_of, populate
from support.house import MovableClock


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with claims_api(system) as client:
        yield client


@pytest.fixture
def claim(system: System, client: httpx2.Client) -> dict[str, Any]:
    two = [("files", (f"{name}.pdf", pdf(name), "application/pdf")) for name in ("a", "b")]
    return dict(file_claim(client, policy_of(system, populate(system)[CARL]), files=two).json())


def test_a_link_ends_and_a_new_one_is_made_for_who_may_see_the_claim(
    client: httpx2.Client, claim: dict[str, Any], clock: MovableClock
) -> None:
    (document, _) = claim["documents"]
    assert client.get(document["s3_url"]).status_code == 200
    assert client.get(document["s3_url"]).status_code == 200  # it works more than once
    clock.advance(minutes=16)
    over = client.get(document["s3_url"])
    assert (over.status_code, "is over" in over.json()["detail"]) == (403, True)
    path = f"/claims/{claim['id']}/documents/{document['id']}/refresh-url"
    for who in (CARL, REA):
        assert client.get(client.get(path, headers=as_(who)).json()["url"]).status_code == 200


def test_a_link_opens_its_own_file_and_nothing_else(client: httpx2.Client, claim: dict[str, Any]) -> None:
    first, second = (one["s3_url"] for one in claim["documents"])
    path, _, query = first.partition("?")
    changed = [
        second.partition("?")[0] + "?" + query,
        f"{path.rpartition('/')[0]}/{uuid4()}?{query}",
        f"{path}?{query.replace('expires=1', 'expires=2')}",
        f"{path}?{query}x",
        f"{path}?{query.partition('&')[0]}",
        path,
    ]
    for url in changed:
        assert client.get(url).status_code == 403, url
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.request(method, first).status_code == 405


def test_what_was_withdrawn_is_opened_by_no_link_and_its_bytes_go(
    system: System, client: httpx2.Client, claim: dict[str, Any]
) -> None:
    (document, other) = claim["documents"]
    with system.sessions.begin() as db:
        row = document_rows.by_id(db, document["id"], for_update=True)
        assert isinstance(row, Document)
        file_id = str(row.file_id)
        documents.withdraw(db, row, reason="A mistake.", actor="test", now=system.clock())
    gone = client.get(document["s3_url"])
    assert (gone.status_code, "withdrawn" in gone.json()["detail"]) == (403, True)
    path = f"/claims/{claim['id']}/documents/{document['id']}/refresh-url"
    assert client.get(path, headers=as_(CARL)).status_code == 404
    file_jobs.remove_task(system, file_id=file_id)
    file_jobs.remove_task(system, file_id=file_id)
    assert len(list(system.ports.files.list("files/"))) == 1
    assert client.get(other["s3_url"]).status_code == 200
    with system.sessions.begin() as db:
        swept = file_jobs.service.sweep_orphans(db, system.ports.files, now=system.clock())
        assert (swept.without_object, swept.removed) == ([], [])

"""Pages of documents as pictures, and the way to the file: for who may see them, while they may be seen."""

from __future__ import annotations

import io
from collections.abc import Iterator

import httpx2
import pytest
from PIL import Image
from sqlalchemy import select, update

from recoup.areas.claims.models import Document, DocumentState
from recoup.core.system import System
from support.claimant import Claimant, claimant_on
from support.claims import ADA, ANA, CARL, DORA, REA, as_, pdf, picture

DOCUMENTS = "/desk/claims-documents"


@pytest.fixture
def carl(system: System) -> Iterator[Claimant]:
    with claimant_on(system) as made:
        yield made


def newest(system: System) -> int:
    with system.sessions.begin() as db:
        return db.scalars(select(Document.id).order_by(Document.id.desc())).all()[0]


def look(carl: Claimant, path: str, *, by: str = CARL, **headers: str) -> httpx2.Response:
    return carl.client.get(f"{DOCUMENTS}/{path}", headers=as_(by, **headers))


def test_each_page_is_a_picture_no_wider_than_was_asked(carl: Claimant, system: System) -> None:
    at = carl.draft()
    carl.add(at, body=pdf(pages=2))
    document = newest(system)
    for number in (1, 2):
        answer = look(carl, f"{document}/pages/{number}?width=300")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["x-content-type-options"] == "nosniff"
        with Image.open(io.BytesIO(answer.content)) as drawn:
            assert 300 <= drawn.width <= 320
    assert look(carl, f"{document}/pages/3").status_code == 404
    for wrong in ("0", "-1", "x", "1?width=5000", "1?width=1", "100001"):
        assert look(carl, f"{document}/pages/{wrong}").status_code in {404, 422}, wrong
    assert not list((system.home / "incoming").glob("tmp*"))  # nothing is left of the drawing


def test_a_photo_is_drawn_from_what_is_kept(carl: Claimant, system: System) -> None:
    at = carl.draft()
    files = {"files": ("photo.png", picture("PNG"), "image/png")}
    assert carl.post(f"{at}/documents", files=files).status_code == 303
    answer = look(carl, f"{newest(system)}/pages/1")
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as drawn:
        assert drawn.format == "PNG"


def test_a_browser_asks_each_time_and_gets_a_page_once(carl: Claimant, system: System) -> None:
    at = carl.draft()
    carl.add(at)
    path = f"{newest(system)}/pages/1?width=160"
    first = look(carl, path)
    assert first.headers["cache-control"] == "private, no-cache"
    etag = first.headers["etag"]
    again = look(carl, path, **{"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert look(carl, path.replace("160", "640"), **{"If-None-Match": etag}).status_code == 200
    # Whoever may not see it any more does not learn that nothing changed.
    assert look(carl, path, by=DORA, **{"If-None-Match": etag}).status_code == 404


def test_a_draft_is_its_owners_alone_and_a_claim_is_looked_at_by_staff(
    carl: Claimant, system: System
) -> None:
    at = carl.whole_draft()
    document = newest(system)
    for who, status in ((CARL, 200), (DORA, 404), (REA, 404), (ANA, 404), (ADA, 404)):
        assert look(carl, f"{document}/pages/1", by=who).status_code == status, who
    carl.post(f"{at}/file")
    for who, status in ((CARL, 200), (DORA, 404), (REA, 200), (ANA, 200), (ADA, 200)):
        assert look(carl, f"{document}/pages/1", by=who).status_code == status, who
        link = look(carl, f"{document}/download", by=who)
        assert link.status_code == (303 if status == 200 else 404), who
    nobody = carl.client.get(f"{DOCUMENTS}/{document}/pages/1", headers={"Authorization": "Bearer nobody"})
    assert nobody.headers["location"].startswith("/desk/sign-in")


def test_the_way_to_the_file_is_a_short_signed_link(carl: Claimant, system: System) -> None:
    carl.filed()
    led = look(carl, f"{newest(system)}/download")
    assert led.status_code == 303
    assert led.headers["cache-control"] == "no-store"
    got = carl.client.get(led.headers["location"])
    assert got.content.startswith(b"%PDF-")
    assert got.headers["content-disposition"].startswith("attachment")
    system.clock.advance(minutes=16)  # type: ignore[attr-defined]
    assert carl.client.get(led.headers["location"]).status_code == 403


@pytest.mark.parametrize(
    ("state", "status", "why"),
    [
        (DocumentState.HELD, 409, "waits for the virus scanner"),
        (DocumentState.INFECTED, 403, "the virus scanner found Eicar in it"),
        (DocumentState.WITHDRAWN, 403, "bill.pdf was withdrawn: Eicar"),
    ],
)
def test_what_is_not_given_out_is_refused_with_the_reason(
    carl: Claimant, system: System, state: str, status: int, why: str
) -> None:
    carl.filed()
    with system.sessions.begin() as db:
        db.execute(update(Document).values(state=state, reason="Eicar"))
    document = newest(system)
    for who in (CARL, REA):
        for path in (f"{document}/pages/1", f"{document}/download"):
            refused = look(carl, path, by=who)
            assert refused.status_code == status
            assert why in refused.text


def test_word_files_can_only_be_downloaded(carl: Claimant, system: System) -> None:
    carl.filed()
    with system.sessions.begin() as db:
        db.execute(update(Document).values(kind="docx"))
    refused = look(carl, f"{newest(system)}/pages/1")
    assert refused.status_code == 422
    assert "can only be downloaded" in refused.text
    assert look(carl, f"{newest(system)}/download").status_code == 303


def test_bytes_that_are_gone_are_told(carl: Claimant, system: System) -> None:
    carl.filed()
    for path in (system.home / "files").rglob("*"):
        if path.is_file():
            path.unlink()
    answer = look(carl, f"{newest(system)}/pages/1")
    assert answer.status_code == 503
    assert "are gone from" in answer.text


@pytest.mark.parametrize("document", ["0", "99999", "9223372036854775808", "x", "-1"])
def test_there_is_no_such_document(carl: Claimant, document: str) -> None:
    assert look(carl, f"{document}/pages/1").status_code in {404, 422}
    assert look(carl, f"{document}/download").status_code in {404, 422}

"""Documents in pieces: resumed where they stopped, read once, reached by their owner only, and never more than announced."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from recoup.areas.claims import controls, incoming, receiving
from recoup.areas.claims.models import Claim, Document, DocumentState
from recoup.areas.claims.pages import uploading
from recoup.areas.claims.queries import document_rows
from recoup.core.errors import Unavailable
from recoup.core.system import System
from recoup.office.controls import service as house
from support.claimant import MINE, Claimant, claimant_on
from support.claims import CARL, DORA, REA, as_, claims_api, pdf, picture
from support.desk import text_of
from support.house import MovableClock

PIECE = incoming.PIECE


@pytest.fixture
def carl(system: System) -> Iterator[Claimant]:
    with claimant_on(system) as made:
        yield made


def count(system: System) -> int:
    with system.sessions.begin() as db:
        standing = Document.state != DocumentState.WITHDRAWN
        return db.execute(select(func.count()).select_from(Document).where(standing)).scalar_one()


def left(system: System) -> list[Path]:
    return sorted((system.home / "incoming").rglob("*.part"))


def test_a_document_comes_in_pieces_and_becomes_one(carl: Claimant, system: System) -> None:
    at, body = carl.draft(), pdf(padding=600_000)
    begun = carl.begin(at, body).json()
    assert begun["offset"] == 0
    first = carl.piece(begun["address"], 0, body[:PIECE])
    assert (first.status_code, first.json()["offset"]) == (200, PIECE)
    assert "524.3 kB of" in text_of(carl.get(f"{at}/documents"))  # it can be gone on with after a reload
    last = carl.piece(begun["address"], PIECE, body[PIECE:])
    assert last.status_code == 201
    assert "bill.pdf" in last.text
    assert "1 of at most 10" in text_of(last)
    with system.sessions.begin() as db:
        document = db.scalars(select(Document)).one()
    assert document.original_size == len(body)
    assert str(document.draft_id) == at.rpartition("/")[2]
    assert sum(one.stat().st_size for one in left(system)) == 0
    assert "arrived. Choose" not in text_of(carl.get(f"{at}/documents"))


def test_it_goes_on_where_it_stopped_even_after_a_restart(carl: Claimant, system: System) -> None:
    at, body = carl.draft(), pdf(padding=900_000)
    begun = carl.begin(at, body, modified="1753370000000").json()
    carl.piece(begun["address"], 0, body[:PIECE])
    with claims_api(system) as client:  # another server on the same folder
        later = replace(carl, client=client)
        again = later.begin(at, body, modified="1753370000000").json()
        assert (again["id"], again["offset"]) == (begun["id"], PIECE)
        assert later.client.get(begun["address"], headers=as_(CARL)).json()["offset"] == PIECE
        while (offset := again["offset"]) < len(body):
            answer = later.piece(begun["address"], offset, body[offset : offset + PIECE])
            if answer.status_code == 201:
                break
            again = answer.json()
    assert count(system) == 1


def test_another_file_is_another_upload(carl: Claimant) -> None:
    at, body = carl.draft(), pdf()
    first = carl.begin(at, body).json()["id"]
    assert carl.begin(at, body, name="other.pdf").json()["id"] != first
    assert carl.begin(at, pdf("Other")).json()["id"] != first
    assert carl.begin(carl.draft(), body).json()["id"] != first
    assert carl.begin(at, body, sha256="").json()["id"] != carl.begin(at, body, sha256="").json()["id"]


def test_a_piece_for_another_place_is_told_the_right_one(carl: Claimant, system: System) -> None:
    at, body = carl.draft(), pdf(padding=600_000)
    address = carl.begin(at, body).json()["address"]
    carl.piece(address, 0, body[:1000])
    for offset in (0, 999, 1001, len(body)):
        refused = carl.piece(address, offset, body[offset : offset + 100])
        assert (refused.status_code, refused.json()["offset"]) == (409, 1000), offset
    assert left(system)[0].stat().st_size == 1000


def test_no_more_bytes_are_taken_than_were_announced(carl: Claimant, system: System) -> None:
    at, body = carl.draft(), pdf()
    address = carl.begin(at, body).json()["address"]
    assert carl.piece(address, 0, body + b"x").status_code == 413
    assert carl.piece(address, 0, b"x" * (PIECE + 1)).status_code == 413
    assert carl.piece(address, 0, b"x" * 1_500_000).status_code == 413
    assert left(system)[0].stat().st_size == 0


@pytest.mark.parametrize(
    ("about", "status"),
    [
        ({"size": 10 * 1024 * 1024 + 1}, 413),
        ({"size": 0}, 422),
        ({"size": -1}, 422),
        ({"sha256": "zz"}, 422),
        ({"name": "x" * 1001}, 422),
        ({"place": "draft/other"}, 422),
        ({"modified": "../../x"}, 422),
    ],
)
def test_what_is_announced_wrongly_begins_nothing(
    carl: Claimant, system: System, about: dict[str, object], status: int
) -> None:
    refused = carl.begin(carl.draft(), pdf(), **about)
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert left(system) == []


def test_damage_on_the_way_is_noticed(carl: Claimant, system: System) -> None:
    at, body = carl.draft(), pdf()
    address = carl.begin(at, body).json()["address"]
    refused = carl.piece(address, 0, body[:-1] + b"X")
    assert refused.status_code == 422
    assert "damaged on its way" in refused.json()["detail"]
    assert count(system) == 0
    assert carl.begin(at, body).json()["offset"] == 0  # from the beginning


def test_a_refusal_is_told_and_told_again(carl: Claimant, system: System) -> None:
    at, body = carl.draft(), b"MZ" + b"\0" * 200
    address = carl.begin(at, body, name="bill.pdf").json()["address"]
    for offset in (0, len(body)):
        refused = carl.piece(address, offset, body[offset:])
        assert refused.status_code == 415
        assert "a program" in refused.json()["detail"]
    assert count(system) == 0


def test_whoever_lost_the_last_answer_gets_it_again(carl: Claimant, system: System) -> None:
    at, body = carl.draft(), pdf()
    address = carl.begin(at, body).json()["address"]
    first = carl.piece(address, 0, body)
    where = carl.client.get(address, headers=as_(CARL)).json()
    assert where["offset"] == where["size"]
    again = carl.piece(address, where["offset"], b"")
    assert (again.status_code, text_of(again)) == (201, text_of(first))
    assert count(system) == 1


def test_two_that_finish_one_upload_at_once_make_one_document(carl: Claimant, system: System) -> None:
    at, body = carl.draft(), pdf()
    address = carl.begin(at, body).json()["address"]
    carl.piece(address, 0, body[:-1])
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: carl.piece(address, len(body) - 1, body[-1:]), range(4)))
    assert [one.status_code for one in answers] == [201] * 4
    assert count(system) == 1


def test_a_crash_between_keeping_and_noting_it_makes_no_second_document(
    carl: Claimant, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, body = carl.draft(), pdf()
    address = carl.begin(at, body).json()["address"]

    def crash(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(uploading.incoming, "settle", crash)
        assert carl.piece(address, 0, body).status_code == 500
    assert count(system) == 1
    assert carl.piece(address, len(body), b"").status_code == 201
    assert count(system) == 1


def test_the_same_document_is_not_added_twice(carl: Claimant, system: System, clock: MovableClock) -> None:
    at, body = carl.draft(), pdf()
    address = carl.begin(at, body).json()["address"]
    carl.piece(address, 0, body)
    clock.advance(minutes=1)
    address = carl.begin(at, body, name="again.pdf").json()["address"]
    refused = carl.piece(address, 0, body)
    assert refused.status_code == 409
    assert refused.json()["detail"] == "again.pdf is here already, as bill.pdf."
    assert count(system) == 1


def test_a_busy_moment_costs_nothing(carl: Claimant, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    at, body = carl.draft(), pdf()
    address = carl.begin(at, body).json()["address"]

    def busy(*_: object, **__: object) -> None:
        raise Unavailable("Too many documents are being read.", retry_after=7)

    with monkeypatch.context() as patch:
        patch.setattr(receiving, "received", busy)
        refused = carl.piece(address, 0, body)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "7")
    assert carl.piece(address, len(body), b"").status_code == 201
    assert count(system) == 1


def test_only_its_owner_reaches_an_upload(carl: Claimant, system: System) -> None:
    at, body = carl.draft(), pdf()
    address = carl.begin(at, body).json()["address"]
    for who in (DORA, REA):
        assert carl.client.get(address, headers=as_(who)).status_code == 404
        assert carl.client.patch(f"{address}?offset=0", content=body, headers=as_(who)).status_code == 404
        assert carl.client.post(f"{address}/remove", headers=as_(who)).status_code == 404
        begun = carl.client.post(f"{at}/uploads", json={"name": "a.pdf", "size": 9}, headers=as_(who))
        assert begun.status_code == 404
    assert left(system)[0].stat().st_size == 0
    anonymous = carl.client.patch(
        f"{address}?offset=0", content=body, headers={"Authorization": "Bearer nobody"}
    )
    assert anonymous.status_code == 401
    assert (
        anonymous.headers["content-type"] == "application/problem+json"
    )  # a script is not led to the sign-in


def test_count_and_quota_are_checked_before_a_byte_is_taken(carl: Claimant, system: System) -> None:
    with system.sessions.begin() as db:
        house.change(db, controls.MOST_DOCUMENTS, 1, expected_version=0, actor="test", now=system.clock())
    at = carl.draft()
    assert carl.add(at).status_code == 303
    refused = carl.begin(at, pdf("Second"))
    assert refused.status_code == 409
    assert "at most 1 documents" in refused.json()["detail"]
    other = carl.draft()
    for number in range(9):  # 9 x 10 MB announced, and not here yet
        assert carl.begin(other, b"", size=10_000_000, sha256=f"{number}" * 64).status_code == 200, number
    refused = carl.begin(other, b"", size=10_000_000, sha256="a" * 64)
    assert refused.status_code == 413
    assert "100 MB together" in refused.json()["detail"]


def test_nobody_begins_uploads_without_end(carl: Claimant) -> None:
    at = carl.draft()
    for number in range(incoming.MOST_OPEN):
        assert carl.begin(at, b"", size=10, sha256=f"{number:064x}").status_code == 200
    refused = carl.begin(at, b"", size=10, sha256="f" * 64)
    assert refused.status_code == 409
    assert "not whole" in refused.json()["detail"]


def test_what_nobody_goes_on_with_is_swept_after_a_day(carl: Claimant, system: System) -> None:
    at, body = carl.draft(), pdf()
    old, young = (carl.begin(at, body, name=f"{name}.pdf").json() for name in ("old", "young"))
    at_start = system.clock().timestamp()
    for path in (system.home / "incoming").glob("*-*/*"):
        ago = timedelta(hours=25) if old["id"] in path.name else timedelta(hours=23)
        os.utime(path, (0, at_start - ago.total_seconds()))
    incoming.tick(system, system.clock())
    assert [one.stem for one in left(system)] == [young["id"]]
    assert carl.client.get(old["address"], headers=as_(CARL)).status_code == 404


def test_what_grows_is_not_swept_for_its_old_note(carl: Claimant, system: System) -> None:
    address = carl.begin(carl.draft(), pdf()).json()["address"]
    now = time.time()
    for path in (system.home / "incoming").glob("*-*/*.json"):
        os.utime(path, (0, 0))
    for path in left(system):
        os.utime(path, (now, now))
    incoming.tick(system, system.clock())
    assert carl.client.get(address, headers=as_(CARL)).status_code == 200


def test_an_upload_is_removed(carl: Claimant, system: System) -> None:
    at = carl.draft()
    address = carl.begin(at, pdf()).json()["address"]
    page = carl.get(f"{at}/documents")
    assert "0 bytes of" in text_of(page)
    assert carl.post(f"{address}/remove").headers["location"] == f"{at}/documents"
    assert left(system) == []


def test_a_document_is_removed_from_a_draft(carl: Claimant, system: System) -> None:
    at = carl.draft()
    carl.add(at)
    (document,) = document_ids(system)
    quiet = carl.post(f"{at}/documents/{document}/remove", headers={"HX-Request": "true"})
    assert "bill.pdf was removed." in text_of(quiet)
    assert "None yet" in text_of(quiet)
    assert count(system) == 0
    assert carl.post(f"{at}/documents/{document}/remove").status_code == 404


def document_ids(system: System) -> list[int]:
    with system.sessions.begin() as db:
        return list(db.scalars(select(Document.id).order_by(Document.id)))


def test_a_plain_form_keeps_the_good_ones_and_says_what_is_wrong_with_the_others(
    carl: Claimant, system: System
) -> None:
    at = carl.draft()
    files = [
        ("files", ("bill.pdf", pdf(), "application/pdf")),
        ("files", ("virus.exe", b"MZ..", "application/pdf")),
        ("files", ("<b>photo</b>.jpg", picture(), "image/jpeg")),
        ("files", ("fake.png", pdf(), "image/png")),
    ]
    page = carl.post(f"{at}/documents", files=files)
    assert page.status_code == 422
    assert "These were not taken:" in text_of(page)
    assert "virus.exe is of a kind that is not taken" in text_of(page)
    assert "fake.png does not hold what its name says" in text_of(page)
    assert count(system) == 2
    assert "<b>photo</b>" not in page.text
    nothing = (
        '--x\r\nContent-Disposition: form-data; name="files"; filename=""\r\n'
        "Content-Type: application/octet-stream\r\n\r\n\r\n--x--\r\n"
    )  # as browsers send it
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    empty = carl.post(f"{at}/documents", content=nothing, headers=kind)
    assert "No document was chosen." in text_of(empty)


def test_documents_are_added_to_a_claim_only_when_they_were_asked_for(
    carl: Claimant, system: System, clock: MovableClock
) -> None:
    claim = carl.filed()
    at = f"{MINE}/{claim}"
    assert carl.begin(at, pdf("More")).status_code == 409
    assert carl.add(at).status_code == 422
    with system.sessions.begin() as db:
        db.execute(update(Claim).values(asked_at=system.clock() + timedelta(minutes=1)))
    clock.advance(minutes=2)
    for text in ("More", "And more"):  # the first one answers; others may follow it
        body = pdf(text)
        address = carl.begin(at, body, name=f"{text}.pdf").json()["address"]
        assert carl.piece(address, 0, body).status_code == 201
    with system.sessions.begin() as db:
        assert len(document_rows.of_claim(db, claim)) == 3
        assert db.get_one(Claim, claim).asked_at is None
    clock.advance(days=2)
    assert carl.begin(at, pdf("Late")).status_code == 409


def test_a_note_of_another_person_is_not_believed(system: System, tmp_path: Path) -> None:
    """Owners are told apart by their folder, and by what the note in it says."""
    mine, other = (incoming.new_id() for _ in range(2))
    incoming.begin(tmp_path, mine, "draft/x", incoming.Announced("a.pdf", 5), now=system.clock())
    (tmp_path / "incoming" / str(mine)).rename(tmp_path / "incoming" / str(other))
    assert incoming.of_owner(tmp_path, other) == []
    assert incoming.of_owner(tmp_path, mine) == []


def test_pieces_are_files_that_others_cannot_read(carl: Claimant, system: System) -> None:
    carl.begin(carl.draft(), pdf())
    for path in (system.home / "incoming").glob("*-*/*"):
        assert path.stat().st_mode & 0o077 == 0, path
    note = json.loads(next((system.home / "incoming").glob("*-*/*.json")).read_bytes())
    assert note["owner"] == str(carl.ids[CARL])

"""Filing a claim over real HTTP: it stands with its documents, its history and its mail, or nothing does."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import httpx2
import pytest
from sqlalchemy import func, select

from recoup.areas.claims import controls
from recoup.areas.claims.models import Claim, Document, Filing, History, PolicyStatus
from recoup.areas.claims.rules import numbers
from recoup.core.errors import Unavailable
from recoup.core.ports import BlobInfo
from recoup.core.system import System
from recoup.office.controls import service as house
from recoup.office.files import service as files
from recoup.office.files.models import File
from recoup.office.outbox.models import Delivery
from support.claims import (
    CARL,
    DORA,
    INCIDENT,
    as_,
    claims_api,
    file_claim,
    pdf,
    picture,
    policy_of,
    populate,
    stored,
)

PDF = "application/pdf"


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with claims_api(system) as client:
        yield client


@pytest.fixture
def policy(system: System) -> int:
    return policy_of(system, populate(system)[CARL])


def counts(system: System) -> dict[str, int]:
    """Return how many rows there are of what filing writes, and how many objects lie in the store."""
    with system.sessions.begin() as db:
        found = {
            kind.__tablename__: db.execute(select(func.count()).select_from(kind)).scalar_one()
            for kind in (Claim, Document, History, File, Delivery, Filing)
        }
    return {**found, "objects": len(list(system.ports.files.list("files/")))}


def incoming(system: System) -> list[Path]:
    """Return what is left of requests."""
    return list((system.home / "incoming").rglob("*"))


def test_the_curl_of_the_brief_files_a_claim(
    system: System, client: httpx2.Client, policy: int, tmp_path: Path
) -> None:
    assert policy == 1
    (tmp_path / "document.pdf").write_bytes(pdf("Bill"))
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("there is no curl on this machine")
    words = [curl, "-sS", "-w", "%{stderr}%{http_code}", "-X", "POST", f"{client.base_url}/claims"]
    words += ["-H", f"Authorization: Bearer {CARL}", "-F", "user_policy_id=1", "-F", "claim_type=medical"]
    words += ["-F", f"incident_date={INCIDENT}", "-F", "description=Emergency treatment"]
    words += ["-F", "claim_amount=5000", "-F", "files=@document.pdf"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, check=True, timeout=60)
    assert done.stderr == b"200", done.stdout
    (claim,) = client.get("/claims", headers=as_(CARL)).json()
    assert set(claim) == {
        *(
            "id",
            "claim_number",
            "user_policy_id",
            "claim_type",
            "incident_date",
            "description",
            "claim_amount",
        ),
        *("currency", "status", "status_notes", "reason_code", "approved_amount", "version", "due_at"),
        *("created_at", "updated_at", "documents", "history", "fraud_flags"),
    }
    assert re.fullmatch(r"CLM-20250724-[0-9A-F]{8}", claim["claim_number"])
    assert (claim["claim_amount"], claim["currency"], claim["status"]) == (5000, "EUR", "pending")
    assert (claim["claim_type"], claim["incident_date"], claim["user_policy_id"]) == (
        "medical",
        str(INCIDENT),
        1,
    )
    (document,) = claim["documents"]
    assert (document["file_name"], document["file_type"]) == ("document.pdf", PDF)
    got = client.get(document["s3_url"])
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in got.headers["Content-Security-Policy"]
    assert got.content.startswith(b"%PDF-")
    assert len(got.content) == document["file_size"]
    assert incoming(system) == []


def test_own_policies_are_listed(system: System, client: httpx2.Client) -> None:
    ids = populate(system)
    policy_of(system, ids[CARL], "H-1", insured=1_000_000)
    policy_of(system, ids[CARL], "H-0", last=INCIDENT - timedelta(days=1))
    policy_of(system, ids[DORA], "D-1")
    shown = client.get("/policies/my", headers=as_(CARL)).json()
    assert [(one["policy_number"], one["is_active"]) for one in shown] == [("H-1", True), ("H-0", False)]
    assert (shown[0]["premium"], shown[0]["sum_insured"], shown[0]["auto_renew"]) == (120, 10_000, True)


def test_several_documents_and_the_fields_of_a_first_notice(
    system: System, client: httpx2.Client, policy: int
) -> None:
    sent = [
        ("files", ("bill.pdf", pdf("Bill"), PDF)),
        ("files", ("photo.JPG", picture(), "image/jpeg")),
        ("files", ("plan.png", picture("PNG", seed=5), "image/png")),
    ]
    answer = file_claim(
        client,
        policy,
        files=sent,
        claim_type="Medical Expense",
        loss_time="14:30",
        loss_location="Köln",
        cause="Fall",
        police_report_no="47/11",
        reported_at="2025-07-21",
    )
    assert answer.status_code == 200, answer.text
    assert [one["file_name"] for one in answer.json()["documents"]] == ["bill.pdf", "photo.JPG", "plan.png"]
    row = stored(system, answer.json()["id"])
    assert (str(row.loss_time), row.loss_location, row.police_report_no) == ("14:30:00", "Köln", "47/11")
    assert row.claim_type == "medical"


REFUSED: tuple[tuple[dict[str, str], int, str], ...] = (
    ({"claim_amount": "-5"}, 422, "not an amount"),
    ({"claim_amount": "0"}, 422, "more than nothing"),
    ({"claim_amount": "NaN"}, 422, "not an amount"),
    ({"claim_amount": "1e309"}, 422, "not an amount"),
    ({"claim_amount": "0.001"}, 422, "digits after the point"),
    ({"claim_amount": "5.000000000001"}, 422, "digits after the point"),
    ({"claim_amount": "\uff11\uff10\uff10"}, 422, "not an amount"),
    ({"claim_amount": "1000000000000001"}, 422, "larger than anything"),
    ({"claim_amount": ""}, 422, "claim_amount"),
    ({"claim_type": "bribe"}, 422, "no type of claim"),
    ({"incident_date": "2025-02-30"}, 422, "not a date"),
    ({"incident_date": "20250720"}, 422, "not a date"),
    ({"incident_date": "2025-07-25"}, 422, "in the future"),
    ({"incident_date": "2024-12-31"}, 400, "Cannot file claim for inactive policy"),
    ({"description": " \n"}, 422, "description is"),
    ({"description": "x" * 10_001}, 422, "longer than"),
    ({"user_policy_id": "2"}, 404, "User policy not found"),
    ({"user_policy_id": "x"}, 422, "user_policy_id"),
    ({"user_policy_id": "9" * 30}, 422, "user_policy_id"),
    ({"status": "approved"}, 422, "no field 'status'"),
    ({"user_id": "1"}, 422, "no field 'user_id'"),
    ({"approved_amount": "1"}, 422, "no field 'approved_amount'"),
    ({"lines": "[]"}, 422, "parts of the claim"),
    ({"lines": '[{"title": "x", "amount": 1}]'}, 422, "add up"),
    ({"lines": "[" * 2_000}, 422, "parts of the claim"),
    ({"reported_at": "2025-12-01"}, 422, "in the future"),
    ({"loss_time": "25:00"}, 422, "time of day"),
)


def test_what_cannot_be_filed_is_told_and_leaves_nothing(
    system: System, client: httpx2.Client, policy: int
) -> None:
    before = counts(system)
    for fields, status, says in REFUSED:
        answer = file_claim(client, policy, **fields)
        assert (answer.status_code, says in answer.json()["detail"]) == (status, True), (fields, answer.text)
    assert counts(system) == before
    assert incoming(system) == []


def test_a_claim_needs_a_document(system: System, client: httpx2.Client, policy: int) -> None:
    answer = file_claim(client, policy, files=[("files", ("", b"", ""))])
    assert answer.status_code in {400, 415, 422}
    boundary = {"Content-Type": "multipart/form-data; boundary=x"}
    parts = {
        "user_policy_id": "1",
        "claim_type": "fire",
        "incident_date": str(INCIDENT),
        "description": "d",
        "claim_amount": "1",
    }
    body = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parts.items()
    )
    answer = client.post("/claims", content=f"{body}--x--\r\n".encode(), headers=as_(CARL, **boundary))
    assert (answer.status_code, answer.json()["detail"][:34]) == (
        400,
        "At least one document is required.",
    ), policy
    assert counts(system)["claims"] == 0


@pytest.mark.parametrize(("status", "answer"), [(PolicyStatus.CANCELLED, 400), (PolicyStatus.EXPIRED, 200)])
def test_the_days_of_a_policy_decide_and_not_its_word(
    system: System, client: httpx2.Client, status: str, answer: int
) -> None:
    policy = policy_of(system, populate(system)[CARL], status=status)
    assert file_claim(client, policy).status_code == answer
    ended = policy_of(system, populate(system)[CARL], "H-2", last=INCIDENT - timedelta(days=1))
    assert file_claim(client, ended).status_code == 400


def test_another_persons_policy_is_not_there(system: System, client: httpx2.Client) -> None:
    theirs = policy_of(system, populate(system)[DORA], "D-1")
    answer = file_claim(client, theirs)
    assert (answer.status_code, counts(system)["claims"]) == (404, 0)


class TestAgain:
    def test_the_same_key_and_content_is_one_claim(
        self, system: System, client: httpx2.Client, policy: int
    ) -> None:
        key = {"Idempotency-Key": "phone-17"}
        first, second = (file_claim(client, policy, headers=key) for _ in range(2))
        assert first.json()["id"] == second.json()["id"]
        assert counts(system) == {
            **dict.fromkeys(("claims", "claims_documents", "claims_history", "files", "claims_filings"), 1),
            "deliveries": 0,  # a task that was queued with the claim plans the mail
            "objects": 1,
        }

    def test_sixteen_at_once_are_one_claim(self, system: System, client: httpx2.Client, policy: int) -> None:
        answers: list[Any] = []

        def send() -> None:
            answers.append(file_claim(client, policy, headers={"Idempotency-Key": "k"}))

        threads = [threading.Thread(target=send) for _ in range(16)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert [one.status_code for one in answers] == [200] * 16
        assert len({one.json()["claim_number"] for one in answers}) == 1
        assert counts(system)["claims"] == counts(system)["objects"] == 1

    def test_the_same_key_with_other_content_is_refused(self, client: httpx2.Client, policy: int) -> None:
        key = {"Idempotency-Key": "phone-17"}
        file_claim(client, policy, headers=key)
        answer = file_claim(client, policy, headers=key, claim_amount="6000")
        assert (answer.status_code, "another claim" in answer.json()["detail"]) == (422, True)

    def test_a_key_is_its_owners_own(self, system: System, client: httpx2.Client, policy: int) -> None:
        theirs = policy_of(system, populate(system)[DORA], "D-1")
        key = {"Idempotency-Key": "phone-17"}
        numbers = {
            file_claim(client, one, by=who, headers=key).json()["claim_number"]
            for one, who in ((policy, CARL), (theirs, DORA))
        }
        assert len(numbers) == 2

    def test_a_key_that_is_none_is_refused(self, client: httpx2.Client, policy: int) -> None:
        for key in ("", "x" * 256, "caf\xe9"):
            headers: dict[str, Any] = {"Idempotency-Key": key.encode("latin-1")}
            assert file_claim(client, policy, headers=headers).status_code == 422, key

    def test_without_a_key_two_are_two(self, system: System, client: httpx2.Client, policy: int) -> None:
        assert [file_claim(client, policy).status_code for _ in range(2)] == [200, 200]
        assert counts(system)["claims"] == 2


class _Full:
    """A store that is full after the first object."""

    def __init__(self, store: Any) -> None:
        self._store, self._kept = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put_if_absent(self, key: str, body: BinaryIO, *, media_type: str) -> BlobInfo:
        self._kept += 1
        if self._kept > 1:
            raise Unavailable("The disk is full.")
        info: BlobInfo = self._store.put_if_absent(key, body, media_type=media_type)
        return info


def test_a_failed_upload_leaves_no_claim_and_the_sweep_no_orphan(system: System) -> None:
    policy = policy_of(system, populate(system)[CARL])
    full = replace(system, ports=replace(system.ports, files=_Full(system.ports.files)))
    two = [("files", (f"{number}.pdf", pdf(f"Bill {number}"), PDF)) for number in range(2)]
    with claims_api(full) as client:
        answer = file_claim(client, policy, files=two)
    assert (answer.status_code, "disk is full" in answer.json()["detail"]) == (503, True)
    assert counts(system) == {
        **dict.fromkeys(
            ("claims", "claims_documents", "claims_history", "files", "deliveries", "claims_filings"), 0
        ),
        "objects": 1,
    }
    with system.sessions.begin() as db:
        later = system.clock() + timedelta(days=3650)
        swept = files.sweep_orphans(db, system.ports.files, now=later, older_than=timedelta(0))
    assert (len(swept.removed), counts(system)["objects"]) == (1, 0)


def test_a_bad_document_among_good_ones_leaves_nothing(
    system: System, client: httpx2.Client, policy: int
) -> None:
    sent = [("files", ("a.pdf", pdf(), PDF)), ("files", ("b.pdf", b"%PDF-1.7 and no more", PDF))]
    answer = file_claim(client, policy, files=sent)
    assert (answer.status_code, "b.pdf" in answer.json()["detail"]) == (422, True)
    assert (counts(system)["claims"], counts(system)["objects"]) == (0, 0)


def test_a_claim_has_a_bounded_number_of_documents(
    system: System, client: httpx2.Client, policy: int
) -> None:
    eleven = [
        ("files", (f"{number}.png", picture("PNG", size=(8, 8), seed=number), "image/png"))
        for number in range(11)
    ]
    answer = file_claim(client, policy, files=eleven)
    assert (answer.status_code, counts(system)["claims"]) == (409, 0)
    assert file_claim(client, policy, files=eleven[:10]).status_code == 200


def test_a_person_has_a_bounded_store(system: System, client: httpx2.Client, policy: int) -> None:
    with system.sessions.begin() as db:
        house.change(db, controls.MOST_MB, 10, expected_version=0, actor="test", now=system.clock())
    large = pdf(padding=6_000_000)
    assert file_claim(client, policy, files=[("files", ("a.pdf", large, PDF))]).status_code == 200
    answer = file_claim(client, policy, files=[("files", ("b.pdf", pdf("Other", padding=6_000_000), PDF))])
    assert (answer.status_code, "10 MB together" in answer.json()["detail"]) == (413, True)
    assert counts(system)["claims"] == 1


def test_a_taken_number_is_not_given_twice(
    client: httpx2.Client, policy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["CLM-20250724-00000001", "CLM-20250724-00000001", "CLM-20250724-00000002"])
    monkeypatch.setattr(numbers, "claim_number", lambda _now: next(drawn))
    found = [file_claim(client, policy).json()["claim_number"] for _ in range(2)]
    assert found == ["CLM-20250724-00000001", "CLM-20250724-00000002"]


def test_the_list_is_paged(client: httpx2.Client, policy: int) -> None:
    filed = [file_claim(client, policy).json()["id"] for _ in range(3)]
    first = client.get("/claims", params={"limit": 2}, headers=as_(CARL))
    assert [one["id"] for one in first.json()] == [filed[2], filed[1]]
    following = first.links["next"]["url"]
    assert [one["id"] for one in client.get(following, headers=as_(CARL)).json()] == [filed[0]]
    for bad in ({"limit": "-1"}, {"limit": str(10**9)}, {"after": "x"}):
        assert client.get("/claims", params=bad, headers=as_(CARL)).status_code == 422

"""Bringing past claims in by a browser or a request: looked at by a run, then loaded by one, or left."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import func, select

from recoup.areas.claims import history
from recoup.areas.claims.jobs import past
from recoup.areas.claims.models import Claim
from recoup.core.system import System
from recoup.core.tasks import sweep
from recoup.office.files.models import File, WithdrawnFile
from recoup.office.jobs import execution
from recoup.office.jobs.models import Run
from support.claims import ADA, ANA, CARL, REA, as_, claims_api
from support.desk import main_of, text_of
from support.house import MovableClock
from support.past_files import written

HERE = "/desk/claims/history"
ATTACK = "<script>alert(1)</script> {{7*7}}"
GOOD = {"source_id": "A-2", "claim_type": "Theft", "claimed_amount": "300", "approved_amount": "300"}
BAD = {"source_id": "A-3", "status": "pending"}


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with claims_api(system) as client:
        client.headers["Authorization"] = f"Bearer {ADA}"
        yield client


def file_of(tmp_path: Path, *lines: dict[str, str]) -> bytes:
    return written(tmp_path / "past.csv", *lines).read_bytes()


def send(
    client: httpx2.Client, body: bytes, *, name: str = "past.csv", layout: str = "recoup", by: str = ADA
) -> httpx2.Response:
    return client.post(
        HERE, data={"layout": layout}, files={"file": (name, body, "text/csv")}, headers=as_(by)
    )


def looked(client: httpx2.Client, body: bytes, **more: Any) -> str:
    """Send a file; return where the look at it stands."""
    led = send(client, body, **more)
    assert led.status_code == 303, text_of(led)
    return str(led.headers["location"])


def worked(system: System, at: str) -> Run:
    """Let a worker take the run that an address ends with."""
    run = execution.execute(system, UUID(at.rpartition("/")[2]))
    assert run is not None
    return run


def count(system: System) -> int:
    with system.sessions.begin() as db:
        return db.execute(select(func.count()).select_from(Claim)).scalar_one()


def withdrawn(system: System) -> set[str]:
    with system.sessions.begin() as db:
        gone = select(File.name).join(WithdrawnFile, WithdrawnFile.file_id == File.id)
        return set(db.scalars(gone.where(File.subject == history.KEPT)))


def test_a_file_is_looked_at_and_loaded_as_it_was_looked_at(
    system: System, client: httpx2.Client, tmp_path: Path
) -> None:
    at = looked(client, file_of(tmp_path, {}, GOOD, BAD))
    waits = client.get(at)
    assert "The file waits for a worker." in text_of(waits)
    assert 'hx-trigger="every 1s"' in waits.text
    worked(system, at)
    seen = client.get(at)
    told = text_of(main_of(seen))
    assert 'hx-trigger="every 1s"' not in seen.text
    assert "2 claims come in" in told
    assert "1 line is not taken" in told
    assert "4 The status 'pending' is no decision. Give completed or rejected." in told
    for shown in (
        "Medical expense",
        "Theft",
        "1,200.50 EUR",
        "1,000.00 EUR",
        "300.00 EUR",
        "H-9",
        "2024-03-20",
    ):
        assert shown in told, shown
    assert count(system) == 0
    led = client.post(f"{at}/load")
    assert led.headers["location"].startswith("/desk/runs/")
    assert worked(system, led.headers["location"]).counts["loaded"] == 2
    assert count(system) == 2
    after = client.get(at)
    assert "Load 2 past claims" not in text_of(after)
    assert client.post(f"{at}/load").status_code == 409
    assert client.post(f"{at}/leave").status_code == 409
    assert withdrawn(system) == set()
    again = looked(client, file_of(tmp_path, {}, GOOD))
    worked(system, again)
    assert "All of it is there already." in text_of(client.get(again))


def test_pressing_twice_loads_once(system: System, client: httpx2.Client, tmp_path: Path) -> None:
    at = looked(client, file_of(tmp_path, {}))
    worked(system, at)
    assert [client.post(f"{at}/load").status_code for _ in range(2)] == [303, 409]
    with system.sessions.begin() as db:
        loads = [run for run in db.scalars(select(Run)) if not run.params["dry_run"]]
    assert len(loads) == 1


def test_the_lines_that_are_not_taken_are_downloaded_with_their_reasons(
    system: System, client: httpx2.Client, tmp_path: Path
) -> None:
    at = looked(client, file_of(tmp_path, {}, BAD))
    worked(system, at)
    address = main_of(client.get(at)).partition('href="/desk/files/')[2].partition('"')[0]
    led = client.get(f"/desk/files/{address}")
    rows = list(csv.reader(io.StringIO(client.get(led.headers["location"]).content.decode("utf-8-sig"))))
    assert rows[0][:2] == ["line", "reason"]
    assert [row[0] for row in rows[1:]] == ["3"]


def test_a_changed_claim_is_told_from_a_new_one(
    system: System, client: httpx2.Client, tmp_path: Path
) -> None:
    first = looked(client, file_of(tmp_path, {}))
    worked(system, first)
    worked(system, client.post(f"{first}/load").headers["location"])
    at = looked(client, file_of(tmp_path, {"approved_amount": "1100"}, GOOD))
    worked(system, at)
    told = text_of(main_of(client.get(at)))
    assert "1,100.00 EUR H-9 changes" in told
    assert "300.00 EUR 300.00 EUR H-9 new" in told


def test_only_the_first_lines_are_shown_and_all_are_counted(
    system: System, client: httpx2.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "MOST_SHOWN", 3)
    good = [{"source_id": f"G-{number}"} for number in range(5)]
    bad = [{"source_id": f"B-{number}", "status": "?"} for number in range(4)]
    at = looked(client, file_of(tmp_path, *good, *bad))
    worked(system, at)
    told = text_of(main_of(client.get(at)))
    assert "The first 3 of 5." in told
    assert "The first 3 of 4." in told


def test_a_file_that_is_none_is_told(system: System, client: httpx2.Client, tmp_path: Path) -> None:
    at = looked(client, b"a,b\n1,2\n")
    worked(system, at)
    told = text_of(client.get(at))
    assert "It cannot be loaded." in told
    assert "The sheet has no column source_id" in told
    assert client.post(f"{at}/load").status_code == 409
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename=""\r\nContent-Type: application/octet-stream'
    none: dict[str, Any] = {
        "content": part + b"\r\n\r\n\r\n--b--\r\n",
        "headers": {"Content-Type": "multipart/form-data; boundary=b"},
    }
    for answer in (client.post(HERE, **none), send(client, file_of(tmp_path, {}), layout="other")):
        assert answer.status_code == 422
        assert 'id="error-file"' in answer.text
    with system.sessions.begin() as db:
        assert (
            db.execute(
                select(func.count()).select_from(File).where(File.subject == history.KEPT)
            ).scalar_one()
            == 1
        )


def test_what_is_left_is_withdrawn_at_once_and_what_nobody_loads_within_a_day(
    system: System, client: httpx2.Client, tmp_path: Path, clock: MovableClock
) -> None:
    body = file_of(tmp_path, {})
    at = looked(client, body, name="left.csv")
    assert client.post(f"{at}/leave").status_code == 303
    assert withdrawn(system) == {"left.csv"}
    assert execution.execute(system, UUID(at.rpartition("/")[2])) is None  # nobody looks at it any more
    forgotten = looked(client, body, name="forgotten.csv")
    worked(system, forgotten)
    loaded = looked(client, body, name="loaded.csv")
    worked(system, loaded)
    worked(system, client.post(f"{loaded}/load").headers["location"])
    clock.now += history.LIVES - timedelta(seconds=1)
    sweep(system, clock.now)
    assert withdrawn(system) == {"left.csv"}
    clock.now += timedelta(seconds=2)
    sweep(system, clock.now)
    assert withdrawn(system) == {"left.csv", "forgotten.csv"}
    assert client.post(f"{forgotten}/load").status_code == 404


def test_what_a_file_says_is_text_wherever_it_stands(
    system: System, client: httpx2.Client, tmp_path: Path
) -> None:
    lines = ({"policy_number": ATTACK}, {"source_id": "A-2", "claim_type": ATTACK})
    at = looked(client, file_of(tmp_path, *lines), name=f"{ATTACK}.csv")
    worked(system, at)
    page = client.get(at)
    assert ATTACK not in page.text
    assert "&lt;script&gt;" in page.text
    assert "{{7*7}}" in text_of(page)


def test_only_who_may_import_does(system: System, client: httpx2.Client, tmp_path: Path) -> None:
    body = file_of(tmp_path, {})
    at = looked(client, body)
    for who in (ANA, REA, CARL):
        assert client.get(HERE, headers=as_(who)).status_code == 403
        assert client.get(at, headers=as_(who)).status_code == 403
        assert send(client, body, by=who).status_code == 403
        assert client.post(f"{at}/load", headers=as_(who)).status_code == 403
        assert client.post(f"{at}/leave", headers=as_(who)).status_code == 403
        assert HERE not in client.get("/desk/claims/figures", headers=as_(who)).text
    assert HERE in client.get("/desk/claims/figures").text
    assert count(system) == 0


def test_a_run_of_another_job_is_no_preview(system: System, client: httpx2.Client) -> None:
    other = execution.execute_here(system, system.parts.jobs["claims.scan"], {}, actor="test")
    assert client.get(f"{HERE}/{other.id}").status_code == 404
    assert client.post(f"{HERE}/{other.id}/load").status_code == 404


# ---------------------------------------------------------------- over HTTP


def test_a_request_queues_the_run(system: System, client: httpx2.Client, tmp_path: Path) -> None:
    body = file_of(tmp_path, {}, BAD)
    for dry_run, standing in (("true", 0), ("false", 1)):
        answer = client.post(
            f"/claims/history/import?dry_run={dry_run}",
            data={"layout": "recoup"},
            files={"file": ("past.csv", body, "text/csv")},
        )
        assert answer.status_code == 202
        run = answer.json()
        assert answer.headers["location"] == f"/runs/{run['id']}"
        assert run["state"] == "queued"
        worked(system, run["id"])
        shown = client.get(f"/runs/{run['id']}").json()
        assert (shown["counts"]["loaded"], shown["counts"]["rejected"]) == (1, 1)
        assert count(system) == standing


def test_a_request_that_is_none_is_refused(client: httpx2.Client, tmp_path: Path) -> None:
    body = file_of(tmp_path, {})
    at, file = "/claims/history/import", {"file": ("past.csv", body, "text/csv")}
    assert client.post(at, data={"layout": "x"}, files=file).status_code == 422
    assert client.post(at, data={"layout": "recoup", "more": "1"}, files=file).status_code == 422
    assert client.post(at, files=file).status_code == 422
    for who in (CARL, REA, ANA):
        sent = client.post(at, data={"layout": "recoup"}, files=file, headers=as_(who))
        assert sent.status_code == 403

"""Exports of lists: by whoever may read them, of one moment, as a run's file that only they may open."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import text

from recoup.core.system import System
from recoup.office.controls import service as controls
from recoup.office.desk import jobs, service
from recoup.office.desk.controls import MOST_EXPORT_ROWS
from recoup.office.files import queries as file_queries
from recoup.office.files import service as files
from recoup.office.jobs import execution, queries
from recoup.office.jobs import service as job_service
from recoup.office.jobs.models import Run, RunState
from recoup.office.journal import service as journal
from recoup.office.people.permissions import Role
from support.desk import as_role
from support.doors import typed
from support.house import MovableClock

Work = Callable[[httpx2.Response], Run]


def note(system: System, *subjects: str, kind: str = "test.happened") -> None:
    with system.sessions.begin() as db:
        for subject in subjects:
            journal.record(
                db, kind, subject, actor="session:ada@example.com", now=system.clock(), note="=1+1"
            )


def asked(client: httpx2.Client, role: Role | None = None, **form: str) -> httpx2.Response:
    headers = as_role(role) if role else None
    return client.post(
        "/desk/exports", data={"list": "journal", "query": "", "format": "csv", **form}, headers=headers
    )


def body_of(system: System, run: Run) -> bytes:
    with system.sessions.begin() as db:
        file = files.get(db, queries.artifacts(db, run.id)[0].file_id)
    with files.open_file(system.ports.files, file) as body:
        return body.read()


def rows_of(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))


def test_the_form_below_a_list_leads_to_a_run_that_holds_the_file(
    client: httpx2.Client, system: System, worked: Work
) -> None:
    note(system, "a/b/1", "a/b/2", "a/c/3")
    page = client.get("/desk/journal?subject=a/b&order=oldest")
    assert 'name="query" value="subject=a%2Fb&amp;order=oldest"' in page.text
    answer = asked(client, query="subject=a%2Fb&order=oldest")
    assert answer.status_code == 303
    run = worked(answer)
    assert run.state == RunState.SUCCEEDED
    assert run.counts == {"rows": 2}
    assert (run.done, run.total) == (2, 2)
    assert run.summary == "Journal: 2 rows in journal 2025-07-24 1830.csv."  # by Berlin's clock
    rows = rows_of(body_of(system, run))
    assert [row["To what"] for row in rows] == ["a/b/1", "a/b/2"]
    assert rows[0]["Details"] == '{"note": "=1+1"}'
    shown = client.get(f"/desk/runs/{run.id}")
    assert shown.status_code == 200
    assert "journal 2025-07-24 1830.csv" in shown.text


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet"])
def test_every_format_is_kept_and_leads_to_a_download(
    client: httpx2.Client, system: System, worked: Work, kind: str
) -> None:
    note(system, "a/b/1")
    run = worked(asked(client, format=kind, query="subject=a/"))
    with system.sessions.begin() as db:
        file_id = queries.artifacts(db, run.id)[0].file_id
    found = client.get(f"/desk/files/{file_id}/download", follow_redirects=True)
    assert found.status_code == 200
    assert f".{kind}" in found.headers["content-disposition"]
    assert found.content[:4] == {"csv": b"\xef\xbb\xbfA", "xlsx": b"PK\x03\x04", "parquet": b"PAR1"}[kind]
    if kind == "xlsx":
        rows = CalamineWorkbook.from_filelike(io.BytesIO(found.content)).get_sheet_by_index(0).to_python()
        assert rows[0][0] == "At (Europe/Berlin)"
        assert rows[1][3] == "a/b/1"


def test_days_are_those_of_whoever_asked(
    client: httpx2.Client, system: System, clock: MovableClock, worked: Work
) -> None:
    clock.advance(hours=5.75)  # 22:15 UTC, 00:15 of the next day in Berlin
    note(system, "late/one/1")
    run = worked(asked(client, query="subject=late&since=2025-07-25"))
    assert run.counts == {"rows": 1}
    assert worked(asked(client, query="subject=late&until=2025-07-24")).counts == {"rows": 0}


def test_the_file_is_one_moment(
    client: httpx2.Client, system: System, worked: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(system, *(f"a/b/{number}" for number in range(4_100)))
    steps: list[int] = []

    def slow(*args: object, **kept: object) -> service.Exported:
        step = kept["step"]

        def noting(rows: int) -> None:
            steps.append(rows)
            note(system, f"a/b/later-{rows}")  # sorts behind what is read yet, and would be met
            step(rows)  # type: ignore[operator]

        return real(*args, **{**kept, "step": noting})  # type: ignore[arg-type]

    real = service.write
    monkeypatch.setattr(jobs.exports, "write", slow)
    run = worked(asked(client, query="subject=a%2Fb&order=oldest"))
    assert steps[-1] == 4_100
    assert run.counts == {"rows": 4_100}
    assert len(rows_of(body_of(system, run))) == 4_100


def test_past_the_bound_nothing_is_written_and_a_person_is_asked(
    client: httpx2.Client, system: System, worked: Work
) -> None:
    with system.sessions.begin() as db:
        controls.change(db, MOST_EXPORT_ROWS, 1_000, expected_version=0, actor="test", now=system.clock())
    note(system, *(f"a/b/{number // 100}/{number}" for number in range(1_001)))
    run = worked(asked(client, query="subject=a%2Fb"))
    assert run.needs_person
    assert "more than 1,000 rows" in run.summary
    with system.sessions.begin() as db:
        assert queries.artifacts(db, run.id) == []
    assert worked(asked(client, query="subject=a%2Fb%2F9")).counts == {"rows": 100}
    assert list((system.home / "exports").iterdir()) == []


def test_a_second_attempt_finds_what_the_first_one_kept(
    client: httpx2.Client, system: System, worked: Work
) -> None:
    run = worked(asked(client))
    with system.sessions.begin() as db:
        db.execute(text("update runs set state = 'queued', finished_at = null"))
    execution.execute(system, run.id)
    with system.sessions.begin() as db:
        again = queries.run(db, run.id)
        assert again is not None
        assert again.state == RunState.SUCCEEDED
        assert "written before" in again.summary
        assert len(queries.artifacts(db, run.id)) == 1


def test_it_is_written_down_who_took_what(client: httpx2.Client) -> None:
    asked(client, Role.ANALYST, list="runs", query="state=failed", format="xlsx")
    page = client.get("/desk/journal?kind=lists.export_asked")
    assert "The list runs was exported as xlsx." in page.text
    assert "analyst@example.com" in page.text


# ---------------------------------------------------------------- who may


def test_an_export_needs_what_reading_the_list_needs(client: httpx2.Client) -> None:
    assert asked(client, Role.ANALYST).status_code == 403  # the journal
    assert asked(client, Role.ANALYST, list="runs").status_code == 303
    assert asked(client, Role.CUSTOMER, list="runs").status_code == 403
    stranger = client.post(
        "/desk/exports", data={"list": "runs", "format": "csv"}, headers={"Authorization": "Bearer x"}
    )
    assert stranger.headers["location"].startswith("/desk/sign-in")


def test_only_they_open_the_file(client: httpx2.Client, system: System, worked: Work) -> None:
    run = worked(asked(client, Role.REVIEWER))
    with system.sessions.begin() as db:
        file_id = queries.artifacts(db, run.id)[0].file_id
        file = file_queries.by_id(db, file_id)
        assert file is not None
        assert file.may == "journal.look"
    analyst = as_role(Role.ANALYST)
    refused = client.get(f"/desk/files/{file_id}/download", headers=analyst)
    assert refused.status_code == 403
    assert "journal.look" in refused.text
    assert client.get(f"/desk/files/{file_id}/download", headers=as_role(Role.REVIEWER)).status_code == 303
    for path in (f"/desk/files/{file_id}", f"/desk/runs/{run.id}", "/desk/files"):
        page = client.get(path, headers=analyst)
        assert page.status_code == 200
        assert "signature=" not in page.text
        assert "/download" not in page.text
    assert client.get(f"/runs/{run.id}", headers=analyst).json()["artifacts"][0]["link"] is None
    assert client.get(f"/desk/runs/{run.id}/files/{file_id}", headers=analyst).status_code == 403


def test_no_form_with_parameters_starts_one(client: httpx2.Client, system: System) -> None:
    params = {"list": "access-log", "role": "administrator"}
    answer = client.post("/jobs/lists.export/runs", json={"params": params})
    assert answer.status_code == 403
    assert "not started by hand" in answer.json()["detail"]
    with system.sessions.begin() as db:
        assert queries.runs(db, job_name="lists.export") == []


def test_rows_that_only_some_may_see_are_theirs_in_the_file_too(
    client: httpx2.Client, system: System
) -> None:
    seen: list[str] = []
    with system.sessions.begin() as db:
        run = job_service.start(
            db,
            system.parts.jobs["lists.export"],
            {"list": "runs", "role": "analyst", "person": str(UUID(int=7)), "format": "csv"},
            trigger="export",
            actor="test",
            now=system.clock(),
        )
    listing = service.listing(system.parts, "runs")

    def rows(db: object, wanted: object) -> object:
        seen.append(
            db.execute(
                text("select current_setting('recoup.role') || ' ' || current_setting('recoup.person')")
            ).scalar_one()
        )  # type: ignore[attr-defined]
        return type(listing).rows.__get__(listing)(db, wanted)

    spied = type(listing)(
        **{name: getattr(listing, name) for name in listing.__dataclass_fields__} | {"rows": rows}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "listing", lambda _parts, _name: spied)
        execution.execute(system, run.id)
    assert seen == [f"analyst {UUID(int=7)}"]
    assert client


# ---------------------------------------------------------------- what does not fit


@pytest.mark.parametrize(
    ("form", "status", "says"),
    [
        ({"list": "nothing"}, 404, "There is no list"),
        ({"list": "<script>alert(1)</script>"}, 404, "&lt;script&gt;"),
        ({"format": "exe"}, 422, "cannot be read"),
        ({"query": "password=1"}, 422, "cannot be filtered"),
        ({"query": "order=password"}, 422, "cannot be sorted"),
        ({"query": "since=yesterday"}, 422, "not a day"),
        ({"query": "x" * 5_000}, 422, "cannot be read"),
    ],
)
def test_what_does_not_fit_is_refused_and_starts_nothing(
    client: httpx2.Client, system: System, form: dict[str, str], status: int, says: str
) -> None:
    answer = asked(client, **form)
    assert answer.status_code == status
    assert says in answer.text
    with system.sessions.begin() as db:
        assert queries.runs(db, job_name="lists.export") == []


# ---------------------------------------------------------------- the other doors


def test_the_api_lists_what_can_be_exported_and_exports_it(
    client: httpx2.Client, system: System, worked: Work
) -> None:
    everything = {one["name"]: one for one in client.get("/lists").json()["items"]}
    assert {"journal", "runs", "files", "owed"} <= set(everything)
    assert everything["owed"]["filters"][0] == {
        "name": "state",
        "title": "State",
        "kind": "text",
        "usual": "open",
        "choices": ["open", "settled", "lapsed"],
    }
    analysts = {one["name"] for one in client.get("/lists", headers=as_role(Role.ANALYST)).json()["items"]}
    assert "journal" not in analysts
    assert "runs" in analysts
    note(system, "a/b/1", "a/c/1")
    body = {"format": "csv", "filters": {"subject": "a/b"}, "order": "oldest"}
    answer = client.post("/lists/journal/exports", json=body)
    assert answer.status_code == 202
    assert worked(answer).counts == {"rows": 1}
    assert client.post("/lists/journal/exports", json=body, headers=as_role(Role.ANALYST)).status_code == 403
    assert client.post("/lists/journal/exports", json={"filters": {"x": "y"}}).status_code == 422


def test_the_command_writes_a_file_and_never_over_one(system: System, tmp_path: Path) -> None:
    note(system, "a/b/1", "a/c/1")
    out = tmp_path / "journal.csv"
    said = typed(system, "lists", "export", "journal", "--filter", "subject=a/b", "--out", str(out))
    assert said.code == 0, said.err
    assert "1 row in journal" in said.out
    assert [row["To what"] for row in rows_of(out.read_bytes())] == ["a/b/1"]
    again = typed(system, "lists", "export", "journal", "--out", str(out))
    assert again.code == 65
    assert "is there already" in again.err
    wrong = typed(system, "lists", "export", "journal", "--filter", "subject")
    assert wrong.code == 65
    assert typed(system, "lists", "export", "nothing").code == 66
    book = tmp_path / "journal.xlsx"
    assert typed(system, "lists", "export", "journal", "--out", str(book)).code == 0
    assert CalamineWorkbook.from_path(book).sheet_names == ["Journal"]
    assert "journal" in typed(system, "lists", "list").out

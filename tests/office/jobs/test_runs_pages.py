"""Pages of runs: why one failed, what it counted and left behind, its log, two side by side, what a person can do."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest

from recoup.core.system import System
from recoup.office.files import service as files
from recoup.office.jobs import queries
from recoup.office.jobs.models import Run, RunArtifact
from recoup.office.people.permissions import Role
from support.desk import as_role, links_of, main_of, tags_of, text_of
from support.doors import typed
from support.runs import EVIL, AddLines, AddRun

NOBODY = "01980000-0000-7000-8000-000000000000"
LESS, NONE = "\N{MINUS SIGN}", "\N{EN DASH}"


def reload(system: System, run: Run) -> Run:
    with system.sessions.begin() as db:
        found = queries.run(db, run.id)
        assert found is not None
        return found


def keep(system: System, run: Run, name: str, body: bytes, media_type: str, *, may: str = "") -> UUID:
    with system.sessions.begin() as db:
        file = files.keep(
            db,
            system.ports.files,
            name=name,
            body=io.BytesIO(body),
            media_type=media_type,
            subject=f"jobs/run/{run.id}",
            actor="worker",
            now=system.clock(),
            may=may,
        )
        db.flush()
        db.add(RunArtifact(run_id=run.id, name=name, file_id=file.id))
        return file.id


# ---------------------------------------------------------------- one run


def test_a_failed_run_says_first_why(client: httpx2.Client, add_run: AddRun) -> None:
    run = add_run(
        state="failed", summary="The bank does not answer. Try again.", needs_person=True, attempt=2
    )
    page = client.get(f"/desk/runs/{run.id}")
    main = main_of(page)
    assert '<p class="cause-why">The bank does not answer.</p>' in main
    assert '<p class="cause-more">Try again.</p>' in main
    assert main.index("cause-why") < main.index('id="standing"') < main.index('id="lines"')
    assert "attempt 2 of 3" in text_of(page)


def test_what_a_run_counted_and_was_asked_is_no_json(client: httpx2.Client, add_run: AddRun) -> None:
    run = add_run(counts={"rows_read": 12345}, params={"layout": "wide", "most_rows": None, "dry_run": True})
    page = client.get(f"/desk/runs/{run.id}")
    said = text_of(main_of(page))
    assert "rows read 12,345" in said
    assert "layout wide" in said
    assert "most rows not set" in said
    assert "dry run yes" in said
    assert "{" not in said


def test_a_running_run_shows_how_far_it_is_and_watches(
    client: httpx2.Client, add_run: AddRun, add_lines: AddLines
) -> None:
    run = add_run(state="running", done=3, total=9, label="hours")
    add_lines(run, "one", "two")
    page = client.get(f"/desk/runs/{run.id}").text
    assert '<progress class="progress" value="3" max="9"' in page
    assert f'sse-connect="/desk/runs/{run.id}/events?after=1-2"' in page
    assert f'action="/desk/runs/{run.id}/cancel"' in page
    assert "/again" not in page
    over = client.get(f"/desk/runs/{add_run().id}").text
    assert "every 15s" in page
    assert "sse-connect" not in over
    assert "every 15s" not in over
    assert "/cancel" not in over


def test_a_part_that_asks_again_is_told_when_the_run_is_over(client: httpx2.Client, add_run: AddRun) -> None:
    htmx = {"HX-Request": "true"}
    assert client.get(f"/desk/runs/{add_run().id}", headers=htmx).headers["hx-refresh"] == "true"
    running = add_run(state="running")
    assert "hx-refresh" not in client.get(f"/desk/runs/{running.id}", headers=htmx).headers


def test_nothing_that_a_run_says_becomes_markup(
    client: httpx2.Client, system: System, add_run: AddRun, add_lines: AddLines
) -> None:
    run = add_run(state="failed", summary=EVIL, params={EVIL: EVIL}, counts={EVIL: 1}, label=EVIL, actor=EVIL)
    add_lines(run, EVIL, "</li><b>x", level="warning")
    keep(system, run, "a.csv", EVIL.encode(), "text/csv")
    page = client.get(f"/desk/runs/{run.id}")
    assert "<script>alert" not in page.text
    assert "<b>x" not in page.text
    assert text_of(page).count("{{7*7}}") >= 6
    assert "style=" not in main_of(page)


@pytest.mark.parametrize("path", [NOBODY, "not-an-id", f"{NOBODY}/compare", f"{NOBODY}/files/{NOBODY}"])
def test_a_run_that_is_not_there_is_told(client: httpx2.Client, path: str) -> None:
    page = client.get(f"/desk/runs/{path}")
    assert page.status_code in {404, 422}
    assert "This did not work" in text_of(page)


# ---------------------------------------------------------------- the log


def test_a_long_log_is_shown_from_its_end_and_goes_back_without_gap(
    client: httpx2.Client, add_run: AddRun, add_lines: AddLines
) -> None:
    run = add_run(attempt=2)
    add_lines(run, *(f"first {number}" for number in range(1, 701)))
    add_lines(run, *(f"second {number}" for number in range(1, 401)), attempt=2)
    seen: list[str] = []
    address = f"/desk/runs/{run.id}"
    for size in (500, 500, 100):
        page = client.get(address)
        lines = re.findall(r"<span>((?:first|second) \d+)</span>", page.text)
        assert len(lines) == size
        seen = lines + seen
        earlier = [link for link in links_of(page) if "?before=" in link]
        address = earlier[0] if earlier else ""
    assert address == ""
    assert seen == [f"first {n}" for n in range(1, 701)] + [f"second {n}" for n in range(1, 401)]


def test_attempts_are_told_apart(client: httpx2.Client, add_run: AddRun, add_lines: AddLines) -> None:
    run = add_run(attempt=2)
    add_lines(run, "a", "b")
    add_lines(run, "c", attempt=2)
    assert "Attempts 2 of 3" in text_of(client.get(f"/desk/runs/{run.id}"))


def test_a_place_in_the_log_that_is_none_is_refused(client: httpx2.Client, add_run: AddRun) -> None:
    assert client.get(f"/desk/runs/{add_run().id}?before=x").status_code == 422


# ---------------------------------------------------------------- files


def test_files_are_downloaded_by_signed_links(client: httpx2.Client, system: System, add_run: AddRun) -> None:
    run = add_run()
    keep(system, run, "rows.csv", b"a,b\n1,2\n", "text/csv")
    page = client.get(f"/desk/runs/{run.id}")
    (link,) = [one for one in links_of(page) if one.startswith("/files/")]
    assert httpx2.get(f"{client.base_url}{link}").content == b"a,b\n1,2\n"


def test_a_file_that_needs_more_is_not_opened_by_others(
    client: httpx2.Client, system: System, add_run: AddRun
) -> None:
    run = add_run()
    file = keep(system, run, "people.csv", b"a\nsecret\n", "text/csv", may="people.look")
    assert "secret" in text_of(client.get(f"/desk/runs/{run.id}/files/{file}"))
    page = client.get(f"/desk/runs/{run.id}", headers=as_role(Role.ANALYST))
    assert "you may not open it" in text_of(page)
    assert not [one for one in links_of(page) if "/files/" in one]
    refused = client.get(f"/desk/runs/{run.id}/files/{file}", headers=as_role(Role.ANALYST))
    assert refused.status_code == 403
    assert "secret" not in refused.text


def test_a_table_is_looked_at_as_a_table(client: httpx2.Client, system: System, add_run: AddRun) -> None:
    run = add_run()
    file = keep(system, run, "rows.csv", f"name,note\nada,{EVIL}\n".encode(), "text/csv")
    page = client.get(f"/desk/runs/{run.id}/files/{file}")
    assert tags_of(main_of(page)).count("th") == 2
    assert "1 rows, all of it" in text_of(page)
    assert "<script>alert" not in page.text


def test_text_and_json_are_escaped_and_bounded(
    client: httpx2.Client, system: System, add_run: AddRun
) -> None:
    run = add_run()
    long = keep(system, run, "long.txt", b"<script>alert(1)</script>\n" * 30_000, "text/plain")
    page = client.get(f"/desk/runs/{run.id}/files/{long}")
    assert "<script>alert" not in page.text
    assert "Its beginning" in text_of(page)
    assert len(page.text) < 700_000
    json = keep(system, run, "a.json", b'{"amount":1.10}', "application/json")
    assert "&#34;amount&#34;: 1.10" in client.get(f"/desk/runs/{run.id}/files/{json}").text
    binary = keep(system, run, "a.bin", b"\x00\xff", "application/octet-stream")
    assert "cannot be shown here" in text_of(client.get(f"/desk/runs/{run.id}/files/{binary}"))


def test_a_file_of_another_run_is_not_here(client: httpx2.Client, system: System, add_run: AddRun) -> None:
    file = keep(system, add_run(), "a.txt", b"x", "text/plain")
    assert client.get(f"/desk/runs/{add_run().id}/files/{file}").status_code == 404


# ---------------------------------------------------------------- two runs


def test_two_runs_stand_side_by_side(client: httpx2.Client, add_run: AddRun, add_lines: AddLines) -> None:
    old = add_run(counts={"rows": 10, "gone": 1}, params={"layout": "a"}, summary="Old.")
    add_run("test.daily")
    add_run(state="running")
    new = add_run(
        counts={"rows": 7}, params={"layout": EVIL}, finished_at=old.queued_at + timedelta(minutes=2)
    )
    add_lines(old, "same", "only old")
    add_lines(new, "same", EVIL)
    assert f"/desk/runs/{new.id}/compare" in links_of(client.get(f"/desk/runs/{new.id}"))
    page = client.get(f"/desk/runs/{new.id}/compare")
    said = text_of(main_of(page))
    assert f"rows 10 7 {LESS}3" in said
    assert f"gone 1 {NONE} {LESS}1" in said
    assert "Duration 20 s 2 min +1 min 40 s" in said
    assert "only old" in said
    assert "same 1" not in said
    assert "<script>alert" not in page.text
    assert f"/desk/runs/{old.id}" in links_of(page)


def test_two_runs_of_different_jobs_are_not_compared(client: httpx2.Client, add_run: AddRun) -> None:
    one, other = add_run(), add_run("test.daily")
    assert client.get(f"/desk/runs/{one.id}/compare?with={other.id}").status_code == 422
    first = client.get(f"/desk/runs/{one.id}/compare")
    assert first.status_code == 404
    assert "is the first of test.load" in text_of(first)


# ---------------------------------------------------------------- what a person can do


def test_a_run_is_cancelled(client: httpx2.Client, system: System, add_run: AddRun) -> None:
    queued, running, over = add_run(state="queued"), add_run(state="running"), add_run()
    for run in (queued, running):
        answer = client.post(f"/desk/runs/{run.id}/cancel")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/desk/runs/{run.id}")
    assert reload(system, queued).state == "cancelled"
    assert reload(system, running).cancel_requested
    assert "asked to stop" in text_of(client.get(f"/desk/runs/{running.id}"))
    refused = client.post(f"/desk/runs/{over.id}/cancel")
    assert refused.status_code == 409
    assert "is over" in text_of(refused)


def test_a_run_is_run_again_and_so_looked_after(
    client: httpx2.Client, system: System, add_run: AddRun
) -> None:
    run = add_run(state="failed", needs_person=True, params={"layout": "wide"})
    answer = client.post(f"/desk/runs/{run.id}/again")
    again = UUID(answer.headers["location"].rpartition("/")[2])
    with system.sessions.begin() as db:
        made = queries.run(db, again)
        assert made is not None
        assert made.params == {"layout": "wide", "most_rows": 500, "dry_run": True}
        assert made.trigger == "again"
    assert not reload(system, run).needs_person
    assert client.post(f"/desk/runs/{again}/again").status_code == 409


def test_somebody_looks_after_a_run_once(client: httpx2.Client, system: System, add_run: AddRun) -> None:
    run = add_run(state="failed", summary="It broke.", needs_person=True)
    assert f'action="/desk/runs/{run.id}/looked-after"' in client.get(f"/desk/runs/{run.id}").text
    answer = client.post(f"/desk/runs/{run.id}/looked-after", data={"note": f"Called them. {EVIL}"})
    assert answer.status_code == 303
    after = reload(system, run)
    assert (after.needs_person, after.looked_after_by) == (False, "session:administrator@example.com")
    page = client.get(f"/desk/runs/{run.id}")
    assert "Looked after by session:administrator@example.com" in text_of(page)
    assert "Somebody looked after the run. Called them." in text_of(page)
    assert "<script>alert" not in page.text
    assert client.post(f"/desk/runs/{run.id}/looked-after").status_code == 409
    assert client.post(f"/desk/runs/{run.id}/looked-after", data={"note": "x" * 2_001}).status_code == 422


@pytest.mark.parametrize("act", ["cancel", "again", "looked-after"])
def test_an_analyst_looks_on(client: httpx2.Client, system: System, add_run: AddRun, act: str) -> None:
    run = add_run(state="queued" if act == "cancel" else "failed", needs_person=act != "cancel")
    assert client.post(f"/desk/runs/{run.id}/{act}", headers=as_role(Role.ANALYST)).status_code == 403
    assert reload(system, run).state == run.state
    page = client.get(f"/desk/runs/{run.id}", headers=as_role(Role.ANALYST))
    assert f"/{act}" not in main_of(page)


def test_the_api_says_so_too(client: httpx2.Client, add_run: AddRun) -> None:
    run = add_run(state="failed", needs_person=True)
    shown = client.post(f"/runs/{run.id}/looked-after", json={"note": "Seen."}).json()
    assert (shown["needs_person"], shown["looked_after_by"]) == (False, "session:administrator@example.com")


def test_the_command_line_says_so_too(system: System, add_run: AddRun) -> None:
    run = add_run(state="failed", needs_person=True)
    said = typed(system, "runs", "looked-after", str(run.id), "--note", "Seen.", "--json")
    assert (said.code, said.document["needs_person"]) == (0, False)
    assert typed(system, "runs", "looked-after", str(run.id)).code == 75

"""The overview and search: what a person sees of everything, what they may not, and that neither ever waits for long."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from recoup import app
from recoup.core.ids import new_id
from recoup.core.parts import Check
from recoup.core.system import System
from recoup.office.desk import search
from recoup.office.files import service as files
from recoup.office.jobs import service as jobs
from recoup.office.jobs.models import Run, RunState
from recoup.office.journal import service as journal
from recoup.office.people.permissions import Role
from recoup.web.area import Area, Hit, MenuItem, Tile, Waiting
from support.desk import as_role, desk, links_of, main_of, text_of
from support.house import MovableClock

pytestmark = pytest.mark.usefixtures("patient")
SCRIPT, BRACES = "<script>alert(1)</script>", "{{7*7}}"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give searches time: a machine that runs the other tests, too, is slow."""
    monkeypatch.setattr(search, "SECONDS", 4.0)


def run(
    system: System, state: RunState, *, job: str = "files.sweep", summary: str = "", **values: Any
) -> Run:
    """Write down a run as it stands at some moment."""
    now = system.clock()
    is_over = state not in {RunState.QUEUED, RunState.RUNNING}
    fields: dict[str, Any] = {
        "id": new_id(),
        "job": job,
        "params": {},
        "state": state,
        "trigger": "page",
        "actor": "session:ada@example.com",
        "slot": None,
        "attempt": 1,
        "worker": system.worker,
        "lease_until": now + timedelta(days=9_000) if state == RunState.RUNNING else None,
        "not_before": now,
        "cancel_requested": False,
        "queued_at": now,
        "started_at": now,
        "finished_at": now if is_over else None,
        "done": 0,
        "total": None,
        "label": "",
        "counts": {},
        "summary": summary,
        "needs_person": False,
    }
    made = Run(**{**fields, **values})
    with system.sessions.begin() as db:
        db.add(made)
    return made


# ---------------------------------------------------------------- the overview


def test_a_fresh_installation_says_what_to_do_first(client: httpx2.Client, system: System) -> None:
    page = client.get("/desk")
    said = text_of(main_of(page))
    assert "Welcome. Nothing is collected here yet." in said
    assert said.index("Set up a stream") < said.index("Let a colleague in") < said.index("recoup demo")
    assert {"/desk/metering", "/desk/people"} <= set(links_of(main_of(page)))
    assert "Nothing runs at this moment." in said
    assert "No run failed." in said
    run(system, RunState.SUCCEEDED, job="metering.export")
    assert "Welcome" not in client.get("/desk").text


def test_what_runs_now_is_shown_with_its_progress(client: httpx2.Client, system: System) -> None:
    one = run(system, RunState.RUNNING, done=1_200, total=3_000, label="Files")
    run(system, RunState.QUEUED)
    page = client.get("/desk")
    said = text_of(main_of(page))
    assert "Stored files: sweep" in said
    assert "Files · 1,200 of 3,000" in said
    assert "1 waits for a worker" in said
    assert 'value="1200" max="3000"' in page.text
    assert f"/desk/runs/{one.id}" in links_of(page)
    assert 'hx-trigger="every 3s"' in page.text  # it goes on by itself
    assert 'hx-select="#live"' in page.text


def test_nothing_running_is_looked_at_less_often(client: httpx2.Client) -> None:
    assert 'hx-trigger="every 15s"' in client.get("/desk").text


def test_what_failed_within_a_day_is_shown_and_no_longer(
    client: httpx2.Client, system: System, clock: MovableClock
) -> None:
    run(
        system, RunState.FAILED, summary="The day before yesterday", finished_at=clock() - timedelta(hours=25)
    )
    run(system, RunState.FAILED, summary=f"The bucket said {SCRIPT} {BRACES}")
    run(system, RunState.PARKED, summary="Parked it was", finished_at=clock() - timedelta(hours=1))
    page = client.get("/desk")
    said = text_of(main_of(page))
    assert f"The bucket said {SCRIPT} {BRACES}" in said
    assert SCRIPT not in page.text
    assert said.index("The bucket said") < said.index("Parked it was")
    assert "before yesterday" not in said


def test_the_next_ten_slots_of_all_jobs_come_in_order_without_paused_ones(
    client: httpx2.Client, system: System
) -> None:
    page = client.get("/desk")
    listed = main_of(page).partition('class="coming"')[2].partition("</ol>")[0]
    assert listed.count("<li>") == 10
    assert "19:10" in text_of(listed)  # 17:10 UTC, by Berlin's clock
    assert "/desk/jobs/metering.export" in links_of(listed)
    with system.sessions.begin() as db:
        jobs.pause(db, system.parts.jobs["metering.export"], paused=True, actor="test", now=system.clock())
    assert "/desk/jobs/metering.export" not in links_of(
        client.get("/desk").text.partition('class="coming"')[2]
    )


def test_only_so_much_waits_on_the_overview_and_the_rest_on_a_page(system: System) -> None:
    def waiting(_db: Session, now: datetime) -> list[Waiting]:
        soft = [
            Waiting(f"soft {number}", "/desk/x", "warn", now - timedelta(hours=number)) for number in range(9)
        ]
        return [*soft, Waiting(f"hard {SCRIPT}", "/desk/y", "bad", now)]

    with _with(system, Area(name="extra", waiting=waiting)) as client:
        said = text_of(main_of(client.get("/desk")))
        assert (
            said.index("hard <script>") < said.index("soft 8") < said.index("soft 7")
        )  # the bad, then the oldest
        assert "soft 0" not in said
        assert "and 4 more" in said or "and 5 more" in said
        everything = client.get("/desk/waiting")
        assert "soft 0" in text_of(everything)
        assert SCRIPT not in everything.text


def test_figures_are_shown_and_escaped(system: System) -> None:
    tile = Tile(BRACES, "1,234.50 EUR", SCRIPT, "/desk/owed", "coin", "bad")
    with _with(system, Area(name="extra", tiles=lambda _db, _now: [tile])) as client:
        page = client.get("/desk")
        assert "1,234.50 EUR" in text_of(page)
        assert BRACES in text_of(page)
        assert SCRIPT not in page.text


def test_health_is_one_line_and_is_not_asked_at_each_look(system: System) -> None:
    asked = []

    def check(_system: System) -> list[Any]:
        asked.append(1)
        return [Check("lamp", ok=False, detail="It is out.", fix="Change it.")]

    parts = replace(system.parts, checks=(check,))
    with desk(replace(system, parts=parts)) as client:
        for _ in range(3):
            said = text_of(main_of(client.get("/desk")))
            assert "1 of 1 checks fails." in said
            assert "lamp: It is out. Change it." in said
    assert len(asked) == 1


def test_each_sees_what_they_may(system: System) -> None:
    secret = Area(
        name="extra",
        menu=(MenuItem("Extra", "/desk/extra", "coin", "people.look"),),
        tiles=lambda _db, _now: [Tile("Salaries", "7", "", "/desk/extra", "coin")],
        waiting=lambda _db, _now: [Waiting("A salary waits", "/desk/extra")],
        search=lambda _db, _text: [Hit("A salary", "salary", "/desk/extra")],
    )
    with _with(system, secret) as client:
        assert "Salaries" in text_of(client.get("/desk"))
        assert "A salary" in text_of(client.get("/desk/search?q=sal"))
        for path in ("/desk", "/desk/waiting", "/desk/search?q=sal"):
            said = text_of(main_of(client.get(path, headers=as_role(Role.ANALYST))))
            assert "alar" not in said.replace("“sal”", "")
        customer = client.get("/desk", headers=as_role(Role.CUSTOMER))
        assert customer.headers["location"] == "/desk/my-claims"  # the first line of their menu
        assert client.get("/desk/search?q=sal", headers=as_role(Role.CUSTOMER)).status_code == 403
        stranger = client.get("/desk", headers={"Authorization": "Bearer nobody"})
        assert stranger.status_code == 303
        assert stranger.headers["location"] == "/desk/sign-in"


def _with(system: System, area: Area) -> Any:
    return desk(replace(system, parts=replace(system.parts, desk=(*system.parts.desk, area))))


# ---------------------------------------------------------------- a million rows


def test_no_page_reads_all_of_a_large_table(
    client: httpx2.Client, system: System, owner_sessions: sessionmaker[Session]
) -> None:
    many = 100_000
    with owner_sessions.begin() as db:
        db.execute(
            text(
                "insert into runs (id, job, params, state, trigger, actor, attempt, not_before, cancel_requested, "
                "queued_at, started_at, finished_at, done, label, counts, summary, needs_person) "
                "select gen_random_uuid(), 'metering.export', '{}', 'succeeded', 'schedule', 'schedule', 1, now(), false, "
                "now() - n * interval '1 minute', now(), now(), 0, '', '{}', 'Done.', false from generate_series(1, :many) n"
            ),
            {"many": many},
        )
        db.execute(
            text(
                "insert into events select gen_random_uuid(), timestamptz '2025-07-01' + n * interval '1 second', 'schedule', "
                "'metering.window_taken', 'metering/window/' || n, '{}' from generate_series(1, :many) n"
            ),
            {"many": many},
        )
        db.execute(text("analyze runs"))
        db.execute(text("analyze events"))
    for path in (
        "/desk",
        "/desk/journal",
        "/desk/journal?kind=metering.window_taken",
        "/desk/journal?subject=metering/window/77123",
        "/desk/journal?actor=nobody",
        "/desk/search?q=metering/window/5",
    ):
        before = _read(system, owner_sessions)
        assert client.get(path).status_code == 200
        after = _read(system, owner_sessions)
        assert after - before < many / 10, path
        assert path != "/desk/journal" or after - before >= 50  # it is seen what is read


def _read(system: System, owner_sessions: sessionmaker[Session]) -> int:
    """Return how many rows and index entries of the large tables were read so far."""
    time.sleep(1.1)  # a connection says what it read at the end of a transaction, once a second
    for _ in range(25):
        with system.sessions.begin() as db:  # the pool gives them in turn
            db.execute(text("select 1"))
    with owner_sessions.begin() as db:
        tables = "('runs', 'events')"
        rows = f"select sum(seq_tup_read) from pg_stat_user_tables where relname in {tables}"
        entries = f"select sum(idx_tup_read) from pg_stat_user_indexes where relname in {tables}"
        return int(db.execute(text(f"select ({rows}) + ({entries})")).scalar_one())


# ---------------------------------------------------------------- search


def test_search_finds_by_id_and_by_name_grouped_by_kind(client: httpx2.Client, system: System) -> None:
    with system.sessions.begin() as db:
        event = journal.record(db, "test.happened", "a/b/1", actor="test", now=system.clock())
        file = files.keep(
            db,
            system.ports.files,
            name="Umsätze 100%_neu.csv",
            body=io.BytesIO(b"x"),
            media_type="text/csv",
            subject="a/b/1",
            actor="test",
            now=system.clock(),
        )
    by_id = client.get(f"/desk/search?q={event.id}")
    assert f"/desk/journal/{event.id}" in links_of(main_of(by_id))
    by_beginning = client.get(f"/desk/search?q={str(file.id)[:30]}")
    assert f"/desk/files/{file.id}" in links_of(main_of(by_beginning))
    by_name = client.get("/desk/search", params={"q": "umsätze"})
    assert links_of(main_of(by_name)) == [f"/desk/files/{file.id}"]
    assert by_name.text.count('class="hits"') == 1  # what the dialog takes out of the page, and once only
    assert 'hx-select=".hits"' in by_name.text
    assert "/desk/journal?subject=a%2Fb%2F1" in links_of(main_of(client.get("/desk/search?q=a/b")))
    jobs_found = main_of(client.get("/desk/search?q=sweep"))
    assert "/desk/jobs/files.sweep" in links_of(jobs_found)
    assert '<div class="found-kind">job</div>' in jobs_found


@pytest.mark.parametrize(
    "typed",
    ["%%", "__", "%_%", "\\\\", "%' or 1=1 --", "(a+)+$", "a%b_c", "\x00\x00x", "\u202e\u202e", "ﷺ" * 150],
)
def test_search_takes_every_text_literally_and_answers_soon(
    client: httpx2.Client, system: System, typed: str
) -> None:
    with system.sessions.begin() as db:
        files.keep(
            db,
            system.ports.files,
            name="plain.csv",
            body=io.BytesIO(b"x"),
            media_type="text/csv",
            subject="a/b/1",
            actor="test",
            now=system.clock(),
        )
    page = client.get("/desk/search", params={"q": typed})
    assert page.status_code == 200
    assert links_of(main_of(page)) == []


def test_search_needs_two_characters_and_shows_what_was_typed_escaped(client: httpx2.Client) -> None:
    assert "Type at least 2 characters" in text_of(client.get("/desk/search?q=a"))
    assert "paste an id" in text_of(client.get("/desk/search"))
    page = client.get("/desk/search", params={"q": f"{SCRIPT}{BRACES}"})
    assert f"{SCRIPT}{BRACES}" in text_of(page)
    assert SCRIPT not in page.text
    assert client.get("/desk/search", params={"q": "x" * 3_000}).status_code == 422


def test_a_part_that_takes_its_time_is_left_out_and_breaks_nothing(system: System) -> None:
    def slow(db: Session, _text: str) -> list[Hit]:
        db.execute(text("select pg_sleep(60)"))
        return [Hit("never", "slow", "/desk")]

    after = Area(
        name="after",
        search=lambda db, _text: [Hit(f"fine {db.execute(text('select 1')).scalar_one()}", "thing", "/desk")],
    )
    areas = (Area(name="sluggish", search=slow), *app.ALL, after)
    with desk(replace(system, parts=replace(system.parts, desk=areas))) as client:
        said = text_of(main_of(client.get("/desk/search?q=sweep")))
    assert "never" not in said
    assert "Not searched in time: sluggish" in said
    assert "files.sweep" in said
    assert "fine 1" in said


def test_a_search_ends_in_time(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(db: Session, _text: str) -> list[Hit]:
        db.execute(text("select pg_sleep(60)"))
        return []

    monkeypatch.setattr(search, "SECONDS", 0.2)
    parts = [Area(name=f"slow {number}", search=slow) for number in range(8)]
    with system.sessions.begin() as db:
        began = time.perf_counter()
        found = search.search(db, system, parts, "anything")
        took = time.perf_counter() - began
        assert db.execute(text("select 1")).scalar_one() == 1
    assert len(found.unfinished) == 8
    assert took < 0.2 + 0.3  # waking up eight times on a busy machine


def test_no_part_fills_the_page(system: System) -> None:
    area = Area(
        name="much",
        search=lambda _db, _text: [
            Hit(f"hit {number}", f"kind {number % 20}", "/desk") for number in range(500)
        ],
    )
    with _with(system, area) as client:
        page = main_of(client.get("/desk/search?q=zz"))
        assert len(links_of(page)) == 40


# ---------------------------------------------------------------- where a subject leads


@pytest.mark.parametrize(
    ("subject", "to"),
    [
        ("jobs/run/0198", "/desk/runs/0198"),
        ("people/person/1", "/desk/people/1"),
        ("metering/window/S:P:x/2025-07-24T15", "/desk/metering/windows?stream=S%3AP%3Ax&day=2025-07-24"),
        ("metering/stream/S:P:x", "/desk/metering/streams/S%3AP%3Ax"),
        ("some/thing/else", "/desk/journal?subject=some%2Fthing%2Felse"),
        ("//evil.test", "/desk/journal?subject=%2F%2Fevil.test"),
        ("jobs/run///evil.test", "/desk/runs/%2F%2Fevil.test"),
    ],
)
def test_a_subject_leads_to_its_page_or_to_its_timeline(client: httpx2.Client, subject: str, to: str) -> None:
    answer = client.get(f"/desk/about/{subject}")
    assert answer.status_code == 303
    assert answer.headers["location"] == to

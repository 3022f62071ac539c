"""The list of runs: its filters, its order, its pages, and that no filter reads more than a few pages' worth."""

from __future__ import annotations

import itertools
import re
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session, sessionmaker

from recoup.office.jobs import queries_pages
from recoup.office.jobs.lists import RUNS
from support.desk import as_role, desk, links_of, text_of
from support.house import MovableClock
from support.runs import EVIL, AddRun

MANY = 60_000


def ids_on(page: httpx2.Response) -> list[str]:
    assert page.status_code == 200, page.text
    return re.findall(r'<tr data-href="/desk/runs/([0-9a-f-]{36})"', page.text)


def test_each_filter_narrows(client: httpx2.Client, clock: MovableClock, add_run: AddRun) -> None:
    start = clock()
    failed = add_run(state="failed", needs_person=True, trigger="page", at=start - timedelta(days=2))
    daily = add_run("test.daily", trigger="again", at=start - timedelta(days=1))
    queued = add_run(state="queued", trigger="api")
    for query, wanted in (
        ("", [queued, daily, failed]),
        ("order=oldest", [failed, daily, queued]),
        ("job=test.daily", [daily]),
        ("state=failed", [failed]),
        ("trigger=api", [queued]),
        ("needs_person=yes", [failed]),
        ("needs_person=no", [queued, daily]),
        ("from=2026-03-04", [queued, daily]),
        ("to=2026-03-04", [daily, failed]),
        ("from=2026-03-04&to=2026-03-04", [daily]),
        ("job=test.load&state=queued&trigger=api&needs_person=no&from=2026-03-05", [queued]),
        ("job=test.load&trigger=again", []),
        ("job=nobody", []),
    ):
        assert ids_on(client.get(f"/desk/runs?{query}")) == [str(run.id) for run in wanted], query


def test_days_are_the_reader_s(system: Any, clock: MovableClock, add_run: AddRun) -> None:
    run = add_run(at=clock.now.replace(hour=20))
    with desk(system, zone="Asia/Bangkok") as client:
        assert ids_on(client.get("/desk/runs?from=2026-03-06&to=2026-03-06")) == [str(run.id)]
        assert ids_on(client.get("/desk/runs?to=2026-03-05")) == []


@pytest.mark.parametrize("query", ["", "job=test.load", "state=succeeded&order=oldest", "needs_person=no"])
def test_pages_go_on_without_gap_or_repeat(client: httpx2.Client, add_run: AddRun, query: str) -> None:
    made = [str(add_run(trigger=("page", "api", "schedule")[number % 3]).id) for number in range(60)]
    seen: list[str] = []
    address = f"/desk/runs?rows=25&{query}"
    for size in (25, 25, 10):
        page = client.get(address)
        assert len(ids_on(page)) == size
        seen += ids_on(page)
        following = [link for link in links_of(page) if "after=" in link]
        address = following[0] if following else ""
    assert address == ""
    assert len(set(seen)) == 60
    assert seen == sorted(made, reverse="oldest" not in query)


def test_the_job_can_be_chosen_of_those_there_are(client: httpx2.Client) -> None:
    assert '<option value="test.quiet">test.quiet</option>' in client.get("/desk/runs").text


@pytest.mark.parametrize(
    "query",
    [
        "state=bogus",
        "trigger=x",
        "needs_person=maybe",
        "from=yesterday",
        "to=2026-13-01",
        "order=size",
        "rows=7",
        "after=%00",
        "after=eyJ4",
        "nothing=1",
        "job=%00",
    ],
)
def test_a_query_that_does_not_fit_is_told(client: httpx2.Client, query: str) -> None:
    page = client.get(f"/desk/runs?{query}")
    assert page.status_code == 422
    assert "This did not work" in text_of(page)


def test_what_runs_say_is_escaped(client: httpx2.Client, add_run: AddRun) -> None:
    add_run(summary=EVIL, actor=EVIL)
    page = client.get("/desk/runs")
    assert "<script>alert" not in page.text
    assert "{{7*7}}" in text_of(page)


def test_a_customer_sees_no_runs(client: httpx2.Client) -> None:
    assert client.get("/desk/runs", headers=as_role("customer")).status_code == 403


FILTERS: dict[str, tuple[str | None, ...]] = {
    "job": (None, "job.3"),
    "state": (None, "succeeded", "failed", "parked"),
    "trigger": (None, "schedule", "page"),
    "needs_person": (None, "yes"),
    "from": (None, "2026-01-05"),
    "order": ("newest", "oldest"),
}


def test_no_filter_reads_the_whole_table(owner_sessions: sessionmaker[Session]) -> None:
    with owner_sessions.begin() as db:
        db.execute(
            text(f"""
            insert into runs (id, job, params, state, trigger, actor, attempt, not_before, cancel_requested, queued_at,
                              started_at, finished_at, done, label, counts, summary, needs_person)
            select gen_random_uuid(), 'job.' || n % 5, '{{}}',
                   case when n % 97 = 0 then 'failed' else 'succeeded' end, case when n % 501 = 0 then 'page' else 'schedule' end,
                   'schedule', 1, at, false, at, at, at, 1, '', '{{}}', 'Loaded.', n % 97 = 0
            from (select n, timestamptz '2026-01-01' + n * interval '30 s' as at from generate_series(1, {MANY}) as n) as made""")
        )
        db.execute(text("analyze runs"))
    engine = owner_sessions.kw["bind"]
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    with owner_sessions.begin() as db:
        for values in itertools.product(*FILTERS.values()):
            asked = {name: value for name, value in zip(FILTERS, values, strict=True) if value}
            first = RUNS.rows(db, RUNS.wanted(asked))
            if first.next:
                RUNS.rows(db, RUNS.wanted({**asked, "after": first.next}))
        queries_pages.latest_by_kind(db)
        asked_for, statements = statements, []
        for statement, parameters in asked_for:
            explain = f"explain (analyze, buffers, format json) {statement}"
            (plan,) = db.connection().exec_driver_sql(explain, parameters).scalar_one()
            assert '"Seq Scan"' not in str(plan).replace("'", '"'), statement
            pages = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
            assert pages < 1_500, (pages, parameters)
    assert len(asked_for) > 100

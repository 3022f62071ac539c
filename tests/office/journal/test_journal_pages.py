"""The journal's pages: days, sentences, links, filters, the chain's verdict; and the words that events are told in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from string import Formatter
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from recoup import app
from recoup.core.system import System
from recoup.office.jobs import execution, queries
from recoup.office.journal import jobs, service
from recoup.office.journal.models import Event
from recoup.office.journal.telling import Telling, title_of, who
from recoup.office.people.permissions import Role
from support.desk import as_role, desk, links_of, main_of, text_of
from support.house import MovableClock

SCRIPT, BRACES = "<script>alert(1)</script>", "{{7*7}}"
RUN = "01985f3c-1111-7222-8333-944455556666"


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with desk(system, zone="Europe/Berlin") as served:
        yield served


@pytest.fixture
def note(system: System) -> Callable[..., UUID]:
    def record(kind: str, subject: str, actor: str = "session:ada@example.com", **detail: object) -> UUID:
        with system.sessions.begin() as db:
            return service.record(db, kind, subject, actor=actor, now=system.clock(), **detail).id

    return record


def body(client: httpx2.Client, query: str = "", role: Role | None = None) -> str:
    page = client.get(f"/desk/journal{query}", headers=as_role(role) if role else None)
    assert page.status_code == 200, page.text
    return main_of(page)


def test_what_happened_reads_as_sentences_by_day(
    client: httpx2.Client, note: Callable[..., UUID], clock: MovableClock
) -> None:
    note(
        "jobs.run_failed",
        f"jobs/run/{RUN}",
        "host/place:12:99",
        job="metering.export",
        summary="The bucket is gone.",
    )
    clock.advance(hours=6)  # 22:30 UTC: the next day in Berlin
    note("people.added", "people/person/1", address="bob@example.com", role="analyst")
    page = body(client)
    said = text_of(page)
    assert "metering.export failed: The bucket is gone." in said
    assert "bob@example.com was let in as analyst." in said
    assert "ada@example.com" in said
    assert "a worker" in said
    assert (
        said.index("Fri 25 Jul") < said.index("00:30:00") < said.index("Thu 24 Jul") < said.index("18:30:00")
    )
    assert {f"/desk/runs/{RUN}", "/desk/people/1"} <= set(links_of(page))
    assert "run 01985f3c…6666" in said


def test_what_no_part_has_words_for_is_told_by_its_kind(
    client: httpx2.Client, note: Callable[..., UUID]
) -> None:
    note("rights.claim_released", "rights/claim/7", asset="A1")
    note("jobs.run_failed", "jobs/run/1")  # its details are missing: no sentence breaks
    said = text_of(body(client))
    assert "Claim released." in said
    assert "Run failed." in said


def test_values_are_text_wherever_they_stand(client: httpx2.Client, note: Callable[..., UUID]) -> None:
    event = note(
        "controls.changed",
        f"controls/control/{SCRIPT}",
        SCRIPT,
        value=SCRIPT,
        was=BRACES,
        more={SCRIPT: [SCRIPT]},
    )
    for path in (
        "/desk/journal",
        f"/desk/journal/{event}",
        f"/desk/journal?subject=controls/control/{SCRIPT}",
    ):
        page = client.get(path)
        assert page.status_code == 200
        assert SCRIPT not in page.text
        assert BRACES in text_of(page)
        assert SCRIPT in text_of(page)


def test_details_are_a_table(client: httpx2.Client, note: Callable[..., UUID]) -> None:
    event = note(
        "metering.window_taken",
        "metering/window/S:P:x/2025-07-24T15",
        files=2,
        records=12_345,
        entries=7,
        completed_by="marker",
    )
    page = main_of(client.get(f"/desk/journal/{event}"))
    said = text_of(page)
    assert "An hour was read: 12,345 records in 2 files became 7 entries." in said
    assert "completed by marker" in said
    assert "not yet: it is sealed within seconds" in said
    assert "/desk/metering/windows?stream=S%3AP%3Ax&amp;day=2025-07-24".replace("&amp;", "&") in links_of(
        page
    )
    assert "{" not in said


def test_one_thing_has_a_timeline(client: httpx2.Client, note: Callable[..., UUID]) -> None:
    note("jobs.paused", "jobs/job/files.sweep")
    note("jobs.paused", "jobs/job/metering.export")
    page = body(client, "?subject=jobs/job/files.sweep")
    said = text_of(page)
    assert "Everything that happened to jobs/job/files.sweep" in said
    assert "files.sweep was paused." in said
    assert "metering.export" not in said
    assert "/desk/jobs/files.sweep" in links_of(page)


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("?kind=jobs.paused", "A"),
        ("?kind=jobs.", "AB"),
        ("?kind=people.", "C"),
        ("?subject=jobs/", "AB"),
        ("?subject=jobs", "AB"),
        ("?subject=jobs/job/a", "A"),
        ("?subject=jobs/j", ""),
        ("?subject=jobs/j%25", ""),  # a percent sign is one
        ("?subject=jobs_", ""),
        ("?actor=bob@example.com", "BC"),
        ("?actor=key:bob@example.com", "C"),
        ("?since=2025-07-25", "C"),
        ("?until=2025-07-24", "AB"),
        ("?since=2025-07-24&until=2025-07-24&actor=bob@example.com", "B"),
    ],
)
def test_the_timeline_is_narrowed(
    client: httpx2.Client, note: Callable[..., UUID], clock: MovableClock, query: str, seen: str
) -> None:
    events = {
        "A": note("jobs.paused", "jobs/job/a"),
        "B": note("jobs.resumed", "jobs/job/b", "session:bob@example.com"),
    }
    clock.advance(hours=6)
    events["C"] = note("people.enabled", "people/person/c", "key:bob@example.com", address="c@example.com")
    page = body(client, query)
    assert [name for name, event in events.items() if f'"/desk/journal/{event}"' in page] == list(seen)
    if not seen:
        assert "Nothing matches" in text_of(page)


def test_kinds_are_chosen_from_what_happened_here(client: httpx2.Client, note: Callable[..., UUID]) -> None:
    for _ in range(3):
        note("zoo.lion_fed", "zoo/lion/1")
    page = body(client)
    assert page.count('<option value="zoo.lion_fed"') == 1
    assert '<option value="zoo.">zoo: everything</option>' in page
    assert "zoo: lion fed" in page


def test_pages_go_on_where_they_ended(client: httpx2.Client, note: Callable[..., UUID]) -> None:
    for number in range(60):
        note("zoo.lion_fed", f"zoo/lion/{number}")
    first = body(client, "?kind=zoo.lion_fed&rows=25")
    seen = [link for link in links_of(first) if link.startswith("/desk/journal/")]
    second = client.get(next(link for link in links_of(first) if "after=" in link))
    more = [link for link in links_of(main_of(second)) if link.startswith("/desk/journal/")]
    assert len(set(seen)) == len(set(more)) == 25
    assert not set(seen) & set(more)
    assert "First page" in text_of(second)


@pytest.mark.parametrize(
    "query",
    [
        "?order=password",
        "?after=x",
        "?since=1-1",
        "?rows=7",
        "?colour=red",
        "?kind=" + "x" * 400,
        "?subject=%00",
    ],
)
def test_what_does_not_fit_is_said_in_a_page(client: httpx2.Client, query: str) -> None:
    page = client.get(f"/desk/journal{query}")
    assert page.status_code == 422
    assert "This did not work" in text_of(page)
    assert "/desk/journal" in links_of(page)


def test_who_may_look(client: httpx2.Client, note: Callable[..., UUID]) -> None:
    event = note("zoo.lion_fed", "zoo/lion/1")
    for path in ("/desk/journal", f"/desk/journal/{event}"):
        assert client.get(path, headers=as_role(Role.REVIEWER)).status_code == 200
        assert client.get(path, headers=as_role(Role.ANALYST)).status_code == 403
        assert client.get(path, headers={"Authorization": "Bearer nobody"}).status_code == 303
    assert client.post("/desk/journal/verify", headers=as_role(Role.ANALYST)).status_code == 403
    assert client.get("/desk/journal/01985f3c-1111-7222-8333-944455556666").status_code == 404
    assert client.get("/desk/journal/verify").status_code == 422


# ---------------------------------------------------------------- the chain


def verified(client: httpx2.Client, system: System) -> str:
    answer = client.post("/desk/journal/verify")
    assert answer.status_code == 303
    run_id = UUID(answer.headers["location"].rpartition("/")[2])
    execution.execute(system, run_id)
    with system.sessions.begin() as db:
        run = queries.run(db, run_id)
        assert run is not None
        return run.summary


def test_the_chain_is_verified_by_a_click_and_its_verdict_stays(
    client: httpx2.Client, system: System, note: Callable[..., UUID]
) -> None:
    for number in range(5):
        note("zoo.lion_fed", f"zoo/lion/{number}")
    jobs.tick(system, system.clock())
    assert "5 events under 1 seals are what they were." in verified(client, system)
    said = text_of(body(client))
    assert "5 events under 1 seals are what they were." in said


def test_a_changed_event_shows_after_the_click(
    client: httpx2.Client, system: System, note: Callable[..., UUID], owner_sessions: sessionmaker[Session]
) -> None:
    event = note("zoo.lion_fed", "zoo/lion/1")
    jobs.tick(system, system.clock())
    with owner_sessions.begin() as db:
        db.execute(text("update events set actor = 'nobody' where id = :id"), {"id": event})
    assert "is not what it was" in verified(client, system)
    said = text_of(body(client))
    assert "the journal is not what it was" in said
    assert "an event that it covers was changed" in said
    with system.sessions.begin() as db:
        run = queries.runs(db, job_name="journal.verify")[0]
        assert run.needs_person


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("actor", "name"),
    [
        ("session:ada@example.com", "ada@example.com"),
        ("token:ada@example.com", "ada@example.com, by token"),
        ("key:api", "the key api"),
        ("command:root", "root, by command"),
        ("schedule", "the schedule"),
        ("vm/1328289e:4923:402629", "a worker"),
        ("messages", "messages"),
        ("person:", "person:"),
    ],
)
def test_actors_read_as_names(actor: str, name: str) -> None:
    assert who(actor) == name


def test_every_sentence_of_ours_is_told_by_its_event() -> None:
    told = Telling(app.ALL)
    for area in app.ALL:
        for kind, pattern in area.events.items():
            names = {name for _, name, _, _ in Formatter().parse(pattern) if name}
            event = Event(
                kind=kind,
                subject="part/thing/name",
                actor="a",
                detail=dict.fromkeys(names, "x") | {"plain": 1},
            )
            sentence = told.sentence(event)
            assert "{" not in sentence
            assert sentence[0].isupper() or sentence.startswith(("x", "name"))
            assert len(sentence) > 8


def test_a_subject_is_named_shortly() -> None:
    assert [title_of(one) for one in ("jobs/run/x", f"jobs/run/{RUN}", "journal/chain", "odd")] == [
        "run x",
        "run 01985f3c…6666",
        "chain",
        "odd",
    ]

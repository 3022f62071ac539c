"""Metering's pages, as a person sees and uses them: real files, Clazar's stand-in, real HTTP."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import func, select, update

from recoup.areas.metering import desk
from recoup.areas.metering.lists import ALL
from recoup.areas.metering.models import Adjustment, Entry, EntryState, Remainder, Window
from recoup.areas.metering.queries import window_rows
from recoup.areas.metering.service import adjustments
from recoup.core.clock import HOUR
from recoup.core.ids import new_id
from recoup.core.quantity import to_text
from recoup.office.jobs import execution
from recoup.office.jobs.models import Run
from recoup.office.journal import queries as journal
from recoup.office.outbox.models import Delivery
from recoup.office.people.permissions import Role
from recoup.office.people.rules.limits import Client
from recoup.office.people.service import people, sessions
from recoup.sandbox.clazar import ClazarStandIn
from support import doors
from support.hour_files import Producer, Usage, body
from support.house import MovableClock, ScriptedChannel, opened
from support.market import Market, market
from support.postgres import Database

FIRST = datetime(2025, 7, 24, 10, tzinfo=UTC)
NOW = datetime(2025, 7, 24, 16, 30, tzinfo=UTC)
STREAM = "Postgres:PROD:pt-a"
ENVIRON = {
    "SERVICE_NAME": "Postgres",
    "ENVIRONMENT_TYPE": "PROD",
    "PLAN_ID": "pt-a",
    "CLAZAR_CLOUD": "aws",
    "RECOUP_METERING_START": "2025-07-24T10:00:00Z",
}
DESK = "/desk/metering"
ATTACK = "<script>alert(1)</script> {{7*7}}"


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOW)


@pytest.fixture
def clazar(clock: MovableClock) -> Iterator[ClazarStandIn]:
    with ClazarStandIn(clock=clock) as running:
        yield running


@pytest.fixture
def here(database: Database, tmp_path: Path, clazar: ClazarStandIn, clock: MovableClock) -> Iterator[Market]:
    with market(database, tmp_path, clazar, clock=clock, environ=ENVIRON) as running:
        yield running


@pytest.fixture
def producer(here: Market) -> Producer:
    """Five hours: plain, with unbilled usage, with a record that cannot be used, half a file, priced."""
    made = Producer(here.files)
    plain = [Usage("alice", "cpu_core_hours", "1.5"), Usage("alice", "memory", "2", pod="pod-1")]
    hours = (
        plain,
        [*plain, Usage(None, "cpu_core_hours", "7", price="0.5", subscription=ATTACK)],
        [*plain, *(Usage("alice", "pods", "1", pod=f"pod-{n}") for n in range(5)), f'"{ATTACK}"'],
        plain,
        [Usage("alice", "cpu_core_hours", "4.25", price="2")],
    )
    for number, records in enumerate(hours):
        key = made.key(STREAM, FIRST + number * HOUR, "sub-1")
        made.write(key, body([*records]), broken=number == 3)
    return made


@pytest.fixture
def exported(here: Market, producer: Producer) -> Market:
    assert producer.root == here.files
    here.export()
    return here


@pytest.fixture
def client(here: Market) -> Iterator[httpx2.Client]:
    with doors.api(here.system) as made:
        yield made


def seen(client: httpx2.Client, path: str, *, status: int = 200, **query: str) -> str:
    answer = client.get(path, params=query or None)
    assert answer.status_code == status, answer.text
    return answer.text


def words(page: str) -> str:
    """Return what a person reads of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def window_of(here: Market, number: int) -> UUID:
    with here.system.sessions.begin() as db:
        window = window_rows.window_at(db, STREAM, FIRST + number * HOUR)
        assert window is not None
        return window.id


def entry_in(here: Market, number: int = 0, dimension: str = "cpu_core_hours") -> Entry:
    with here.system.sessions.begin() as db:
        found = select(Entry).where(Entry.hour == FIRST + number * HOUR, Entry.dimension == dimension)
        entry = db.scalars(found).one()
        db.expunge(entry)
        return entry


def put_into(here: Market, entry: Entry, state: EntryState, reason: str = "No.") -> str:
    with here.system.sessions.begin() as db:
        db.execute(update(Entry).where(Entry.id == entry.id).values(state=state, reason=reason))
    return f"{DESK}/entries/{entry.id}"


def changed(here: Market, producer: Producer, number: int, value: str) -> None:
    """Change a file after its hour was taken, and let the export find it."""
    key = producer.key(STREAM, FIRST + number * HOUR, "sub-1")
    producer.write(
        key, body([Usage("alice", "cpu_core_hours", value), Usage("alice", "memory", "2", pod="pod-1")])
    )
    here.export()


def as_role(here: Market, role: Role) -> dict[str, str]:
    """Return the header of somebody of a role who has shown no second factor."""
    with here.system.sessions.begin() as db:
        now = here.system.clock()
        person = people.add(db, address=f"{role}@example.com", role=role, name="", actor="test", now=now)
        made = sessions.open_session(
            db, person, kind="browser", client=Client("192.0.2.7", "Firefox"), how="code", now=now
        )
        return {"Cookie": f"recoup={made.token}"}


# ---------------------------------------------------------------- streams


def test_a_fresh_installation_is_told_what_to_write_and_what_to_run(
    database: Database, tmp_path: Path
) -> None:
    with opened(database, tmp_path, clock=MovableClock()) as system, doors.api(system) as client:
        page = seen(client, DESK)
        for line in (
            "S3_BUCKET_NAME=",
            "SERVICE_NAME=",
            "PLAN_ID=",
            "[[metering.streams]]",
            "recoup metering export --dry-run",
        ):
            assert line in words(page)
        assert "No stream is configured" in words(seen(client, f"{DESK}/export", status=200))
        with system.sessions.begin() as db:
            assert desk.tiles(db, system.clock()) == []
            assert desk.waiting(db, system.clock()) == []


def test_a_configured_stream_shows_itself_before_its_first_export(client: httpx2.Client) -> None:
    assert "It is configured, and was never exported." in words(seen(client, DESK))


def test_a_stream_shows_how_it_stands_and_what_waits(exported: Market, client: httpx2.Client) -> None:
    put_into(exported, entry_in(exported), EntryState.REJECTED)
    page = words(seen(client, DESK))
    assert "Postgres PROD · pt-a · AWS" in page
    assert "1 held hour" in page
    assert "1 rejected" in page
    assert "Accepted until 24 Jul 10:00" in page  # the first hour has an entry that was rejected
    assert "read until 24 Jul 13:00" in page
    assert "4 taken" in page


def test_what_is_not_submitted_is_shown_with_its_worth(
    database: Database, tmp_path: Path, clock: MovableClock
) -> None:
    """Without a marketplace, what is planned stays planned."""
    files = tmp_path / "usage"
    producer = Producer(files)
    producer.write(
        producer.key(STREAM, FIRST, "sub-1"), body([Usage("alice", "cpu_core_hours", "4.25", price="2")])
    )
    told = {**ENVIRON, "RECOUP_METERING_SOURCE": str(files)}
    channels = {"mail": ScriptedChannel("mail", dedupes=False)}
    with opened(database, tmp_path, clock=clock, channels=channels, environ=told) as system:
        execution.execute_here(system, system.parts.jobs["metering.export"], {}, actor="test")
        with doors.api(system) as client:
            page = words(seen(client, DESK))
        with system.sessions.begin() as db:
            tile = next(one for one in desk.tiles(db, NOW) if one.title == "Usage not submitted yet")
    assert "8.50 USD 1 item owed; lapses in 17 h 30 min" in page
    assert "Clazar is not set up" in page
    assert tile.figure == "8.50 USD"


def test_the_map_says_in_words_what_is_the_matter(exported: Market, client: httpx2.Client) -> None:
    put_into(exported, entry_in(exported), EntryState.UNKNOWN)
    stream = seen(client, DESK).partition("/streams/")[2][:36]
    page = seen(client, f"{DESK}/streams/{stream}")
    titles = dict(re.findall(r'class="cell hour-(\w+)[^"]*"[^>]*title="([^"]*)"', page))
    assert "24 Jul, 10:00 UTC: unknown. Of its entries 1 sent with an unknown outcome." in titles["unknown"]
    assert "held." in titles["held"]
    assert "(half-written?)" in titles["held"]
    assert "It can be submitted until 25 Jul, 13:00 UTC." in titles["held"]
    looks = re.findall(
        r'class="cell hour-(\w+)', page.partition("heat-scroll")[2].partition('class="legend"')[0]
    )
    assert len(looks) == 24
    assert looks.count("before") == 10
    assert looks.count("accepted") == 3
    assert looks.count("held") == looks.count("unknown") == 1
    assert f'href="{DESK}/windows/{window_of(exported, 3)}"' in page
    assert seen(client, f"{DESK}/streams/{STREAM}").count("hour-held") == page.count("hour-held")


def test_hours_that_nothing_looked_at_are_missing(
    exported: Market, client: httpx2.Client, clock: MovableClock
) -> None:
    assert exported.clock is clock
    clock.advance(hours=8)
    page = seen(client, f"{DESK}/streams/{STREAM}")
    assert "hour-missing" in page
    assert "no export has run since it ended" in page


def test_the_map_goes_back_in_time(exported: Market, client: httpx2.Client, clock: MovableClock) -> None:
    clock.advance(days=40)
    page = seen(client, f"{DESK}/streams/{STREAM}")
    earlier = re.search(r'rel="prev" href="([^"]+)"', page)
    assert earlier is not None
    assert "24 Jul" not in page.partition("heat-scroll")[2]
    assert "Thu 24 Jul" in seen(client, html.unescape(earlier[1]))
    assert exported.clock is clock


def test_usage_is_drawn_and_stands_beside_as_exact_figures(exported: Market, client: httpx2.Client) -> None:
    page = seen(client, f"{DESK}/streams/{STREAM}/usage", dimension="cpu_core_hours")
    option = json.loads(page.partition('id="contracts-option">')[2].partition("</script>")[0])
    assert [one["name"] for one in option["series"]] == ["alice"]
    assert option["series"][0]["data"] == [8.75]  # 3 x 1.5 and 4.25; the held hour is not there yet
    assert "8.75" in words(page)
    assert "8.5 USD" in words(page)
    assert exported.system is not None


def test_a_stream_that_is_not_there_is_told(exported: Market, client: httpx2.Client) -> None:
    assert "There is no stream nowhere" in words(seen(client, f"{DESK}/streams/nowhere", status=404))
    assert exported.system is not None


# ---------------------------------------------------------------- windows and entries


def test_a_window_shows_all_that_belongs_to_it(exported: Market, client: httpx2.Client) -> None:
    plain = words(seen(client, f"{DESK}/windows/{window_of(exported, 0)}"))
    assert "It was complete when it had settled" in plain
    assert "All 2 entries were accepted." in plain
    assert "sub-1.json" in plain
    assert "window taken" in plain
    bad = seen(client, f"{DESK}/windows/{window_of(exported, 2)}")
    assert "it is not an object" in words(bad)
    assert ATTACK not in bad
    unbilled = seen(client, f"{DESK}/windows/{window_of(exported, 1)}")
    assert "3.50 USD" in words(unbilled)
    assert ATTACK not in unbilled
    held = words(seen(client, f"{DESK}/windows/{window_of(exported, 3)}"))
    assert "Its files cannot be used as they are." in held
    assert "(half-written?)" in held
    assert "Try again: export now" in held
    with exported.system.sessions.begin() as db:
        delivery = db.scalars(select(Delivery).order_by(Delivery.id)).first()
        assert delivery is not None
        assert f"/desk/outbox/{delivery.id}" in seen(client, f"{DESK}/windows/{window_of(exported, 0)}")


def test_lists_narrow_sort_and_go_on(exported: Market, client: httpx2.Client) -> None:
    def hours(**query: str) -> list[str]:
        page = seen(client, f"{DESK}/windows", **query)
        return re.findall(r"2025-07-24 (\d\d):00", page)

    assert hours() == ["15", "14", "13", "12", "11", "10"]
    assert hours(order="oldest") == ["10", "11", "12", "13", "14", "15"]
    assert hours(state="held") == ["13"]
    assert hours(state="unsettled") == ["15", "13"]
    assert hours(stream="another") == []
    assert hours(day="2025-07-23") == []
    entries = seen(client, f"{DESK}/entries", hour="2025-07-24T12", dimension="pods")
    assert entries.count("<tr data-href") == 1
    assert seen(client, f"{DESK}/entries", contract="bob").count("<tr data-href") == 0
    assert seen(client, f"{DESK}/entries", since="2025-07-24", until="2025-07-24").count("<tr data-href") == 8
    first = seen(client, f"{DESK}/entries", rows="25")
    assert 'rel="next"' not in first
    assert exported.system is not None


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("windows", {"state": "strange"}),
        ("windows", {"nothing": "1"}),
        ("windows", {"day": "yesterday"}),
        ("windows", {"day": "9999-12-31"}),
        ("windows", {"after": "AAAA"}),
        ("entries", {"hour": "noon"}),
        ("entries", {"order": "random"}),
        ("entries", {"contract": "x" * 400}),
        ("quarantine", {"window": "no id"}),
        ("unbilled", {"rows": "7"}),
        ("adjustments/settle", {"how": "burn", "id": str(uuid4())}),
        ("adjustments/settle", {"how": "carry"}),
        ("streams/" + STREAM, {"until": "soon"}),
        ("export/rehearsal", {"max_hours": "0"}),
    ],
)
def test_what_does_not_fit_is_told_in_a_page(client: httpx2.Client, path: str, query: dict[str, str]) -> None:
    client.get(f"{DESK}/streams/{STREAM}")
    status = {404, 422} if path.startswith("streams") else {422}
    assert client.get(f"{DESK}/{path}?{urlencode(query)}").status_code in status


def test_pages_of_a_list_hold_every_row_once(exported: Market, client: httpx2.Client) -> None:
    with exported.system.sessions.begin() as db:
        window = window_rows.window_at(db, STREAM, FIRST)
        assert window is not None
        known = entry_in(exported)
        for number in range(60):
            row = {column.key: getattr(known, column.key) for column in Entry.__table__.columns}
            db.add(Entry(**{**row, "id": new_id(), "contract": f"c{number}", "submission_id": None}))
    path, ids = f"{DESK}/entries?{urlencode({'rows': '25', 'dimension': 'cpu_core_hours'})}", []
    while path:
        page = seen(client, path)
        ids += re.findall(r'<tr data-href="/desk/metering/entries/([0-9a-f-]+)"', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        path = html.unescape(following[1]) if following else ""
    assert len(ids) == len(set(ids)) == 64


def test_an_entry_shows_its_sum_and_its_files(exported: Market, client: httpx2.Client) -> None:
    entry = entry_in(exported, 1)
    page = words(seen(client, f"{DESK}/entries/{entry.id}"))
    assert "measured 1.5 + carried in 0.5 = submitted 2 + carried on 0" in page
    assert "sub-1.json" in page
    assert "success" in page
    assert "Settle it" not in page


def test_the_records_behind_a_figure_are_read_again_and_marked(
    exported: Market, producer: Producer, client: httpx2.Client
) -> None:
    entry = entry_in(exported, 4)
    path = f"{DESK}/entries/{entry.id}/records"
    page = seen(client, path)
    assert "<mark>4.25</mark>" in page
    assert "1 record. Those that count add up to 4.25 , which is the figure, to the last digit" in words(page)
    assert "line 1" in words(page)
    producer.write(
        producer.key(STREAM, FIRST + 4 * HOUR, "sub-1"), body([Usage("alice", "cpu_core_hours", "5")])
    )
    assert "The records cannot be shown" in words(seen(client, path))


# ---------------------------------------------------------------- settling


def test_an_entry_is_restamped_with_a_note(exported: Market, client: httpx2.Client) -> None:
    entry = entry_in(exported)
    path = put_into(exported, entry, EntryState.EXPIRED, f"Too late {ATTACK}")
    page = seen(client, path)
    assert ATTACK not in page
    assert "Adds the quantity to what the next hour submits" in words(page)
    assert 'value="send"' not in page  # it is too late for its own hour
    answer = client.post(f"{path}/settle", data={"how": "restamp", "note": "Agreed by mail."})
    assert answer.status_code == 303
    assert answer.headers["location"] == path
    again = entry_in(exported)
    assert (again.state, again.reason) == (EntryState.RESTAMPED, "Agreed by mail.")
    with exported.system.sessions.begin() as db:
        (event,) = journal.timeline(db, subject=f"metering/entry/{entry.id}")
        assert (event.kind, event.actor) == ("metering.entry_restamp", "key:api")


@pytest.mark.parametrize(
    ("state", "how", "becomes"),
    [
        (EntryState.REJECTED, "send", EntryState.PLANNED),
        (EntryState.UNKNOWN, "accept", EntryState.ACCEPTED),
        (EntryState.HELD, "dismiss", EntryState.DISMISSED),
    ],
)
def test_each_way_out_does_what_it_says(
    exported: Market, client: httpx2.Client, state: EntryState, how: str, becomes: EntryState
) -> None:
    path = put_into(exported, entry_in(exported), state)
    assert f'value="{how}"' in seen(client, path)
    assert client.post(f"{path}/settle", data={"how": how}).status_code == 303
    assert entry_in(exported).state == becomes


def test_settling_is_refused_with_a_sentence_and_keeps_what_was_typed(
    exported: Market, client: httpx2.Client, clock: MovableClock
) -> None:
    path = put_into(exported, entry_in(exported), EntryState.REJECTED)
    clock.advance(days=2)
    late = client.post(f"{path}/settle", data={"how": "send", "note": "my note"})
    assert late.status_code == 409
    assert "The cloud took usage of this hour until" in words(late.text)
    assert "my note" in late.text
    assert entry_in(exported).state == EntryState.REJECTED
    strange = client.post(f"{path}/settle", data={"how": "burn", "note": "my note"})
    assert strange.status_code == 422
    assert "my note" in strange.text
    assert client.post(f"{DESK}/entries/{uuid4()}/settle", data={"how": "send"}).status_code == 404
    accepted = f"{DESK}/entries/{entry_in(exported, 0, 'memory').id}"
    assert client.post(f"{accepted}/settle", data={"how": "send"}).status_code == 409


def test_differences_are_previewed_and_carried_together(
    exported: Market, producer: Producer, client: httpx2.Client
) -> None:
    changed(exported, producer, 0, "9.75")
    changed(exported, producer, 1, "2")
    with exported.system.sessions.begin() as db:
        ids = list(db.scalars(select(Adjustment.id)))
        carried = db.scalars(select(Remainder.carried).where(Remainder.dimension == "cpu_core_hours")).one()
    assert len(ids) == 2
    page = seen(client, f"{DESK}/adjustments")
    assert all(f'value="{one}"' in page for one in ids)
    query = [("how", "carry"), *(("id", str(one)) for one in ids)]
    preview = words(seen(client, f"{DESK}/adjustments/settle?{urlencode(query)}"))
    added = Decimal("8.75")  # 9.75 - 1.5 and 2 - 1.5
    assert f"{to_text(carried)} 8.75 {to_text(carried + added)}" in preview
    with exported.system.sessions.begin() as db:
        assert set(db.scalars(select(Adjustment.state))) == {"open"}
    answer = client.post(
        f"{DESK}/adjustments/settle", data={"how": "carry", "id": [str(one) for one in ids], "note": "ok"}
    )
    assert answer.status_code == 303
    with exported.system.sessions.begin() as db:
        assert set(db.scalars(select(Adjustment.state))) == {"carried"}
        now_carried = db.scalars(
            select(Remainder.carried).where(Remainder.dimension == "cpu_core_hours")
        ).one()
        assert now_carried - carried == added


def test_of_several_differences_all_are_settled_or_none(
    exported: Market, producer: Producer, client: httpx2.Client
) -> None:
    changed(exported, producer, 0, "9.75")
    changed(exported, producer, 1, "2")
    with exported.system.sessions.begin() as db:
        ids = sorted(db.scalars(select(Adjustment.id)))
        adjustments.end(db, ids[1], carry=False, note="", actor="Bob", now=NOW)
    answer = client.post(
        f"{DESK}/adjustments/settle", data={"how": "carry", "id": [str(one) for one in ids], "note": "typed"}
    )
    assert answer.status_code == 409
    assert "dismissed already" in words(answer.text)
    assert "typed" in answer.text
    with exported.system.sessions.begin() as db:
        assert db.get_one(Adjustment, ids[0]).state == "open"
    nothing = client.post(f"{DESK}/adjustments/settle", data={"how": "carry"})
    assert nothing.status_code == 422


# ---------------------------------------------------------------- what was not billed


def test_unbilled_usage_is_summed_and_leads_to_its_hours(exported: Market, client: httpx2.Client) -> None:
    page = seen(client, f"{DESK}/unbilled")
    assert ATTACK not in page
    assert "&lt;script&gt;" in page
    assert "3.50 USD" in words(page)
    drill = re.search(r'data-href="([^"]*unbilled/hours[^"]*)"', page)
    assert drill is not None
    hours = seen(client, html.unescape(drill[1]))
    assert f"{DESK}/windows/{window_of(exported, 1)}" in hours
    assert seen(client, f"{DESK}/unbilled", subscription="nobody").count("<tr data-href") == 0


def test_quarantine_shows_records_and_held_hours(exported: Market, client: httpx2.Client) -> None:
    page = seen(client, f"{DESK}/quarantine")
    assert "(half-written?)" in words(page)
    assert "it is not an object" in words(page)
    assert ATTACK not in page
    assert html.escape("<script>alert(1)</script>") in page
    one = seen(client, f"{DESK}/quarantine", window=str(window_of(exported, 0)))
    assert "Nothing matches" in words(one)


def test_remainders_show_what_is_carried(exported: Market, client: httpx2.Client) -> None:
    page = words(seen(client, f"{DESK}/remainders"))
    with exported.system.sessions.begin() as db:
        for row in db.scalars(select(Remainder).where(Remainder.carried != 0)):
            assert f"{row.contract} {row.dimension} {to_text(row.carried)}" in page


# ---------------------------------------------------------------- exporting


def test_a_rehearsal_shows_the_bytes_and_changes_nothing(
    here: Market, producer: Producer, client: httpx2.Client, clazar: ClazarStandIn
) -> None:
    page = seen(client, f"{DESK}/export/rehearsal", max_hours="1")
    assert '{"request":[{"cloud":"aws","contract_id":"alice","dimension":"cpu_core_hours"' in html.unescape(
        page
    )
    assert "Submissions 1" in words(page)
    assert "Records 2" in words(page)
    assert not clazar.ledger
    with here.system.sessions.begin() as db:
        assert db.scalar(select(func.count()).select_from(Window)) == 0
        assert db.scalar(select(func.count()).select_from(Delivery)) == 0
    assert producer.root.exists()


def test_an_export_is_queued_with_what_was_asked(here: Market, client: httpx2.Client) -> None:
    answer = client.post(f"{DESK}/export", data={"stream": STREAM, "max_hours": "3"})
    assert answer.status_code == 303
    with here.system.sessions.begin() as db:
        run = db.scalars(select(Run)).one()
        assert answer.headers["location"] == f"/desk/runs/{run.id}"
        assert (run.trigger, run.params) == ("page", {"stream": STREAM, "max_hours": 3})


def test_an_export_that_cannot_be_is_refused_in_the_form(here: Market, client: httpx2.Client) -> None:
    wrong = client.post(f"{DESK}/export", data={"max_hours": "none"})
    assert wrong.status_code == 422
    assert "valid integer" in words(wrong.text)
    unknown = client.post(f"{DESK}/export", data={"stream": "a:b:c"})
    assert unknown.status_code == 404
    assert "There is no stream a:b:c." in words(unknown.text)
    with here.system.sessions.begin() as db:
        assert db.scalar(select(func.count()).select_from(Run)) == 0


# ---------------------------------------------------------------- who may


def test_who_has_not_come_in_is_led_to_the_door(here: Market, client: httpx2.Client) -> None:
    assert here.system is not None
    with httpx2.Client(base_url=client.base_url) as stranger:
        for path in (
            "",
            "/windows",
            "/entries",
            "/adjustments",
            "/quarantine",
            "/unbilled",
            "/remainders",
            "/export",
        ):
            answer = stranger.get(f"{DESK}{path}")
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/desk/sign-in")


def test_an_analyst_looks_and_does_nothing(exported: Market, client: httpx2.Client) -> None:
    path = put_into(exported, entry_in(exported), EntryState.REJECTED)
    with httpx2.Client(base_url=client.base_url, headers=as_role(exported, Role.ANALYST)) as analyst:
        page = seen(analyst, path)
        assert "It waits for somebody who may settle it" in words(page)
        assert "/desk/outbox/" not in page
        assert "Export now" not in words(seen(analyst, DESK))
        window = seen(analyst, f"{DESK}/windows/{window_of(exported, 0)}")
        assert "/desk/outbox/" not in window
        assert "What happened" not in window
        assert 'type="checkbox" name="id"' not in seen(analyst, f"{DESK}/adjustments")
        own = {"Sec-Fetch-Site": "same-origin"}
        for refused in (
            analyst.post(f"{path}/settle", data={"how": "dismiss"}, headers=own),
            analyst.post(f"{DESK}/adjustments/settle", data={"how": "carry"}, headers=own),
            analyst.post(f"{DESK}/export", headers=own),
            analyst.get(f"{DESK}/export/rehearsal"),
        ):
            assert refused.status_code == 403
    assert entry_in(exported).state == EntryState.REJECTED


# ---------------------------------------------------------------- the overview and the search


def test_the_overview_says_what_waits(exported: Market, clock: MovableClock) -> None:
    put_into(exported, entry_in(exported), EntryState.REJECTED)
    clock.advance(hours=3)
    with exported.system.sessions.begin() as db:
        tiles = {one.title: one for one in desk.tiles(db, clock())}
        waiting = {one.text: one.href for one in desk.waiting(db, clock())}
    assert tiles["Usage accepted until"].figure == "24 Jul 10:00"
    assert (tiles["Hours held"].figure, tiles["Hours held"].tone) == ("1", "bad")
    assert tiles["Next hour lapses"].figure == "in 14 h 30 min"
    assert waiting["1 entry was rejected by the marketplace."] == f"{DESK}/entries?state=rejected"
    assert "1 hour of usage is held: the files cannot be used as they are." in waiting
    assert any(text.startswith("3 hours of usage not accepted yet lapse within a day") for text in waiting)


def test_search_finds_what_has_a_name(exported: Market, producer: Producer) -> None:
    entry, window = entry_in(exported), window_of(exported, 0)
    key = producer.key(STREAM, FIRST, "sub-1")
    with exported.system.sessions.begin() as db:

        def kinds(text: str) -> set[tuple[str, str]]:
            return {(hit.kind, hit.href) for hit in desk.search(db, text)}

        assert ("entry", f"{DESK}/entries/{entry.id}") in kinds(str(entry.id))
        assert ("hour of usage", f"{DESK}/windows/{window}") in kinds(str(window))
        assert ("contract", f"{DESK}/entries?contract=alice") in kinds("ali")
        assert {kind for kind, _ in kinds("postgres:prod")} == {"stream"}
        assert ("usage file", f"{DESK}/windows/{window}") in kinds(key[:-3])
        assert {kind for kind, _ in kinds("<script>")} == {"subscription"}
        assert ("subscription", f"{DESK}/windows/{window_of(exported, 4)}") in kinds("sub-1")
        assert kinds("no such thing") == set()
        assert kinds("a") == set()


def test_every_list_can_be_written_into_a_file(exported: Market) -> None:
    with exported.system.sessions.begin() as db:
        for listing in ALL:
            rows = list(listing.every(db, listing.wanted({})))
            assert rows or listing.name == "metering_adjustments"
            for order in listing.orders:
                again = list(listing.every(db, listing.wanted({"order": order.name})))
                assert len(again) == len(rows)
            assert all(column.value(row) is not NotImplemented for row in rows for column in listing.columns)


def test_a_deadline_that_passes_makes_an_hour_too_late(
    exported: Market, client: httpx2.Client, clock: MovableClock
) -> None:
    clock.now = FIRST + 3 * HOUR + timedelta(hours=25)
    page = seen(client, f"{DESK}/streams/{STREAM}")
    assert "24 Jul, 13:00 UTC: not read before 25 Jul, 13:00 UTC." in page
    assert exported.clock is clock

"""The live log: lines as they come, going on where one was, ending with the run, bounded, closed to other sites."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx2
import pytest
from sqlalchemy import text

from recoup.core.ids import new_id
from recoup.core.system import System
from recoup.entry.server import LONGEST_GOODBYE
from recoup.office.jobs.models import Run
from recoup.office.jobs.pages import events
from recoup.office.people.permissions import Role
from support.desk import as_role, desk
from support.runs import EVIL, AddLines, AddRun


def end(system: System, run: Run) -> None:
    with system.sessions.begin() as db:
        db.execute(
            text(
                "update runs set state = 'succeeded', lease_until = null, finished_at = now() where id = :id"
            ),
            {"id": run.id},
        )


def told(body: str) -> list[tuple[str, str, str]]:
    """Return the events of a stream: name, id, data."""
    found = []
    for block in body.split("\n\n"):
        fields: dict[str, list[str]] = {}
        for line in block.splitlines():
            name, _, value = line.partition(": ")
            fields.setdefault(name, []).append(value)
        if "event" in fields:
            found.append((fields["event"][0], fields["id"][0], "\n".join(fields["data"])))
    return found


@contextmanager
def reading(client: httpx2.Client, run: Run, **headers: str) -> Iterator[list[str]]:
    """Read a run's stream in a thread; yield what came so far, joined at the end."""
    parts: list[str] = []

    def read() -> None:
        with client.stream("GET", f"/desk/runs/{run.id}/events", headers=headers) as answer:
            parts.extend(answer.iter_text())

    thread = threading.Thread(target=read)
    thread.start()
    yield parts
    thread.join(20)
    assert not thread.is_alive()


def until(parts: list[str], wanted: str) -> None:
    deadline = time.monotonic() + 10
    while wanted not in "".join(parts):
        assert time.monotonic() < deadline, parts
        time.sleep(0.02)


def test_lines_come_while_the_run_runs_and_end_with_it(
    client: httpx2.Client, system: System, add_run: AddRun, add_lines: AddLines
) -> None:
    run = add_run(state="running", done=1, total=4)
    add_lines(run, "one")
    with reading(client, run) as parts:
        until(parts, ">one<")
        add_lines(run, EVIL, "a\nb", first=2)
        until(parts, ">a\n")
        end(system, run)
    found = told("".join(parts))
    assert [name for name, _, _ in found if name != "standing"] == ["line", "line", "over"]
    assert [place for name, place, _ in found if name == "line"] == ["1-1", "1-3"]
    assert found[-1][2] == "succeeded"
    body = "".join(data for _, _, data in found)
    assert "<script>alert" not in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{7*7}}" in body
    standing = next(data for name, _, data in found if name == "standing")
    assert 'value="1" max="4"' in standing
    assert "<html" not in standing


def test_a_browser_that_lost_the_stream_goes_on_after_its_last_line(
    client: httpx2.Client, add_run: AddRun, add_lines: AddLines
) -> None:
    run = add_run()
    add_lines(run, *(f"line {number}" for number in range(1, 451)))
    again = client.get(f"/desk/runs/{run.id}/events?after=1-1", headers={"Last-Event-ID": "1-440"})
    assert again.headers["content-type"].startswith("text/event-stream")
    (line, over) = told(again.text)
    assert line[1] == "1-450"
    assert [f">line {number}<" in line[2] for number in (440, 441, 450)] == [False, True, True]
    assert over[0] == "over"
    whole = told(client.get(f"/desk/runs/{run.id}/events").text)
    assert [place for _, place, _ in whole] == ["1-200", "1-400", "1-450", "1-450"]


def test_progress_is_told_once_for_each_step(client: httpx2.Client, system: System, add_run: AddRun) -> None:
    run = add_run(state="running", done=1, total=4)
    with reading(client, run) as parts:
        until(parts, 'value="1"')
        time.sleep(1.2)
        with system.sessions.begin() as db:
            db.execute(text("update runs set done = 2 where id = :id"), {"id": run.id})
        until(parts, 'value="2"')
        end(system, run)
    assert [name for name, _, _ in told("".join(parts))] == ["standing", "standing", "over"]


def test_a_stream_holds_no_transaction_while_it_waits(
    client: httpx2.Client, system: System, add_run: AddRun
) -> None:
    run = add_run(state="running")
    pool = system.sessions.kw["bind"].pool
    with reading(client, run) as parts:
        until(parts, "event: standing")
        held = [pool.checkedout() for _ in range(40) if time.sleep(0.02) is None]
        end(system, run)
    assert held.count(0) > 30


def test_streams_beyond_the_bound_are_refused_and_places_come_back(
    client: httpx2.Client, system: System, add_run: AddRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_open", threading.BoundedSemaphore(1))
    run = add_run(state="running")
    with reading(client, run) as parts:
        until(parts, "event: standing")
        refused = client.get(f"/desk/runs/{run.id}/events")
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "10"
        end(system, run)
    assert client.get(f"/desk/runs/{run.id}/events").status_code == 200


def test_a_reader_who_goes_away_gives_their_place_back(
    client: httpx2.Client, add_run: AddRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_open", threading.BoundedSemaphore(1))
    run = add_run(state="running")
    with client.stream("GET", f"/desk/runs/{run.id}/events") as answer:
        assert next(answer.iter_text())
    deadline = time.monotonic() + 5
    while not events._open.acquire(blocking=False):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_stream_ends_by_itself_and_says_when_to_come_back(
    client: httpx2.Client, add_run: AddRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LONGEST", 0.3)
    body = client.get(f"/desk/runs/{add_run(state='running').id}/events").text
    assert body.startswith("retry: 2000\n\n")
    assert "event: over" not in body


def test_a_server_that_ends_does_not_wait_for_streams(system: System, add_run: AddRun) -> None:
    run = add_run(state="running")
    with ExitStack() as stack:
        with desk(system) as there:
            reader = httpx2.Client(base_url=there.base_url, headers=there.headers)
            parts = stack.enter_context(reading(stack.enter_context(reader), run))
            until(parts, "event: standing")
            leaving = time.monotonic()
        assert time.monotonic() - leaving < LONGEST_GOODBYE / 2


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.test"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        (as_role(Role.CUSTOMER), 403),
        ({"Last-Event-ID": "x"}, 422),
    ],
)
def test_other_sites_and_roles_get_no_stream(
    client: httpx2.Client, add_run: AddRun, headers: dict[str, str], status: int
) -> None:
    assert client.get(f"/desk/runs/{add_run().id}/events", headers=headers).status_code == status


def test_there_is_no_stream_of_a_run_that_is_not_there(client: httpx2.Client) -> None:
    assert client.get(f"/desk/runs/{new_id()}/events").status_code == 404
    stranger = {"Authorization": "Bearer nobody"}
    assert client.get(f"/desk/runs/{new_id()}/events", headers=stranger).status_code == 303

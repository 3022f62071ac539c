"""What the desk shows of jobs: figures, what waits for a person, and what a search finds."""

from __future__ import annotations

from datetime import timedelta

import httpx2
import pytest

from recoup.core.system import System
from recoup.office.jobs import desk
from support.house import MovableClock
from support.runs import AddRun


def test_figures_count_what_runs_and_what_failed(
    system: System, clock: MovableClock, add_run: AddRun
) -> None:
    for state in ("running", "queued", "queued", "failed", "parked", "succeeded", "cancelled"):
        add_run(state=state)
    add_run(state="failed", at=clock() - timedelta(days=2))
    with system.sessions.begin() as db:
        running, failed = desk.tiles(db, clock())
    assert (running.figure, running.note) == ("1", "2 waiting for a worker")
    assert (failed.figure, failed.tone) == ("2", "bad")


def test_trouble_waits_until_it_is_looked_after_or_over(
    system: System, client: httpx2.Client, clock: MovableClock, add_run: AddRun
) -> None:
    start = clock()
    add_run("test.load", state="failed", needs_person=True, summary="Old.", at=start - timedelta(hours=3))
    latest = add_run(
        "test.load",
        state="parked",
        needs_person=True,
        summary="It broke. Again.",
        at=start - timedelta(hours=2),
    )
    add_run("test.daily", state="failed", needs_person=True, at=start - timedelta(hours=2))
    add_run("test.daily", at=start - timedelta(hours=1))

    def texts() -> list[str]:
        with system.sessions.begin() as db:
            return [one.text for one in desk.waiting(db, clock())]

    assert texts() == ["test.load was parked: It broke."]
    client.post(f"/desk/runs/{latest.id}/looked-after")
    assert texts() == ["test.load failed: Old."]
    clock.advance(minutes=1)
    add_run("test.load")
    assert texts() == []


def test_a_run_is_found_by_the_start_of_its_id_and_a_job_by_its_title(
    system: System, add_run: AddRun
) -> None:
    run = add_run()
    with system.sessions.begin() as db:
        for typed in (str(run.id), str(run.id)[:13], run.id.hex[:14].upper()):
            assert [hit.href for hit in desk.search(db, typed)] == [f"/desk/runs/{run.id}"]
    for typed in ("tidy", "TEST.DA"):
        assert [(hit.title, hit.href) for hit in desk.finds(system, typed)] == [
            ("Daily tidy", "/desk/jobs/test.daily")
        ]


@pytest.mark.parametrize("typed", ["abc", "zzzzzzzz", "0" * 33, "-------", "%", "0197-"])
def test_what_is_no_id_finds_no_run(system: System, add_run: AddRun, typed: str) -> None:
    add_run()
    with system.sessions.begin() as db:
        assert desk.search(db, typed) == []

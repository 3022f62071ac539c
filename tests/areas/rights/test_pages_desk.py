"""What rights says on the overview, in the search and in the journal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from recoup.areas.rights import desk, told
from recoup.areas.rights.area import AREA
from recoup.office.journal import queries as journal
from recoup.office.journal.telling import Telling
from support.channel import DAY, OWNER, Channel, channel_on
from support.desk import desk as served
from support.desk import text_of
from support.house import MovableClock, opened
from support.postgres import Database

DESK = "/desk/rights"
ONE = timedelta(days=1)


@pytest.fixture
def channel(database: Database, tmp_path: Path) -> Iterator[Channel]:
    with channel_on(database, tmp_path) as made:
        made.publish(
            DAY, {f"CLAIM{number}": {"asset_id": "ASSET1", "video_id": "VIDEO1"} for number in range(4)}
        )
        made.sync()
        made.publish(
            DAY + ONE,
            {
                "CLAIM0": {"asset_id": "ASSET1", "video_id": "VIDEO1", "claim_status_detail": "DISPUTED"},
                "CLAIM1": {"asset_id": "ASSET1", "video_id": "VIDEO1"},
                "CLAIM2": {"asset_id": "ASSET1", "video_id": "VIDEO1"},
            },
        )
        made.sync()
        yield made


def test_the_overview_has_the_figures_of_the_newest_snapshot(channel: Channel) -> None:
    with channel.system.sessions.begin() as db:
        changes, waits = desk.tiles(db, channel.clock())
    assert (changes.title, changes.figure) == ("Claims changed on 21 Jul", "2")
    assert changes.note == "0 added, 1 gone, 1 changed"
    assert (waits.figure, waits.note, waits.tone) == ("1", "the next lapses in 28 days", "warn")
    with served(channel.system) as client:
        page = text_of(client.get("/desk"))
    assert "Claims waiting for an answer 1" in page


def test_a_fresh_installation_says_nothing_yet_and_what_to_do_first(
    database: Database, tmp_path: Path
) -> None:
    with opened(database, tmp_path, clock=MovableClock()) as system, system.sessions.begin() as db:
        assert desk.tiles(db, system.clock()) == []
        assert desk.waiting(db, system.clock()) == []
        steps = told.first_steps(system, db)
    assert [(step.title, step.is_done) for step in steps] == [
        ("Name a content owner", False),
        ("Sign in for it at Google", False),
    ]


def test_what_is_done_first_is_ticked_off(channel: Channel) -> None:
    with channel.system.sessions.begin() as db:
        assert all(step.is_done for step in told.first_steps(channel.system, db))


def test_the_overview_says_what_waits_for_a_person(channel: Channel) -> None:
    with channel.system.sessions.begin() as db:
        assert desk.waiting(db, channel.clock()) == []
    channel.publish(DAY + 2 * ONE, {"CLAIM0": {}})
    channel.sync()
    channel.youtube.granted = False
    channel.clock.advance(days=500)
    channel.sync()
    with channel.system.sessions.begin() as db:
        waiting = desk.waiting(db, channel.clock())
    report = channel.reports()[-1]
    assert [(one.tone, one.href) for one in waiting] == [
        ("bad", DESK),
        ("warn", f"{DESK}/reports/{report.id}"),
        ("warn", f"{DESK}/reports?owner={OWNER}&kind=claim"),
    ]


def test_search_finds_ids_by_their_beginning(channel: Channel) -> None:
    report = channel.reports()[0]
    with channel.system.sessions.begin() as db:

        def hits(text: str) -> set[tuple[str, str]]:
            return {(hit.kind, hit.href) for hit in desk.search(db, text)}

        assert ("rights claim", f"{DESK}/claim/{OWNER}/CLAIM1") in hits("CLAIM1")
        assert len(hits("CLAI")) == 4
        (gone,) = desk.search(db, "CLAIM3")
        assert gone.note == "Kettenbrücke: gone since 2025-07-21"
        assert hits("ASSE") == {("asset", f"{DESK}/claims?asset=ASSET1")}
        assert hits("VIDEO1") == {("video", f"{DESK}/claims?video=VIDEO1")}
        assert hits(str(report.id)) == {("report", f"{DESK}/reports/{report.id}")}
        assert hits("no such thing") == hits("CLA") == hits("a\0bcd") == set()


def test_every_event_reads_as_a_sentence_and_leads_somewhere(channel: Channel) -> None:
    channel.publish(DAY + 2 * ONE, {"CLAIM0": {}})
    channel.sync()
    telling = Telling([AREA])
    with channel.system.sessions.begin() as db:
        events = journal.timeline(db, kind="rights.", limit=100)
        sentences = {event.kind: telling.sentence(event) for event in events}
        assert set(sentences) <= set(told.EVENTS)
        assert sentences["rights.snapshot_taken"].startswith("The snapshot of 2025-07-2")
        assert all("{" not in sentence for sentence in sentences.values())
        assert telling.href(events[0].subject) == f"{DESK}/reports/{channel.reports()[-1].id}"
    assert telling.href(f"rights/claim/{OWNER}/CLAIM 1") == f"{DESK}/claim/{OWNER}/CLAIM%201"
    assert telling.href(f"rights/owner/{OWNER}") == f"{DESK}?owner={OWNER}"

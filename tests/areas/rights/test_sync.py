"""Reports from the stand-in into the history, through the job: what is fetched, taken, parked and turned away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from recoup.office.files.models import File
from recoup.sandbox.claim_reports import MUSIC_ASSET_COLUMNS, ClaimsWorld, csv_of
from recoup.sandbox.youtube_reports import ASSETS
from support.channel import DAY, Channel, channel_on, made_at, report_of
from support.postgres import Database

ONE = timedelta(days=1)


@pytest.fixture
def channel(database: Database, tmp_path: Path) -> Iterator[Channel]:
    with channel_on(database, tmp_path) as opened:
        yield opened


def test_the_first_snapshot_is_a_baseline_and_the_second_tells_what_changed(channel: Channel) -> None:
    channel.publish(DAY, {"C1": {}, "C2": {"views": "5000"}, "C3": {}})
    first = channel.sync()
    assert first.state == "succeeded", first.summary
    (report,) = channel.reports()
    assert (report.state, report.is_baseline, report.things, report.added) == ("taken", True, 3, 0)
    assert channel.rows("select count(*) from rights_changes") == [(0,)]

    channel.publish(
        DAY + ONE,
        {
            "C1": {"views": "180"},
            "C2": {"claim_status": "INACTIVE", "claim_status_detail": "CLOSED_MANUALLY", "views": "5200"},
            "C4": {"claim_created_date": "2025-07-21"},
        },
    )
    second = channel.sync()
    assert second.summary == "1 report fetched. 1 snapshot taken: 1 added, 1 gone, 1 changed."
    changes = channel.rows(
        "select key, sort, cause, columns, before, after, weight from rights_changes order by key"
    )
    assert changes == [
        (
            "C2",
            "changed",
            "released",
            ["claim_status", "claim_status_detail"],
            ["ACTIVE", "NONE"],
            ["INACTIVE", "CLOSED_MANUALLY"],
            5200,
        ),
        ("C3", "gone", "left the report", [], [], [], 100),
        ("C4", "added", "new claim", [], [], [], 100),
    ]
    assert channel.rows("select views from rights_things where key = 'C1'") == [(100,)]


def test_a_second_run_changes_nothing(channel: Channel) -> None:
    channel.publish(DAY, {"C1": {}})
    channel.publish(DAY + ONE, {"C1": {}, "C2": {}})
    channel.sync()
    before = channel.rows("select * from rights_versions order by key, since")
    again = channel.sync()
    assert again.summary == "No new reports. Nothing to process."
    assert not again.needs_person
    assert channel.rows("select * from rights_versions order by key, since") == before


def test_a_backfill_replaces_its_day_and_later_days_are_compared_anew(channel: Channel) -> None:
    channel.publish(DAY, {"C1": {}, "C2": {}})
    channel.publish(DAY + ONE, {"C1": {}, "C2": {}})
    channel.publish(DAY + 2 * ONE, {"C1": {}, "C2": {"claim_status": "INACTIVE"}})
    channel.sync()
    channel.publish(
        DAY + ONE,
        {"C1": {}, "C2": {"claim_status": "INACTIVE"}, "C3": {}},
        created=made_at(DAY + 2 * ONE, hours=80),
    )
    run = channel.sync()
    assert run.state == "succeeded", run.summary
    assert [(one.day, one.state) for one in channel.reports()] == [
        (DAY, "taken"),
        (DAY + ONE, "superseded"),
        (DAY + ONE, "taken"),
        (DAY + 2 * ONE, "taken"),
    ]
    assert channel.rows("select day, key, sort from rights_changes order by day, key") == [
        (DAY + ONE, "C2", "changed"),
        (DAY + ONE, "C3", "added"),
        (DAY + 2 * ONE, "C3", "gone"),
    ]


def test_fewer_than_half_the_rows_park_the_report_until_a_person_says_so(channel: Channel) -> None:
    channel.publish(DAY, {f"C{number}": {} for number in range(10)})
    channel.sync()
    channel.publish(DAY + ONE, {f"C{number}": {} for number in range(4)})
    run = channel.sync()
    assert run.needs_person
    assert [one.state for one in channel.reports()] == ["taken", "parked"]
    assert channel.alerts() == ["Needs a person: The report of 2025-07-21 waits for you"]
    assert channel.rows("select count(*) from rights_things where not is_gone") == [(10,)]


def test_an_empty_list_is_a_success(channel: Channel) -> None:
    run = channel.sync()
    assert run.summary == "No new reports. Nothing to process."
    assert not run.needs_person


def test_report_of_shuffles(channel: Channel) -> None:
    channel.publish(DAY, report_of({"C1": {}, "C2": {}}))
    channel.publish(DAY + ONE, report_of({"C1": {}, "C2": {}}, shuffled=3))
    run = channel.sync()
    assert run.summary.endswith("0 added, 0 gone, 0 changed.")


def test_bytes_that_are_gone_from_the_store_stop_no_other_series(database: Database, tmp_path: Path) -> None:
    with channel_on(database, tmp_path, kinds="claim,asset") as channel:
        channel.publish(DAY, {"C1": {}})
        assets = csv_of(MUSIC_ASSET_COLUMNS, ClaimsWorld(1, claims=20).asset_rows())
        channel.publish(DAY, assets, kind=ASSETS)
        channel.sync(steps=["collect"])
        with channel.system.sessions.begin() as db:
            file = db.get(File, channel.reports()[0].file_id)
            assert file is not None
            channel.system.ports.files.delete(file.store_key)
        run = channel.sync(steps=["process"])
        assert (run.state, run.needs_person) == ("succeeded", True)
        assert "are gone from" in (run.summary or "")
        assert [one.state for one in channel.reports()] == ["kept"]
        assert [one.state for one in channel.reports("asset")] == ["taken"]

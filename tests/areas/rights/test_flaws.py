"""What goes wrong with YouTube's reports, one test for each known failure: nothing is lost, doubled or made up."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from recoup.areas.rights.service import reports
from recoup.core.clock import parse_instant
from recoup.office.jobs.models import Run
from recoup.sandbox import youtube_answers
from recoup.sandbox.faults import Answer, Fault, cut_body, dropped, html_page, server_error, too_many_requests
from recoup.sandbox.youtube import Request
from recoup.sandbox.youtube_reports import Dress
from support.channel import (
    ASSETS,
    CLAIMS,
    DAY,
    OWNER,
    Channel,
    asset_rows,
    channel_on,
    claim_rows,
    made_at,
    report_of,
)
from support.postgres import Database
from support.shared_data import shared_data

ONE = timedelta(days=1)
OTHER = "K9h8S58ltVIG89ENscAYZx"
NOTHING = "No new reports. Nothing to process."


@pytest.fixture
def channel(database: Database, tmp_path: Path) -> Iterator[Channel]:
    with channel_on(database, tmp_path) as opened:
        opened.hurry()
        yield opened


@pytest.fixture
def assets(database: Database, tmp_path: Path) -> Iterator[Channel]:
    with channel_on(database, tmp_path, kinds="asset") as opened:
        opened.hurry()
        yield opened


def states(channel: Channel, kind: str = "claim") -> list[tuple[date, str]]:
    return [(one.day, one.state) for one in channel.reports(kind)]


def history(channel: Channel) -> list[tuple[Any, ...]]:
    """Return all that was ever written of claims and assets, without ids that are made anew each time."""
    versions = "select key, since, before, is_gone, cells from rights_versions order by key, since"
    things = "select key, since, is_gone, views, claims, status, policy from rights_things order by key"
    changes = "select day, key, sort, cause, columns, before, after from rights_changes order by day, key"
    return [*channel.rows(versions), *channel.rows(things), *channel.rows(changes)]


def lists(channel: Channel) -> list[Request]:
    return [one for one in channel.youtube.requests if one.path.endswith("/reports")]


def fetched(channel: Channel) -> list[str]:
    """Return the reports whose bytes were asked for."""
    return [one.path.rpartition("/")[2] for one in channel.youtube.requests if "/media/" in one.path]


def day_of_two(channel: Channel) -> list[tuple[Any, ...]]:
    """Take a first snapshot, and return what is known then."""
    channel.publish(DAY, {"C1": {}, "C2": {}})
    assert channel.sync().state == "succeeded"
    return history(channel)


# What the list says


def test_empty_lists_are_left_out_of_the_answer(channel: Channel) -> None:
    answers: list[bytes] = []

    def kept(answer: Answer) -> Answer:
        answers.append(answer.body)
        return answer

    channel.youtube.script(Fault(name="look", handled=True, rewrite=kept), times=None, path="/v1/jobs")
    run = channel.sync()
    assert answers[1] == b"{}"
    assert (run.state, run.summary, run.needs_person) == ("succeeded", NOTHING, False)

    channel.youtube._shelf.jobs.clear()
    run = channel.sync()
    assert answers[2] == b"{}"
    assert run.summary.startswith(
        "No new reports. Nothing to process. Kettenbrücke has no job of the type content_owner_active_claims_a3; it "
        "has none."
    )
    assert run.needs_person


def test_a_job_that_is_too_new_to_have_a_report_is_a_success(channel: Channel) -> None:
    channel.replace_job()
    for _ in range(2):
        run = channel.sync()
        assert (run.summary, run.needs_person) == (NOTHING, False)
        channel.clock.advance(days=10)
    assert channel.alerts() == []


def test_jobs_of_other_types_only_are_named(channel: Channel) -> None:
    shelf = channel.youtube._shelf
    shelf.jobs = {key: job for key, job in shelf.jobs.items() if job.type == ASSETS}
    shelf.add_job(OWNER, "content_owner_asset_basic_a3", "x", created=channel.clock(), is_system=False)
    run = channel.sync()
    assert run.state == "succeeded"
    assert run.needs_person
    assert (
        "Kettenbrücke has no job of the type content_owner_active_claims_a3; it has "
        "content_owner_asset_a3, content_owner_asset_basic_a3." in run.summary
    )


def test_a_file_without_active_claims_is_no_report_of_assets(assets: Channel) -> None:
    assets.publish(DAY, asset_rows({"asset_id": "A1"}), kind=ASSETS)
    assets.sync()
    before = history(assets)
    assets.publish(DAY + ONE, asset_rows({"asset_id": "A1"}, without=["active_claims"]), kind=ASSETS)
    run = assets.sync()
    assert (
        "Report 1002 of 2025-07-21, line 1: the columns active_claims are missing, so this is no report of assets. "
        "It has approx_daily_views, asset_id, asset_type, status, metadata_origination, custom_id, isrc, grid and more."
        in run.summary
    )
    assert run.needs_person
    assert states(assets, "asset") == [(DAY, "taken"), (DAY + ONE, "rejected")]
    assert assets.alerts() == ["Needs a person: The report of 2025-07-21 cannot be used"]
    assert history(assets) == before


def test_when_the_best_type_is_not_made_the_next_one_is_taken(channel: Channel) -> None:
    shelf = channel.youtube._shelf
    shelf.jobs = {key: job for key, job in shelf.jobs.items() if job.type != CLAIMS}
    channel.publish(DAY, {"C1": {}}, kind="content_owner_active_claims_a2")
    assert channel.sync().summary.startswith("1 report fetched. 1 snapshot taken")


def test_a_job_that_was_made_anew_is_followed_from_its_start(channel: Channel) -> None:
    channel.publish(DAY, {"C1": {}, "C2": {}})
    channel.publish(DAY + ONE, {"C1": {}, "C2": {"claim_status": "INACTIVE"}})
    channel.sync()
    before = history(channel)
    old = channel.youtube.job()
    channel.replace_job()
    # Made before the newest report of the old job: who goes on from there misses it.
    channel.publish(
        DAY + ONE,
        {"C1": {}, "C2": {"claim_status": "INACTIVE"}},
        created=made_at(DAY + ONE) - timedelta(hours=1),
    )
    channel.publish(DAY + 2 * ONE, {"C1": {}, "C2": {"claim_status": "INACTIVE"}, "C3": {}})
    run = channel.sync()
    assert run.state == "succeeded", run.summary
    assert "createdAfter" not in lists(channel)[-1].query
    new = channel.youtube.job()
    assert channel.rows("select job_id from rights_series") == [(new.id,)]
    assert sorted({one.job_id for one in channel.reports()}) == sorted({old.id, new.id})
    assert [one.state for one in channel.reports()] == ["taken", "superseded", "taken", "taken"]
    assert [row for row in history(channel) if "C3" not in row] == before
    assert channel.sync().summary == NOTHING
    assert lists(channel)[-1].query["createdAfter"] == "2025-07-24T21:00:00Z"


def test_an_unknown_job_is_a_problem_and_the_next_run_finds_the_new_one(channel: Channel) -> None:
    channel.publish(DAY, {"C1": {}})
    gone = youtube_answers.not_found("The requested job was not found.")
    channel.youtube.script(
        Fault(name="gone", handled=False, answer=gone), when=lambda asked: asked.path.endswith("/reports")
    )
    run = channel.sync()
    assert "Google does not have the reports of job" in run.summary
    assert run.needs_person
    assert channel.sync().summary.startswith("1 report fetched.")


# Following


def test_reports_are_followed_by_when_they_were_made_page_by_page(database: Database, tmp_path: Path) -> None:
    with channel_on(database, tmp_path, page_size=2) as channel:
        for number in range(5):
            channel.publish(DAY + number * ONE, {"C1": {}})
        assert channel.sync().summary.startswith("5 reports fetched. 5 snapshots taken")
        first, *more = lists(channel)
        assert "createdAfter" not in first.query
        assert len(more) == 2
        assert all(one.query["pageToken"] for one in more)
        # A backfill of the first day was made last: asking by the data day would miss it.
        channel.publish(DAY, {"C1": {}, "C2": {}}, created=made_at(DAY + 5 * ONE))
        assert channel.sync().summary.startswith("1 report fetched. 1 snapshot taken")
        assert parse_instant(lists(channel)[-1].query["createdAfter"]) == made_at(DAY + 4 * ONE)
        assert all(
            one.query["onBehalfOfContentOwner"] == OWNER
            for one in channel.youtube.requests
            if one.path.startswith("/v1/jobs")
        )


def test_asking_for_later_ones_by_hand_leaves_none_out_for_good(channel: Channel) -> None:
    day_of_two(channel)
    channel.publish(DAY + ONE, {"C1": {}})
    channel.publish(DAY + 2 * ONE, {"C1": {}})
    run = channel.sync(made_after=f"{made_at(DAY + ONE):%Y-%m-%dT%H:%M:%SZ}")
    assert run.summary.startswith("1 report fetched.")
    run = channel.sync()
    assert run.summary.startswith("1 report fetched.")
    assert states(channel) == [(DAY + number * ONE, "taken") for number in range(3)]


def test_asking_by_hand_while_the_job_is_made_anew_leaves_none_out_either(channel: Channel) -> None:
    day_of_two(channel)
    channel.replace_job()
    channel.publish(DAY + ONE, {"C1": {}})
    channel.publish(DAY + 2 * ONE, {"C1": {}})
    channel.sync(made_after=f"{made_at(DAY + ONE):%Y-%m-%dT%H:%M:%SZ}")
    channel.sync()
    assert states(channel) == [(DAY + number * ONE, "taken") for number in range(3)]


def test_of_one_day_only_the_report_that_was_made_last_is_fetched(channel: Channel) -> None:
    first = channel.youtube.publish(DAY, report_of({"C1": {}}), created=made_at(DAY))
    channel.publish(DAY, {"C1": {}, "C2": {}}, created=made_at(DAY, hours=70))
    assert channel.sync().summary.startswith("1 report fetched. 1 snapshot taken")
    assert fetched(channel) == [str(int(first.id) + 1)]
    assert [one.state for one in channel.reports()] == ["superseded", "taken"]
    assert channel.rows("select count(*) from rights_things") == [(2,)]


def test_an_older_day_never_overwrites_a_newer_one(channel: Channel) -> None:
    channel.publish(DAY, {"C1": {}})
    channel.publish(DAY + 2 * ONE, {"C1": {"claim_status": "INACTIVE", "views": "900"}, "C2": {}})
    channel.sync()
    things = channel.rows("select * from rights_things order by key")
    channel.publish(DAY + ONE, {"C1": {"views": "500"}}, created=made_at(DAY + 3 * ONE))
    assert channel.sync().summary.startswith("1 report fetched. 1 snapshot taken")
    assert channel.rows("select * from rights_things order by key") == things
    assert channel.rows("select day, key, sort from rights_changes order by key") == [
        (DAY + 2 * ONE, "C1", "changed"),
        (DAY + 2 * ONE, "C2", "added"),
    ]


# How bytes travel


def test_every_dress_gives_the_same_snapshot(channel: Channel) -> None:
    expected = None
    for number, dress in enumerate(Dress):
        day = DAY + number * ONE
        # Claims of other names each day, so that all of them are parsed.
        claims = {
            f"C{number}-{one}": {"video_title": f'Köln, "{one}"\n=1+1', "views": str(one)}
            for one in range(50)
        }
        channel.publish(day, claims, dress=dress)
        assert channel.sync().state == "succeeded"
        taken = [report for report in channel.reports() if report.day == day]
        assert [(one.state, one.things, one.views) for one in taken] == [("taken", 50, sum(range(50)))]
        statement = (
            "select replace(key, :own, ''), replace(cells, :own, '') from rights_versions where since = :day and "
            "not is_gone order by key"
        )
        written = channel.rows(statement, own=f"C{number}-", day=day)
        assert len(written) == 50
        assert expected is None or written == expected
        expected = written


def test_a_truncated_download_is_fetched_again_until_it_is_whole(channel: Channel) -> None:
    before = day_of_two(channel)
    channel.publish(DAY + ONE, {f"C{number}": {} for number in range(400)})
    channel.youtube.script(youtube_answers.truncated(), times=2, path="/v1/media")
    for _ in range(2):
        run = channel.sync()
        assert (
            "Report 1002 of 2025-07-21 ends too early: the end of its gzip data is missing. "
            "The next run asks for it again." in run.summary
        )
        assert run.needs_person
        assert states(channel)[1] == (DAY + ONE, "found")
        assert history(channel) == before
    assert channel.rows("select state from owed_items where key like 'rights:report:%'") == [("open",)]
    assert channel.sync().summary.startswith("1 report fetched. 1 snapshot taken: 398 added")
    assert channel.rows("select state from owed_items where key like 'rights:report:%'") == [("settled",)]
    assert channel.alerts() == []


def test_a_plain_file_that_ends_within_a_line_is_fetched_again(channel: Channel) -> None:
    channel.publish(DAY, {f"C{number}": {} for number in range(40)}, dress=Dress.PLAIN)
    channel.youtube.script(youtube_answers.truncated(), path="/v1/media")
    run = channel.sync()
    assert "it ends within the line, so the rest is missing." in run.summary
    assert states(channel) == [(DAY, "found")]
    assert channel.sync().summary.startswith("1 report fetched. 1 snapshot taken")


def test_damaged_three_times_it_is_turned_away_and_the_earlier_one_of_its_day_is_taken(
    channel: Channel,
) -> None:
    before = day_of_two(channel)
    earlier = channel.youtube.publish(
        DAY + ONE, report_of({"C1": {}, "C2": {}, "C3": {}}), created=made_at(DAY + ONE)
    )
    later = channel.youtube.publish(
        DAY + ONE, report_of({"C1": {}, "C2": {}}), created=made_at(DAY + ONE, hours=70)
    )
    channel.clock.now = made_at(DAY + ONE, hours=80)
    channel.youtube.script(
        youtube_answers.truncated(0.9), times=None, when=lambda asked: asked.path.endswith(later.id)
    )
    for _ in range(3):
        run = channel.sync()
        assert run.needs_person
        assert history(channel) == before
    assert run.summary.endswith("ends too early: the end of its gzip data is missing.")
    assert [one.state for one in channel.reports()] == ["taken", "found", "rejected"]
    assert channel.alerts() == ["Needs a person: The report of 2025-07-21 cannot be used"]
    assert channel.sync().summary == "1 report fetched. 1 snapshot taken: 1 added, 0 gone, 0 changed."
    assert fetched(channel)[-1] == earlier.id
    assert channel.sync().summary == NOTHING
    assert channel.alerts() == ["Needs a person: The report of 2025-07-21 cannot be used"]


# When Google does not answer as it should

PASSING = {
    "quota": youtube_answers.quota(),
    "429": too_many_requests(),
    "429 for an hour": too_many_requests("3600"),
    "500": server_error(500),
    "503": server_error(503),
    "dropped": dropped(handled=False),
    "reset": dropped(handled=True, reset=True),
    "cut": cut_body(),
    "a page of a proxy": html_page(),
}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *(("/v1/media", name) for name in PASSING),
        *(("/v1/jobs", name) for name in PASSING if name not in {"500", "reset"}),
        *(("/token", name) for name in ("429 for an hour", "503", "dropped", "a page of a proxy")),
    ],
)
def test_what_passes_loses_nothing_however_long_it_takes(
    database: Database, tmp_path: Path, path: str, name: str
) -> None:
    with channel_on(database, tmp_path) as channel:
        channel.hurry()
        channel.publish(DAY, {"C1": {}})
        channel.publish(DAY + ONE, {"C1": {}, "C2": {}})
        channel.youtube.script(PASSING[name], times=None, path=path)
        for _ in range(3):
            run = channel.sync()
            assert run.state == "succeeded", run.summary
            assert run.needs_person
            channel.clock.advance(hours=6)
        assert channel.rows("select count(*) from rights_reports where state <> 'found'") == [(0,)]
        channel.youtube.clear_script()
        run = channel.sync()
        assert run.summary == "2 reports fetched. 2 snapshots taken: 1 added, 0 gone, 0 changed."
        assert not run.needs_person
        assert channel.alerts() == []
        assert channel.rows("select count(*) from owed_items where state = 'open'") == [(0,)]


def test_one_passing_failure_is_not_even_noticed(channel: Channel) -> None:
    channel.publish(DAY, {"C1": {}})
    for path in ("/token", "/v1/jobs", "/v1/media"):
        channel.youtube.script(server_error(503), times=4, path=path)
    run = channel.sync()
    assert run.summary.startswith("1 report fetched. 1 snapshot taken")
    assert not run.needs_person


def test_one_report_that_is_never_given_out_does_not_stand_before_the_others(channel: Channel) -> None:
    for number in range(4):
        channel.publish(DAY + number * ONE, {"C1": {}})
    channel.youtube.script(server_error(500), times=None, when=lambda asked: asked.path.endswith("/1001"))
    run = channel.sync()
    assert run.summary.startswith("3 reports fetched. 3 snapshots taken")
    assert run.needs_person
    assert [state for _, state in states(channel)] == ["found", "taken", "taken", "taken"]
    channel.youtube.clear_script()
    channel.sync()
    assert [state for _, state in states(channel)] == ["taken"] * 4


def test_who_is_busy_is_not_asked_for_the_rest(channel: Channel) -> None:
    for number in range(10):
        channel.publish(DAY + number * ONE, {"C1": {}})
    channel.youtube.script(too_many_requests("3600"), times=None, path="/v1/media")
    channel.sync()
    assert fetched(channel) == ["1001"]
    channel.youtube.clear_script()
    channel.youtube.script(server_error(503), times=None, path="/v1/media")
    channel.sync()
    assert set(fetched(channel)) == {"1001", "1002"}


def test_a_token_that_ends_half_way_is_renewed(channel: Channel) -> None:
    channel.publish(DAY, {"C1": {}})
    channel.publish(DAY + ONE, {"C1": {}})
    channel.youtube.script(youtube_answers.unauthorised(), path="/v1/media")
    run = channel.sync()
    assert run.summary.startswith("2 reports fetched. 2 snapshots taken")
    assert not run.needs_person
    assert [one.path for one in channel.youtube.requests].count("/token") == 2


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/media"])
@pytest.mark.parametrize(
    "fault",
    [youtube_answers.unauthorised(), youtube_answers.no_permission()],
    ids=["always 401", "403"],
)
def test_a_refusal_asks_for_a_person_once_and_loses_nothing(
    database: Database, tmp_path: Path, fault: Fault, path: str
) -> None:
    with channel_on(database, tmp_path) as channel:
        channel.publish(DAY, {"C1": {}})
        channel.youtube.script(fault, times=None, path=path)
        for _ in range(3):
            run = channel.sync()
            assert (run.state, run.needs_person) == ("succeeded", True)
            channel.clock.advance(days=1)
        assert channel.alerts() == ["Needs a person: Somebody has to sign in again for Kettenbrücke"]
        ((since, reason),) = channel.rows("select reauth_since, reauth_reason from rights_series")
        assert since == made_at(DAY) + timedelta(hours=1)
        assert OWNER in reason
        channel.youtube.clear_script()
        assert channel.sync().summary.startswith("1 report fetched.")
        assert channel.rows("select reauth_since, reauth_reason from rights_series") == [(None, None)]


@contextmanager
def two_owners(database: Database, home: Path) -> Iterator[Channel]:
    """Open a channel with two content owners; the second's refresh token is one that Google does not know."""
    home.mkdir(parents=True, exist_ok=True)
    names = ((OWNER, "Kettenbrücke", "token.json"), (OTHER, "Other", "other.json"))
    tables = [
        f'[[rights.owners]]\nid = "{owner}"\ntitle = "{title}"\ncredentials = "{home / name}"'
        for owner, title, name in names
    ]
    (home / "recoup.toml").write_text("\n".join(tables), encoding="utf-8")
    with channel_on(database, home, others=(OTHER,)) as channel:
        channel.hurry()
        set_token(channel, home, "revoked")
        yield channel


def set_token(channel: Channel, home: Path, token: str) -> None:
    text = json.dumps({**channel.youtube.credentials(), "refresh_token": token})
    (home / "other.json").write_text(text, encoding="utf-8")


def test_a_revoked_sign_in_is_told_once_stops_nobody_else_and_is_over_with_the_next_success(
    database: Database, tmp_path: Path
) -> None:
    with two_owners(database, tmp_path) as channel:
        for number in range(3):
            channel.publish(DAY + number * ONE, {"C1": {}})
            channel.youtube.publish(
                DAY + number * ONE,
                report_of({"D1": {}}),
                owner=OTHER,
                created=made_at(DAY + number * ONE),
            )
            run = channel.sync()
            assert run.summary.startswith("1 report fetched. 1 snapshot taken")
            assert (
                f"Google no longer signs us in for content owner {OTHER}: invalid_grant: Token has been expired or "
                "revoked. Run `recoup rights authorise`." in run.summary
            )
            assert run.needs_person
        assert channel.alerts() == ["Needs a person: Somebody has to sign in again for Other"]
        waiting = "select owner, reauth_since is null from rights_series order by owner"
        assert channel.rows(waiting) == [(OWNER, True), (OTHER, False)]

        set_token(channel, tmp_path, channel.youtube.refresh_token)
        run = channel.sync()
        assert run.summary.startswith("3 reports fetched. 3 snapshots taken")
        assert not run.needs_person
        assert channel.rows(waiting) == [(OWNER, True), (OTHER, True)]

        channel.clock.advance(days=2)
        set_token(channel, tmp_path, "revoked again")
        channel.youtube.revoke_tokens()
        channel.sync()
        assert channel.alerts() == ["Needs a person: Somebody has to sign in again for Other"] * 2


# How long reports are kept


def test_reports_of_days_before_the_job_lapse_after_30_days_and_others_after_60(channel: Channel) -> None:
    job = channel.replace_job(created=datetime(2025, 7, 22, 20, tzinfo=UTC))
    created = job.created + timedelta(hours=40)
    for number in range(4):
        channel.publish(DAY + number * ONE, {"C1": {}}, created=created, is_historical=number < 2)
    channel.sync()
    kept = [(one.day, (one.lapses_at - one.made_at).days) for one in channel.reports()]
    assert kept == [(DAY, 30), (DAY + ONE, 30), (DAY + 2 * ONE, 60), (DAY + 3 * ONE, 60)]


def test_a_report_that_lapsed_before_it_was_fetched_is_told_and_given_up(channel: Channel) -> None:
    channel.publish(DAY, {"C1": {}})
    channel.youtube.script(server_error(503), times=None, path="/v1/media")
    channel.sync()
    owed = "select state, lapses_at from owed_items where key like 'rights:report:%'"
    assert channel.rows(owed) == [("open", made_at(DAY) + 60 * ONE)]
    channel.clock.now = made_at(DAY) + 60 * ONE - timedelta(minutes=1)
    channel.sync()
    assert states(channel) == [(DAY, "found")]
    channel.clock.advance(minutes=1)
    # Told although nobody lets us in: then there is no list to learn it from.
    channel.youtube.granted = False
    channel.youtube.revoke_tokens()
    channel.sync()
    channel.sync()
    assert states(channel) == [(DAY, "lapsed")]
    assert [state for state, _ in channel.rows(owed)] == ["lapsed"]
    assert channel.alerts()[0] == "Needs a person: The report of 2025-07-20 is lost"
    assert len(channel.alerts()) == 2
    assert channel.rows("select count(*) from events where kind = 'rights.report_lapsed'") == [(1,)]


def test_the_stand_in_and_we_agree_on_when_a_report_is_gone(channel: Channel) -> None:
    channel.publish(DAY, {"C1": {}})
    channel.sync(steps=["collect"])
    (report,) = channel.reports()
    ours = channel.system.ports.reports
    assert ours is not None
    channel.clock.now = report.lapses_at - timedelta(seconds=1)
    assert len(ours.reports(OWNER, report.job_id, made_after=None)) == 1
    channel.clock.now = report.lapses_at
    assert ours.reports(OWNER, report.job_id, made_after=None) == []


def test_no_new_data_day_is_told_once_and_again_only_after_a_new_one(channel: Channel) -> None:
    day_of_two(channel)
    stale = "Needs a person: No new report of claims of Kettenbrücke"
    channel.clock.now = datetime(2025, 7, 27, 7, tzinfo=UTC)  # the day was over at midnight in California
    channel.sync()
    assert channel.alerts() == []
    channel.clock.advance(seconds=1)
    for _ in range(3):
        channel.sync()
        channel.clock.advance(days=1)
    assert channel.alerts() == [stale]
    # A backfill of an earlier day makes nothing fresher.
    channel.publish(DAY - ONE, {"C1": {}}, created=channel.clock())
    assert "1 snapshot taken" in channel.sync().summary
    channel.sync()
    assert channel.alerts() == [stale]
    channel.publish(DAY + ONE, {"C1": {}}, created=channel.clock())
    channel.sync()
    channel.clock.advance(days=1)
    channel.sync()
    assert channel.alerts() == [stale, stale]


# What files hold


def test_unknown_columns_are_kept_and_those_that_come_or_go_are_no_changes(channel: Channel) -> None:
    three = {"C1": {}, "C2": {"episode_title": "Pilot"}, "C3": {}}
    channel.publish(DAY, report_of(three))
    channel.publish(DAY + ONE, report_of(three, more=["mood"]))
    channel.publish(DAY + 2 * ONE, report_of({**three, "C1": {"claim_status": "INACTIVE"}}, more=["mood"]))
    channel.publish(DAY + 3 * ONE, report_of({**three, "C1": {"claim_status": "INACTIVE"}}))
    without = report_of({**three, "C1": {"claim_status": "INACTIVE"}}, without=["episode_title", "director"])
    channel.publish(DAY + 4 * ONE, without)
    for _ in range(5):
        channel.sync()
    told = [
        (one.day, one.added, one.gone, one.changed, one.rewritten, len(one.columns))
        for one in channel.reports()
    ]
    assert told == [
        (DAY, 0, 0, 0, 0, 49),
        (DAY + ONE, 0, 0, 0, 3, 50),
        (DAY + 2 * ONE, 0, 0, 1, 0, 50),
        (DAY + 3 * ONE, 0, 0, 0, 3, 49),
        (DAY + 4 * ONE, 0, 0, 0, 1, 47),  # of the two columns that went only C2 had something
    ]
    assert channel.rows("select day, key, columns from rights_changes") == [
        (DAY + 2 * ONE, "C1", ["claim_status"])
    ]
    kept = channel.rows(
        "select r.columns, v.cells from rights_versions v join rights_reports r on r.id = v.report_id "
        "where v.key = 'C3' and v.since = :day",
        day=DAY + ONE,
    )
    ((columns, cells),) = kept
    assert dict(zip(columns, cells.split("\x1f"), strict=True))["mood"] == "new"


def test_the_order_of_columns_makes_no_difference(channel: Channel) -> None:
    claims = {"C1": {"video_title": "one"}, "C2": {"claim_policy_block": "US"}}
    channel.publish(DAY, report_of(claims))
    for seed in range(1, 4):
        channel.publish(DAY + seed * ONE, report_of(claims, shuffled=seed))
    channel.sync()
    assert [(one.changed, one.rewritten, one.things) for one in channel.reports()] == [(0, 0, 2)] * 4
    assert channel.rows("select count(*) from rights_versions") == [(2,)]


def test_of_several_rows_of_a_claim_the_longest_match_stands(channel: Channel) -> None:
    rows = [
        {"claim_id": "C1", "reference_id": "r1", "longest_match": "9", "matching_duration": "300"},
        {"claim_id": "C1", "reference_id": "r2", "longest_match": "100", "matching_duration": "100"},
        {"claim_id": "C1", "reference_id": "r3", "longest_match": "100", "matching_duration": "99"},
        {"claim_id": "C2", "reference_id": "r5"},
        {"claim_id": "C2", "reference_id": "r4"},
    ]
    channel.publish(DAY, claim_rows(*rows))
    channel.publish(DAY + ONE, claim_rows(*reversed(rows)))
    channel.sync()
    assert [(one.rows, one.things, one.folded_rows, one.changed) for one in channel.reports()] == [
        (5, 2, 3, 0),
        (5, 2, 3, 0),
    ]
    ((columns,),) = channel.rows("select columns from rights_reports where day = :day", day=DAY)
    stand = {
        key: cells.split("\x1f")[columns.index("reference_id")]
        for key, cells in channel.rows("select key, cells from rights_versions")
    }
    assert stand == {"C1": "r2", "C2": "r4"}


def test_of_several_rows_of_an_asset_the_largest_number_counts_and_blank_is_none(assets: Channel) -> None:
    def day(*counts: str) -> bytes:
        several = [
            {"asset_id": "A1", "active_reference_id": f"r{number}", "active_claims": count}
            for number, count in enumerate(counts)
        ]
        return asset_rows(*several, {"asset_id": "A2", "active_claims": ""})

    assets.publish(DAY, day("7", "7", "", "10"), kind=ASSETS)
    assets.publish(DAY + ONE, day("9", "12", "12"), kind=ASSETS)
    assets.sync()
    assert [(one.rows, one.things, one.folded_rows) for one in assets.reports("asset")] == [
        (5, 2, 3),
        (4, 2, 2),
    ]
    assert assets.rows("select key, claims from rights_things order by key") == [("A1", 12), ("A2", 0)]
    assert assets.rows("select key, cause, claims, before, after from rights_changes") == [
        ("A1", "more claims", 2, ["10"], ["12"])
    ]


A2_LACKS = ("engaged_views", "video_matching_length")
A1_LACKS = (*A2_LACKS, "is_shorts_eligible", "video_title")


@pytest.mark.parametrize(
    ("without", "more"), [((), ()), (A2_LACKS, ()), (A1_LACKS, ("video_privacy_status", "studio"))]
)
def test_every_layout_of_claims_is_read(
    channel: Channel, without: Sequence[str], more: Sequence[str]
) -> None:
    dressing = {"without": without, "more": more, "shuffled": 5}
    channel.publish(DAY, report_of({"C1": {"asset_title": "An asset"}, "C2": {}}, **dressing))
    channel.publish(
        DAY + ONE,
        report_of(
            {
                "C1": {
                    "asset_title": "An asset",
                    "claim_status": "PENDING",
                    "claim_status_detail": "DISPUTED",
                },
                "C3": {},
            },
            **dressing,
        ),
    )
    assert channel.sync().summary.endswith("2 snapshots taken: 1 added, 1 gone, 1 changed.")
    title = "An asset" if "video_title" in without else "Live in Köln"
    assert channel.rows("select cause, title from rights_changes where key = 'C1'") == [("disputed", title)]
    assert len(channel.reports()[0].columns) == 49 - len(without) + len(more)


@pytest.mark.parametrize("music", [True, False])
def test_assets_of_music_partners_and_of_others_are_read(assets: Channel, music: bool) -> None:
    def day(conflict: str, claims: str) -> bytes:
        cells = {"conflicting_country_code": conflict, "active_claims": claims}
        return asset_rows({"asset_id": "A1", **cells}, {"asset_id": "A2"}, music=music)

    assets.publish(DAY, day("", "3"), kind=ASSETS)
    assets.publish(DAY + ONE, day("US|DE", "2"), kind=ASSETS)
    assert assets.sync().summary.endswith("2 snapshots taken: 0 added, 0 gone, 1 changed.")
    assert assets.rows("select key, causes, title, artist, claims from rights_changes") == [
        (
            "A1",
            ["ownership conflict", "fewer claims"],
            "Live in Köln",
            "Ada & the Engines" if music else "",
            -1,
        )
    ]


def test_claims_and_assets_of_one_owner_are_collected_together(database: Database, tmp_path: Path) -> None:
    with channel_on(database, tmp_path, kinds="claim,asset") as channel:
        channel.publish(DAY, {"C1": {}})
        channel.publish(DAY, asset_rows({"asset_id": "A1"}), kind=ASSETS)
        assert channel.sync().summary.startswith("2 reports fetched. 2 snapshots taken")
        assert states(channel, "claim") == states(channel, "asset") == [(DAY, "taken")]
        # What is wrong with the one does not stop the other.
        channel.publish(DAY + ONE, b"<!doctype html>")
        channel.publish(DAY + ONE, asset_rows({"asset_id": "A1"}), kind=ASSETS)
        run = channel.sync()
        assert run.summary.startswith("1 report fetched. 1 snapshot taken")
        assert run.needs_person


@pytest.mark.parametrize(
    "folder", ["header_a3_49col_2026", "header_v25col_2025-11"], ids=["49 columns", "25 columns"]
)
def test_real_headers_are_accepted_or_refused_with_a_sentence(
    database: Database, tmp_path: Path, folder: str
) -> None:
    expected = {
        "test_claims_matter_2.csv": "snapshot taken",
        "test_claims_matter_entertainment.csv": "snapshot taken",
        "test_bad_claims.csv": "line 1: the columns claim_status, asset_id are missing, so this is no report of claims.",
        "test_mcn_verdicts.csv": "line 1: the columns claim_id, claim_status, asset_id are missing",
        "test_jfm_verdicts.csv": "line 1: the columns claim_id, claim_status, asset_id are missing",
        "test_bad_jfm_verdicts.csv": "line 1: the columns claim_id, claim_status, asset_id are missing",
        "test_bad_mcn_verdicts.csv": "line 1: the columns claim_id, claim_status, asset_id are missing",
    }
    found = sorted((shared_data("youtube") / folder).glob("*.csv"))
    assert found
    with channel_on(database, tmp_path) as channel:
        for number, path in enumerate(found):
            channel.publish(DAY + number * ONE, _with_end(path.read_bytes()))
            run = channel.sync()
            assert run.state == "succeeded"
            assert expected[path.name] in run.summary, f"{path.name}: {run.summary}"
            assert run.needs_person == ("missing" in run.summary)


def _with_end(body: bytes) -> bytes:
    """End the last line: some of these files were cut off by an editor, as no report is."""
    return body if body.endswith(b"\n") else body + b"\n"


def test_a_real_file_whose_last_line_does_not_end_is_fetched_again(channel: Channel) -> None:
    bodies = [path.read_bytes() for path in shared_data("youtube").glob("*/test_claims_matter_*.csv")]
    cut = [body for body in bodies if not body.endswith(b"\n")]
    for number, body in enumerate(cut):
        channel.publish(DAY + number * ONE, body)
        assert "it ends within the line, so the rest is missing." in channel.sync().summary
        channel.youtube.forget_reports()


# Few rows


def ten_then_four(channel: Channel) -> Run:
    channel.publish(DAY, {f"C{number}": {} for number in range(10)})
    channel.sync()
    channel.publish(DAY + ONE, {f"C{number}": {} for number in range(4)})
    return channel.sync()


def test_fewer_than_half_waits_and_the_snapshot_before_stands(channel: Channel) -> None:
    run = ten_then_four(channel)
    assert run.summary == (
        "1 report fetched. Nothing to process. Report 1002 of 2025-07-21 has 4 of 10: fewer than 50 in a hundred, as "
        "if a part were missing. 1 report parked for a person."
    )
    before = history(channel)
    for _ in range(2):
        run = channel.sync()
        assert run.needs_person
    assert history(channel) == before
    assert channel.alerts() == ["Needs a person: The report of 2025-07-21 waits for you"]
    # The next day is compared with the last snapshot that stands.
    channel.publish(DAY + 2 * ONE, {f"C{number}": {} for number in range(9)})
    assert "0 added, 1 gone, 0 changed" in channel.sync().summary


def test_exactly_half_is_enough(channel: Channel) -> None:
    channel.publish(DAY, {f"C{number}": {} for number in range(10)})
    channel.publish(DAY + ONE, {f"C{number}": {} for number in range(5)})
    assert channel.sync().summary.endswith("0 added, 5 gone, 0 changed.")


def test_what_a_person_accepts_is_taken(channel: Channel) -> None:
    ten_then_four(channel)
    decide(channel, reports.accept)
    assert channel.sync().summary == "No new reports. 1 snapshot taken: 0 added, 6 gone, 0 changed."
    report = channel.reports()[1]
    assert (report.state, report.is_forced, report.things) == ("taken", True, 4)
    assert channel.rows("select count(*) from rights_things where not is_gone") == [(4,)]


def test_what_a_person_turns_away_changes_nothing(channel: Channel) -> None:
    ten_then_four(channel)
    before = history(channel)
    decide(channel, reports.reject)
    run = channel.sync()
    assert (run.summary, run.needs_person) == (NOTHING, False)
    assert history(channel) == before
    assert [one.state for one in channel.reports()] == ["taken", "rejected"]
    assert channel.reports()[1].reason == "as Bob says"


def test_a_parked_report_waits_while_later_days_are_taken_and_fits_in_when_accepted(
    channel: Channel,
) -> None:
    ten_then_four(channel)
    channel.publish(DAY + 2 * ONE, {f"C{number}": {} for number in range(10)})
    channel.sync()
    decide(channel, reports.accept)
    channel.sync()
    assert channel.rows("select day, sort, count(*) from rights_changes group by 1, 2 order by 1") == [
        (DAY + ONE, "gone", 6),
        (DAY + 2 * ONE, "added", 6),
    ]


def decide(channel: Channel, how: Any) -> None:
    parked = next(one for one in channel.reports() if one.state == "parked")
    with channel.system.sessions.begin() as db:
        how(db, parked.id, note="as Bob says", actor="bob", now=channel.clock())


# Again, and at once


def test_a_second_run_of_the_same_reports_changes_nothing(channel: Channel) -> None:
    day_of_two(channel)
    channel.publish(DAY + ONE, {"C1": {"claim_status": "PENDING", "claim_status_detail": "DISPUTED"}})
    channel.sync()
    tables = ("rights_things", "rights_versions", "rights_changes", "rights_reports", "owed_items", "files")

    def everything() -> list[list[tuple[Any, ...]]]:
        return [channel.rows(f"select * from {table} order by 1, 2") for table in tables]

    before = everything()
    for params in ({}, {"made_after": "2020-01-01T00:00:00Z"}, {"steps": ["process"]}):
        run = channel.sync(**params)
        assert not run.needs_person
        assert everything() == before
    assert len(fetched(channel)) == 2


def test_runs_at_once_take_each_report_once(channel: Channel) -> None:
    days = 5
    for number in range(days):
        channel.publish(
            DAY + number * ONE, {f"C{one}": {"claim_policy_block": str(number)} for one in range(30)}
        )
    start, runs = Barrier(3), []

    def work() -> None:
        start.wait()
        runs.append(channel.sync())

    threads = [Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs) == 3
    assert any(run.state == "succeeded" for run in runs)
    assert {run.state for run in runs} <= {"succeeded", "failed"}
    for run in runs:
        assert run.state == "succeeded" or "Another run" in run.summary, run.summary
    channel.sync()
    assert states(channel) == [(DAY + number * ONE, "taken") for number in range(days)]
    assert channel.rows("select count(*), count(distinct key) from rights_versions") == [(30 * days, 30)]
    assert channel.rows("select day, count(*) from rights_changes group by day order by day") == [
        (DAY + number * ONE, 30) for number in range(1, days)
    ]
    assert [path.name for path in (channel.system.home / "rights" / "work").iterdir()] == []
    taken = "select count(*) from events where kind = 'rights.snapshot_taken'"
    assert channel.rows(taken) == [(days,)]


def test_what_lies_in_a_store_is_what_came(channel: Channel) -> None:
    body = report_of({"C1": {}})
    channel.publish(DAY, body)
    channel.sync()
    (report,) = channel.reports()
    ((key,),) = channel.rows("select store_key from files where id = :id", id=report.file_id)
    with channel.system.ports.files.open(key) as kept:
        assert gzip.decompress(kept.read()) == body

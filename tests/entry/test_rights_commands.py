"""Rights' commands, typed, and its routes, asked: collecting, looking, settling, signing in."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from support.channel import DAY, OWNER, Channel, channel_on
from support.doors import api, typed
from support.postgres import Database

ONE = timedelta(days=1)


@pytest.fixture
def channel(database: Database, tmp_path: Path) -> Iterator[Channel]:
    with channel_on(database, tmp_path) as opened:
        opened.publish(DAY, {"C1": {}, "C2": {"views": "5000"}, "C3": {}})
        opened.publish(DAY + ONE, {"C1": {"asset_id": "A2"}, "C2": {"views": "5000"}, "C4": {"views": "70"}})
        opened.publish(
            DAY + 2 * ONE, {"C1": {}, "C2": {"claim_policy_block": "US", "views": "5000"}, "C4": {}}
        )
        yield opened


def test_download_then_process_as_the_scripts_before(channel: Channel) -> None:
    fetched = typed(channel.system, "rights", "download", "2022-10-01T00:00:00Z")
    assert (fetched.code, fetched.out) == (0, "3 reports fetched.\n")
    assert {one.state for one in channel.reports()} == {"kept"}
    done = typed(channel.system, "rights", "process")
    assert (done.code, done.out) == (0, "3 snapshots taken: 1 added, 1 gone, 3 changed.\n")
    again = typed(channel.system, "rights", "sync", "--json")
    assert again.code == 0
    assert again.document["summary"] == "No new reports. Nothing to process."


def test_a_time_that_is_none_is_refused_in_a_sentence(channel: Channel) -> None:
    said = typed(channel.system, "rights", "download", "yesterday")
    assert said.code == 65
    assert "'yesterday' is not a time. Write it like 2025-07-23T21:00:00Z." in said.err


def test_changes_of_the_newest_snapshot_and_between_two_days(channel: Channel) -> None:
    channel.sync()
    newest = typed(channel.system, "rights", "changes", "--json").document["items"]
    assert [(one["key"], one["cause"]) for one in newest] == [
        ("C2", "policy changed"),
        ("C1", "moved to another asset"),
    ]
    between = typed(
        channel.system, "rights", "changes", "--from", "2025-07-20", "--to", "2025-07-22", "--json"
    )
    assert [(one["key"], one["sort"]) for one in between.document["items"]] == [
        ("C2", "changed"),
        ("C3", "gone"),
        ("C4", "added"),
    ]
    only = typed(channel.system, "rights", "changes", "--cause", "policy changed")
    assert "claim_policy_block (empty) → US" in only.out
    assert typed(channel.system, "rights", "changes", "--to", "2020-01-01").code == 66


def test_a_claim_through_its_time_and_as_of_a_day(channel: Channel) -> None:
    channel.sync()
    moments = typed(channel.system, "rights", "claim", "C1", "--json").document["moments"]
    assert [(one["since"], one["until"], one["cells"]["asset_id"]) for one in moments] == [
        ("2025-07-22", None, "A1"),
        ("2025-07-21", "2025-07-22", "A2"),
        ("2025-07-20", "2025-07-21", "A1"),
    ]
    ids = {str(report.id): report.day.isoformat() for report in channel.reports()}
    assert [ids[one["report"]] for one in moments] == ["2025-07-22", "2025-07-21", "2025-07-20"]
    known = typed(channel.system, "rights", "claim", "C1", "--as-of", "2025-07-21")
    assert "A2" in known.out
    gone = typed(channel.system, "rights", "claim", "C3")
    assert "gone" in gone.out
    nothing = typed(channel.system, "rights", "claim", "C99")
    assert (nothing.code, nothing.out) == (66, "")
    assert "No report of Kettenbrücke ever had the claim C99." in nothing.err


def test_everything_that_was_known_on_a_day(channel: Channel) -> None:
    channel.sync()

    def known(day: str, *words: str) -> list[tuple[str, str]]:
        page = typed(channel.system, "rights", "known", day, "--json", *words).document
        return [(one["key"], one["cells"]["asset_id"]) for one in page["items"]]

    assert known("2025-07-20") == [("C1", "A1"), ("C2", "A1"), ("C3", "A1")]
    assert known("2025-07-21") == [("C1", "A2"), ("C2", "A1"), ("C4", "A1")]
    assert known("2025-09-01") == [("C1", "A1"), ("C2", "A1"), ("C4", "A1")]
    assert known("2025-07-21", "--beyond", "C1", "--limit", "1") == [("C2", "A1")]
    assert known("2025-07-19") == []
    assert "'soon' is not a day" in typed(channel.system, "rights", "known", "soon").err
    with api(channel.system) as client:
        first = client.get("/rights/known", params={"day": "2025-07-21", "limit": 2}).json()
        rest = client.get("/rights/known", params={"day": "2025-07-21", "beyond": first["next"]}).json()
        assert [one["key"] for one in first["items"] + rest["items"]] == ["C1", "C2", "C4"]
        assert rest["next"] is None


def test_a_claim_as_youtube_has_it_now(channel: Channel) -> None:
    channel.sync()
    channel.youtube.set_claim({"id": "C1", "status": "disputed"}, [{"type": "claim_create"}])
    said = typed(channel.system, "rights", "claim", "C1", "--now")
    assert '"status": "disputed"' in said.out


def test_a_parked_report_is_taken_when_a_person_says_so(channel: Channel) -> None:
    channel.sync()
    channel.publish(DAY + 3 * ONE, {"C1": {}})
    assert typed(channel.system, "rights", "sync").code == 1
    (parked,) = typed(channel.system, "rights", "reports", "--state", "parked", "--json").document["items"]
    said = typed(channel.system, "rights", "accept", parked["id"], "--note", "they sold the rest")
    assert said.out == "The report of 2025-07-23 is kept. The next run takes it.\n"
    assert typed(channel.system, "rights", "sync").code == 0
    assert channel.rows("select count(*) from rights_things where not is_gone") == [(1,)]
    assert typed(channel.system, "rights", "accept", parked["id"]).code == 75


def test_status_says_how_each_owner_stands(channel: Channel) -> None:
    assert "Nothing was collected yet." in typed(channel.system, "rights", "status").out
    channel.sync()
    (one,) = typed(channel.system, "rights", "status", "--json").document["items"]
    assert (one["owner"], one["newest_day"], one["things"], one["reports"]) == (
        OWNER,
        "2025-07-22",
        3,
        {"taken": 3},
    )


def test_a_person_signs_in_once_and_the_token_is_kept(database: Database, tmp_path: Path) -> None:
    with channel_on(database, tmp_path, YOUTUBE_CREDENTIALS_FILE="") as channel:
        channel.publish(DAY, {"C1": {}})
        run = channel.sync()
        assert run.needs_person
        assert "recoup rights authorise" in (run.summary or "")
        assert len(channel.alerts()) == 1
        client = tmp_path / "client.json"
        client.write_text(json.dumps(channel.youtube.client_file()), encoding="utf-8")

        seen: list[str] = []
        sign_in = channel.system.ports.sign_in
        assert sign_in is not None
        begin = sign_in.begin

        def watched(secret: object, *, redirect_uri: str) -> object:
            consent = begin(secret, redirect_uri=redirect_uri)  # type: ignore[arg-type]
            seen.append(consent.address)
            threading.Thread(
                target=lambda: httpx2.get(consent.address, follow_redirects=True, trust_env=False)
            ).start()
            return consent

        sign_in.begin = watched  # type: ignore[method-assign, assignment]
        done = typed(channel.system, "rights", "authorise", str(client))
        assert done.code == 0, done.err
        assert seen[0] in done.out
        kept = next((channel.system.home / "secrets").glob("youtube-*.json"))
        assert kept.stat().st_mode & 0o777 == 0o600
        assert json.loads(kept.read_text())["refresh_token"]
        assert channel.sync().summary == "1 report fetched. 1 snapshot taken: 0 added, 0 gone, 0 changed."
        assert channel.rows("select reauth_since from rights_series") == [(None,)]


def test_the_routes_answer_as_the_commands_do(channel: Channel) -> None:
    channel.sync()
    with api(channel.system) as client:
        assert client.get("/rights/series").json()["items"][0]["newest_day"] == "2025-07-22"
        reports = client.get("/rights/reports").json()["items"]
        assert [one["day"] for one in reports] == ["2025-07-22", "2025-07-21", "2025-07-20"]
        in_full = client.get(f"/rights/reports/{reports[0]['id']}").json()
        assert in_full["counts"]["status"] == {"ACTIVE": 3}
        assert client.get("/rights/changes", params={"sort": "changed"}).json()["items"][0]["key"] == "C2"
        nets = client.get("/rights/differences", params={"after": "2025-07-20", "until": "2025-07-22"}).json()
        assert [one["key"] for one in nets["items"]] == ["C2", "C3", "C4"]
        assert [one["key"] for one in client.get("/rights/claims").json()["items"]] == ["C2", "C4", "C1"]
        assert (
            client.get("/rights/claims/C1", params={"as_of": "2025-07-21"}).json()["moments"][0]["cells"][
                "asset_id"
            ]
            == "A2"
        )
        assert client.get("/rights/claims/C1", params={"as_of": "2020-01-01"}).status_code == 404
        assert client.get("/rights/assets").status_code == 404
        queued = client.post("/rights/sync", json={})
        assert (queued.status_code, queued.json()["job"]) == (202, "rights.sync")
        refused = client.post(f"/rights/reports/{reports[0]['id']}/accept", json={})
        assert refused.status_code == 409

"""The pages of rights, as a person sees and uses them: real reports from YouTube's stand-in, real HTTP."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import select

from recoup.areas.rights import controls
from recoup.areas.rights.lists import ALL, CHANGES, CLAIMS
from recoup.office.controls import service as house
from recoup.office.jobs.models import Run
from recoup.office.journal import queries as journal
from recoup.office.people.permissions import Role
from support.channel import ASSETS, DAY, OWNER, Channel, asset_rows, channel_on, report_of
from support.desk import as_role, desk, links_of, text_of
from support.doors import api
from support.house import MovableClock, opened
from support.postgres import Database

DESK = "/desk/rights"
ONE = timedelta(days=1)
LATER = DAY + ONE
OTHER = "B" * 22
ATTACK = "<script>alert(1)</script> {{7*7}}"
FIRST: dict[str, dict[str, str]] = {
    "C1": {"views": "100"},
    "C2": {"views": "57312", "video_id": "V2"},
    "C3": {"views": "900", "asset_id": "A2"},
    "C5": {"claim_status": "INACTIVE", "claim_status_detail": "CLOSED_MANUALLY", "views": "7"},
}
SECOND: dict[str, dict[str, str]] = {
    "C1": {"views": "150", "claim_status": "PENDING", "claim_status_detail": "DISPUTED"},
    "C2": {
        "views": "58000",
        "video_id": "V2",
        "claim_status": "INACTIVE",
        "claim_status_detail": "CLOSED_MANUALLY",
        "claim_policy_monetize": "",
        "claim_policy_track": "WW",
        "custom_id": "other",
    },
    "C4": {"views": "5000", "video_title": ATTACK, "artist": ATTACK, "claim_created_date": "2025-07-21"},
    "C5": FIRST["C5"],
}


@pytest.fixture
def channel(database: Database, tmp_path: Path) -> Iterator[Channel]:
    with channel_on(database, tmp_path, kinds="claim,asset") as made:
        yield made


@pytest.fixture
def client(channel: Channel) -> Iterator[httpx2.Client]:
    with desk(channel.system) as made:
        yield made


@pytest.fixture
def told(channel: Channel) -> Channel:
    """Two days: one claim disputed, one released, one gone, one new; and an asset that lost a claim."""
    channel.publish(DAY, FIRST)
    channel.publish(DAY, asset_rows({"asset_id": "A1", "active_claims": "3"}), kind=ASSETS)
    channel.sync()
    channel.publish(LATER, SECOND)
    channel.publish(LATER, asset_rows({"asset_id": "A1", "active_claims": "1"}), kind=ASSETS)
    channel.sync()
    return channel


@pytest.fixture
def parked(channel: Channel) -> str:
    """A second report with fewer than half the claims; the path of its page."""
    channel.publish(DAY, {f"C{number}": {} for number in range(10)})
    channel.sync()
    channel.publish(LATER, {f"C{number}": {} for number in range(4)})
    channel.sync()
    return f"{DESK}/reports/{channel.reports()[-1].id}"


def seen(client: httpx2.Client, path: str = "", *, answers: int = 200, **query: Any) -> str:
    answer = client.get(path if path.startswith("/") else f"{DESK}/{path}".rstrip("/"), params=query or None)
    assert answer.status_code == answers, answer.text
    return answer.text


def words(client: httpx2.Client, path: str = "", *, answers: int = 200, **query: Any) -> str:
    return text_of(seen(client, path, answers=answers, **query))


def keys(page: str) -> list[str]:
    """Return the claims and assets that the rows of a list lead to."""
    return re.findall(rf'<tr data-href="{DESK}/(?:claim|asset)/{OWNER}/(\w+)"', page)


# ---------------------------------------------------------------- the morning's changes


def test_a_fresh_installation_is_told_what_to_write_and_what_to_run(
    database: Database, tmp_path: Path
) -> None:
    with opened(database, tmp_path, clock=MovableClock()) as system, desk(system) as client:
        page = words(client)
        assert "Name your content owner" in page
        assert "YOUTUBE_CONTENT_OWNER_ID=" in page
        assert "recoup rights authorise" in page
        for path in ("changes", "claims", "assets", "reports", "trends"):
            seen(client, path)


def test_an_owner_that_is_set_up_is_told_to_sign_in_and_to_fetch(client: httpx2.Client) -> None:
    page = words(client)
    assert "1 content owner is set up: sign in, then fetch" in page
    assert "Fetch now" in page


def test_the_first_snapshot_is_a_baseline(channel: Channel, client: httpx2.Client) -> None:
    channel.publish(DAY, FIRST)
    channel.sync()
    page = words(client)
    assert "Claims of Sun 20 Jul 2025" in page
    assert "This is the first snapshot: what later ones are compared with." in page
    assert "no report was taken yet" in page  # of assets


def test_the_newest_snapshot_says_what_changed_why_and_what_it_weighs(
    told: Channel, client: httpx2.Client
) -> None:
    page = seen(client)
    text = text_of(page)
    assert "Claims of Mon 21 Jul 2025" in text
    assert "compared with 20 Jul" in text
    assert "Added 1 5,000 views" in text
    assert "Gone 1 900 views" in text
    assert "Changed 2 58,150 views" in text
    assert "Views in all 63,157" in text
    assert "disputed 1 150" in text  # a cause, how often, its views
    assert "claim_status ACTIVE PENDING" in text
    assert "and 2 more cells" in text  # of C2's five
    assert "Assets of Mon 21 Jul 2025" in text
    assert "active_claims 3 1" in text
    assert f"{DESK}/changes?cause=disputed&owner={OWNER}&kind=claim&day=2025-07-21" in links_of(page)
    heaviest = re.findall(rf'data-href="{DESK}/claim/{OWNER}/(\w+)"', page)
    assert heaviest == ["C2", "C4", "C3", "C1"]
    assert told.system is not None


def test_what_changes_are_worth_stands_beside_them_where_a_price_is_known(
    told: Channel, client: httpx2.Client
) -> None:
    assert "≈" not in words(client)
    with told.system.sessions.begin() as db:
        house.change(
            db, controls.PRICE, Decimal("2.50"), expected_version=0, actor="test", now=told.system.clock()
        )
    assert "5,000 views ≈ 12.50 USD" in words(client)
    assert "≈ 125.00 USD" in words(client, f"claim/{OWNER}/C2")  # of 50,000 views or more


def test_other_days_are_a_step_away(told: Channel, client: httpx2.Client) -> None:
    page = seen(client)
    assert f"{DESK}?day=2025-07-20" in links_of(page)
    before = seen(client, day="2025-07-20", kind="claim")
    assert "Claims of Sun 20 Jul 2025" in text_of(before)
    assert "Assets of" not in text_of(before)
    assert f"{DESK}?kind=claim&day=2025-07-21" in links_of(before)
    assert "There is no snapshot up to Sat 19 Jul 2025" in words(client, day="2025-07-19")
    assert "Claims of Mon 21 Jul 2025" in words(client, day="2025-12-24")
    assert "is not a day" in words(client, day="yesterday", answers=422)
    assert told.system is not None


def test_what_stands_in_the_way_is_told_first(told: Channel, client: httpx2.Client) -> None:
    assert "is overdue" not in words(client)
    told.clock.advance(days=9)
    assert "the newest report of claims is of 2025-07-21; a newer one is overdue." in words(client)
    told.youtube.granted = False
    told.clock.advance(days=500)
    told.sync()
    page = words(client)
    assert "somebody has to sign in at Google again" in page
    assert f"recoup rights authorise client_secret.json --owner {OWNER}" in page


def test_a_title_is_shown_as_it_was_written(told: Channel, client: httpx2.Client) -> None:
    for path in (
        "",
        "changes",
        "claims",
        f"claim/{OWNER}/C4",
        f"claim/{OWNER}/C4?from=2025-07-20&to=2025-07-21",
    ):
        page = seen(client, path)
        assert "<script>alert" not in page
        assert ATTACK in text_of(page) or "from=" in path
    assert told.system is not None


# ---------------------------------------------------------------- lists


def test_changes_narrow_and_go_on(told: Channel, client: httpx2.Client) -> None:
    def found(**query: str) -> list[str]:
        return keys(seen(client, "changes", **query))

    assert sorted(found()) == ["A1", "C1", "C2", "C3", "C4"]
    assert found(kind="claim") == ["C2", "C4", "C3", "C1"]  # the heaviest first
    assert found(kind="claim", order="oldest") == ["C2", "C4", "C3", "C1"]
    assert found(sort="gone") == ["C3"]
    assert found(cause="released") == ["C2"]
    assert found(key="C1") == ["C1"]
    assert found(asset="A2") == ["C3"]
    assert found(day="2025-07-20") == []
    assert found(since="2025-07-21", until="2025-07-21", kind="asset") == ["A1"]
    assert found(owner="nobody") == []
    assert "claim_status ACTIVE → INACTIVE" in words(client, "changes", key="C2")
    assert told.system is not None


def test_pages_of_changes_hold_every_row_once(channel: Channel, client: httpx2.Client) -> None:
    states = ("ACTIVE", "PENDING", "ACTIVE")
    for place, status in enumerate(states):
        day = DAY + place * ONE
        some = {f"C{n}": {"claim_status": status, "views": str(n % 7)} for n in range(40)}
        channel.publish(day, some)
        channel.publish(day, asset_rows({"asset_id": "A1", "active_claims": str(place)}), kind=ASSETS)
    channel.sync()
    with channel.system.sessions.begin() as db:
        every = [(row.change.day, row.change.key) for row in CHANGES.every(db, CHANGES.wanted({}))]
    for order in ("newest", "oldest"):
        path, met = f"{DESK}/changes?{urlencode({'rows': '25', 'order': order})}", []
        while path:
            page = seen(client, path)
            met += re.findall(rf'first"><a href="{DESK}/\w+/{OWNER}/(\w+)">(2025-\d\d-\d\d)</a>', page)
            following = re.search(r'rel="next" href="([^"]+)"', page)
            path = html.unescape(following[1]) if following else ""
        assert len(met) == len(set(met)) == len(every) == 82
        days = [day for _, day in met]
        assert days == sorted(days, reverse=order == "newest")


def test_claims_narrow_by_what_they_are(told: Channel, client: httpx2.Client) -> None:
    def found(**query: str) -> list[str]:
        return keys(seen(client, "claims", **query))

    assert found() == ["C2", "C4", "C1", "C5"]  # the most viewed first; C3 is gone
    assert found(order="least") == ["C5", "C1", "C4", "C2"]
    assert found(status="INACTIVE") == ["C2", "C5"]
    assert found(status="ACTIVE") == ["C4"]
    assert found(detail="DISPUTED") == ["C1"]
    assert found(policy="track") == ["C2"]
    assert found(type="AUDIO", origin="AUDIO_MATCH", status="PENDING") == ["C1"]
    assert found(asset="A1") == ["C2", "C4", "C1", "C5"]
    assert found(video="V2") == ["C2"]
    assert found(key="C4") == ["C4"]
    assert found(status="(empty)") == []
    assert keys(seen(client, "assets", detail="(empty)")) == ["A1"]
    page = seen(client, "claims")
    assert "50,000" in text_of(page)
    assert "58,000" not in text_of(page)  # the counter is rounded down
    assert "INACTIVE 2" in text_of(page)
    assert f"{DESK}/claims?status=INACTIVE" in links_of(page)
    assert f"{DESK}/claims" in links_of(seen(client, "claims", status="INACTIVE"))  # takes it away again
    assert told.system is not None


def test_pages_of_claims_hold_every_row_once_for_several_owners(database: Database, tmp_path: Path) -> None:
    tables = [f'[[rights.owners]]\nid = "{owner}"\ntitle = "{owner[:3]}"' for owner in (OWNER, OTHER)]
    (tmp_path / "recoup.toml").write_text("\n".join(tables), encoding="utf-8")
    with channel_on(database, tmp_path, others=[OTHER]) as channel:
        for owner in (OWNER, OTHER):
            some = {f"C{n}": {"views": str(n % 3)} for n in range(30)}
            channel.publish(DAY, some, owner=owner)
        channel.sync()
        with desk(channel.system) as client:
            assert "Content owner" in words(client)
            path, met = f"{DESK}/claims?rows=25", []
            while path:
                page = seen(client, path)
                met += re.findall(rf'<tr data-href="{DESK}/claim/(\w+)/(\w+)"', page)
                following = re.search(r'rel="next" href="([^"]+)"', page)
                path = html.unescape(following[1]) if following else ""
            assert len(met) == len(set(met)) == 60
            one = seen(client, "claims", owner=OWNER, rows="100")
            assert len(keys(one)) == 30


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("changes", {"sort": "burnt"}),
        ("changes", {"cause": "rain"}),
        ("changes", {"day": "yesterday"}),
        ("changes", {"after": "AAAA"}),
        ("changes", {"nothing": "1"}),
        ("claims", {"rows": "7"}),
        ("claims", {"order": "random"}),
        ("claims", {"after": "AAAA"}),
        ("claims", {"asset": "x" * 400}),
        ("assets", {"video": "V1"}),
        ("reports", {"state": "strange"}),
        ("reports", {"after": "2025-07-21.no-id."}),
        (f"claim/{OWNER}/C1", {"day": "soon"}),
        (f"claim/{OWNER}/C1", {"from": "2025-07-20"}),
        ("reports/no-id", {}),
    ],
)
def test_what_does_not_fit_is_told_in_a_page(
    told: Channel, client: httpx2.Client, path: str, query: dict[str, str]
) -> None:
    assert "This did not work" in words(client, path, answers=422, **query)
    assert told.system is not None


def test_every_list_can_be_written_into_a_file(told: Channel) -> None:
    with told.system.sessions.begin() as db:
        for listing in ALL:
            for order in listing.orders:
                rows = list(listing.every(db, listing.wanted({"order": order.name})))
                assert rows
                assert all(
                    column.value(row) is not NotImplemented for row in rows for column in listing.columns
                )
        (one,) = CLAIMS.every(db, CLAIMS.wanted({"key": "C2"}))
    assert (one.facets.title, one.thing.views) == ("Live in Köln", 50_000)


def test_a_cursor_of_another_list_is_refused_within_a_day(told: Channel, client: httpx2.Client) -> None:
    report = told.reports()[-1]
    page = words(client, "changes", answers=422, after=f"{report.day}.{report.id.hex}.AAAA")
    assert "This page of the list cannot be found." in page


# ---------------------------------------------------------------- one claim, one asset


def test_a_claim_tells_its_time(told: Channel, client: httpx2.Client) -> None:
    page = seen(client, f"claim/{OWNER}/C2")
    text = text_of(page)
    assert "in the newest snapshot As it is since Mon 21 Jul 2025" in text
    assert "Views 50,000+" in text
    assert "released policy changed" in text
    assert "claim_status ACTIVE INACTIVE" in text
    assert "and what is not compared: views" in text
    assert "first seen in the first snapshot" in text
    assert "custom_id other" in text  # all cells of today
    reports = {one.day: one.id for one in told.reports()}
    assert {f"{DESK}/reports/{reports[day]}" for day in (DAY, LATER)} <= set(links_of(page))
    assert f"{DESK}/claims?asset=A1" in links_of(page)
    assert f"{DESK}/asset/{OWNER}/A1" in links_of(page)


def test_a_claim_that_left_says_so(told: Channel, client: httpx2.Client) -> None:
    page = words(client, f"claim/{OWNER}/C3")
    assert "gone It is not in the reports since Mon 21 Jul 2025" in page
    assert "left the report It was not in the report. 900 views" in page
    assert "it left them with Mon 21 Jul 2025 ." in page
    assert told.system is not None


def test_what_was_known_on_a_day_and_between_two(told: Channel, client: httpx2.Client) -> None:
    claim = f"claim/{OWNER}/C2"
    before = words(client, claim, day="2025-07-20")
    assert "On Sun 20 Jul 2025 it was as the report of Sun 20 Jul 2025 gave it" in before
    assert "views 57312" in before
    assert "On Sat 19 Jul 2025 it was not known yet" in words(client, claim, day="2025-07-19")
    both = words(client, claim, **{"from": "2025-07-20", "to": "2025-08-01"})
    assert "6 cells differ between Sun 20 Jul 2025 and Fri 01 Aug 2025" in both
    assert "claim_policy_track (empty) WW" in both
    assert "it was there; on Mon 21 Jul 2025 it was gone" in words(
        client, f"claim/{OWNER}/C3", **{"from": "2025-07-20", "to": "2025-07-21"}
    )
    assert "it was not known yet; on Mon 21 Jul 2025 it was there" in words(
        client, f"claim/{OWNER}/C4", **{"from": "2025-07-20", "to": "2025-07-21"}
    )
    assert "Nothing differs" in words(
        client, f"claim/{OWNER}/C5", **{"from": "2025-07-20", "to": "2025-07-21"}
    )
    assert told.system is not None


def test_a_claim_that_waits_for_an_answer_says_until_when(told: Channel, client: httpx2.Client) -> None:
    page = words(client, f"claim/{OWNER}/C1")
    assert "Claim C1 is disputed. Unless somebody answers, it is decided in 28 days" in page
    assert "Unless somebody answers" not in words(client, f"claim/{OWNER}/C2")
    assert told.system is not None


def test_an_asset_tells_its_time_and_leads_to_its_claims(told: Channel, client: httpx2.Client) -> None:
    page = seen(client, f"asset/{OWNER}/A1")
    text = text_of(page)
    assert "Active claims 1" in text
    assert "fewer claims" in text
    assert "active_claims 3 1" in text
    assert "Ask YouTube now" not in text
    assert f"{DESK}/claims?asset=A1" in links_of(page)
    assert told.system is not None


def test_a_long_life_is_shown_in_portions(channel: Channel, client: httpx2.Client) -> None:
    for place in range(44):
        channel.publish(DAY + place * ONE, {"C1": {"custom_id": str(place)}})
    channel.sync()
    page = seen(client, f"claim/{OWNER}/C1")
    assert page.count('<li><div class="trail-when">') == 40
    assert "Versions 44" in text_of(page)
    older = seen(client, f"claim/{OWNER}/C1", until="2025-07-23")
    assert older.count('<li><div class="trail-when">') == 4
    assert f"{DESK}/claim/{OWNER}/C1?until=2025-07-23" in links_of(page)
    assert "first seen" in text_of(older)


@pytest.mark.parametrize(
    "path", [f"claim/{OWNER}/C9", "claim/nobody/C1", f"asset/{OWNER}/C1", f"claim/{OWNER}/C9/now"]
)
def test_what_no_report_ever_had_is_told(told: Channel, client: httpx2.Client, path: str) -> None:
    assert "There " in words(client, path, answers=404)
    assert told.system is not None


# ---------------------------------------------------------------- asking YouTube


def test_youtube_is_asked_for_a_claim_only_when_somebody_says_so(
    told: Channel, client: httpx2.Client
) -> None:
    told.youtube.set_claim(
        {"id": "C1", "status": "disputed", "policy": {"rules": [{"action": "monetize"}]}},
        [
            {"time": "2025-07-21T11:00:00Z", "type": "dispute_create", "reason": ATTACK},
            {"time": "2024-03-01T10:00:00Z", "type": "claim_create"},
        ],
    )
    asked = len(told.youtube.requests)
    page = seen(client, f"claim/{OWNER}/C1")
    assert f'action="{DESK}/claim/{OWNER}/C1/now"' in page
    assert len(told.youtube.requests) == asked
    answer = seen(client, f"claim/{OWNER}/C1/now")
    text = text_of(answer)
    assert "status disputed" in text
    assert "policy.rules.1.action monetize" in text
    assert "21 Jul 2025, 11:00:00 dispute create" in text
    assert text.index("dispute create") < text.index("claim create")
    assert ATTACK not in answer
    assert 'id="now"' in answer


def test_what_youtube_refuses_is_told_in_the_page(told: Channel, client: httpx2.Client) -> None:
    missing = words(client, f"claim/{OWNER}/C1/now")
    assert f"Google does not have claim C1 for content owner {OWNER}." in missing
    told.youtube.is_partner = False
    refused = words(client, f"claim/{OWNER}/C1/now")
    assert "What the reports say of it stands as it is." in refused
    assert "Content ID API" in refused


# ---------------------------------------------------------------- reports


def test_reports_are_listed_with_their_health(told: Channel, client: httpx2.Client) -> None:
    page = words(client, "reports", kind="claim")
    assert "2025-07-21 claims Kettenbrücke taken now 4 1 1 2" in page
    assert keys_of_reports(seen(client, "reports", state="parked")) == []
    assert len(keys_of_reports(seen(client, "reports", rows="25"))) == 4
    assert len(keys_of_reports(seen(client, "reports", day="2025-07-20"))) == 2
    assert told.system is not None


def keys_of_reports(page: str) -> list[str]:
    return re.findall(rf'<tr data-href="{DESK}/reports/([0-9a-f-]+)"', page)


def test_pages_of_reports_hold_every_row_once(channel: Channel, client: httpx2.Client) -> None:
    for place in range(15):
        channel.publish(DAY + place * ONE, {"C1": {}})
        channel.publish(DAY + place * ONE, asset_rows({"asset_id": "A1"}), kind=ASSETS)
    channel.sync()
    for order in ("newest", "oldest"):
        path, met = f"{DESK}/reports?rows=25&order={order}", []
        while path:
            page = seen(client, path)
            met += keys_of_reports(page)
            following = re.search(r'rel="next" href="([^"]+)"', page)
            path = html.unescape(following[1]) if following else ""
        assert len(met) == len(set(met)) == 30


def test_a_report_tells_its_life_and_what_it_counts(told: Channel, client: httpx2.Client) -> None:
    report = told.reports()[-1]
    page = seen(client, f"reports/{report.id}")
    text = text_of(page)
    assert "taken It is the snapshot of its day." in text
    assert "Rows 4 Claims 4" in text
    assert "status INACTIVE 2 +1" in text
    assert "ACTIVE 1 \N{MINUS SIGN}2" in text
    assert "the same as before" in text
    assert "snapshot taken by rights" in text
    assert f"/desk/files/{report.file_id}/download" in links_of(page)
    first = words(client, f"reports/{told.reports()[0].id}")
    assert "It is the first of its series" in first
    words(client, f"reports/{uuid4()}", answers=404)


def test_columns_that_came_and_went_are_named(channel: Channel, client: httpx2.Client) -> None:
    channel.publish(DAY, FIRST)
    channel.publish(LATER, report_of(FIRST, without=["grid"], more=["mood"]))
    channel.sync()
    page = words(client, f"reports/{channel.reports()[-1].id}")
    assert "came mood went grid" in page


def test_a_parked_report_is_taken_by_a_person(channel: Channel, parked: str, client: httpx2.Client) -> None:
    assert "the report of claims of 2025-07-21 waits for you" in words(client)
    page = words(client, parked)
    assert "Take it, or turn it away" in page
    assert "The snapshot before 10 claims on 20 Jul 2025" in page
    answer = client.post(f"{parked}/decide", data={"how": "take", "note": "The catalogue moved."})
    assert (answer.status_code, answer.headers["location"]) == (303, parked)
    after = words(client, parked)
    assert "the next run takes it" in after
    assert "Take it now" in after
    with channel.system.sessions.begin() as db:
        (event,) = journal.timeline(db, kind="rights.report_accepted")
        assert event.actor.endswith("administrator@example.com")
        assert event.detail["note"] == "The catalogue moved."
    started = client.post(f"{DESK}/sync")
    assert started.status_code == 303
    with channel.system.sessions.begin() as db:
        run = db.scalars(select(Run).where(Run.trigger == "page")).one()
        assert (run.job, started.headers["location"]) == ("rights.sync", f"/desk/runs/{run.id}")
    channel.sync()
    assert "Gone 6" in words(client)


def test_a_parked_report_is_turned_away_by_a_person(
    channel: Channel, parked: str, client: httpx2.Client
) -> None:
    assert client.post(f"{parked}/decide", data={"how": "reject"}).status_code == 303
    assert channel.reports()[-1].state == "rejected"
    again = client.post(f"{parked}/decide", data={"how": "take", "note": "typed"})
    assert again.status_code == 409
    assert "is rejected, not parked" in text_of(again)


def test_a_decision_that_is_none_is_refused_and_keeps_what_was_typed(
    channel: Channel, parked: str, client: httpx2.Client
) -> None:
    answer = client.post(f"{parked}/decide", data={"how": "burn", "note": "my note"})
    assert answer.status_code == 422
    assert "my note" in answer.text
    assert "Input should be 'take' or 'reject'" in text_of(answer)
    long = client.post(f"{parked}/decide", data={"how": "take", "note": "x" * 3_000})
    assert long.status_code == 422
    assert client.post(f"{DESK}/reports/{uuid4()}/decide", data={"how": "take"}).status_code == 404
    assert channel.reports()[-1].state == "parked"


# ---------------------------------------------------------------- trends


def test_trends_are_drawn_and_stand_beside_as_exact_figures(told: Channel, client: httpx2.Client) -> None:
    page = seen(client, "trends")
    option = json.loads(page.partition('id="changes-option">')[2].partition("</script>")[0])
    assert {one["name"]: one["data"] for one in option["series"]} == {
        "added": [1],
        "gone": [1],
        "changed": [2],
    }
    things = json.loads(page.partition('id="things-option">')[2].partition("</script>")[0])
    assert things["series"][0]["data"] == [4, 4]
    statuses = json.loads(page.partition('id="statuses-option">')[2].partition("</script>")[0])
    assert {one["name"]: one["data"] for one in statuses["series"]} == {"INACTIVE": [1, 2], "PENDING": [0, 1]}
    assert "2025-07-21 4 1 1 2 63,157 1 2 1" in text_of(page).replace("ACTIVE INACTIVE PENDING", "")
    assert "Assets in the snapshot" in words(client, "trends", kind="asset")
    assert told.system is not None


# ---------------------------------------------------------------- who may


def test_who_has_not_come_in_is_led_to_the_door(channel: Channel) -> None:
    with api(channel.system) as client, httpx2.Client(base_url=client.base_url) as stranger:
        for path in ("", "/changes", "/claims", "/assets", "/reports", "/trends", f"/claim/{OWNER}/C1"):
            answer = stranger.get(f"{DESK}{path}")
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/desk/sign-in")


def test_an_analyst_looks_and_decides_nothing(channel: Channel, parked: str, client: httpx2.Client) -> None:
    analyst = as_role(Role.ANALYST)
    page = text_of(client.get(parked, headers=analyst))
    assert "It waits for somebody who may settle it" in page
    assert "What happened" not in page
    assert "Fetch now" not in text_of(client.get(DESK, headers=analyst))
    for path in (f"{parked}/decide", f"{DESK}/sync"):
        assert client.post(path, data={"how": "take"}, headers=analyst).status_code == 403
    for path in ("", "/changes", "/claims", "/reports", "/trends", f"/claim/{OWNER}/C1/now"):
        assert client.get(f"{DESK}{path}", headers=as_role(Role.CUSTOMER)).status_code == 403
    assert channel.reports()[-1].state == "parked"


def test_a_form_of_another_site_decides_nothing(channel: Channel, parked: str, client: httpx2.Client) -> None:
    with httpx2.Client(base_url=client.base_url, headers={"Sec-Fetch-Site": "cross-site"}) as another:
        assert another.post(f"{parked}/decide", data={"how": "take"}).status_code == 403
    assert channel.reports()[-1].state == "parked"

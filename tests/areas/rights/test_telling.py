"""Who is told of a snapshot, of what, and how often: mails with workbooks, webhooks, corrections."""

from __future__ import annotations

import email
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from recoup.areas.rights import controls
from recoup.office.controls import service as house
from recoup.office.messages import catalogue, rendering
from support.channel import DAY, Channel, channel_on, made_at
from support.postgres import Database

ONE = timedelta(days=1)
TOLD = {"RECOUP_RIGHTS_RECIPIENTS": "rita@example.com,leo@example.com"}


@pytest.fixture
def channel(database: Database, tmp_path: Path) -> Iterator[Channel]:
    with channel_on(database, tmp_path, **TOLD) as opened:
        yield opened


def mails(channel: Channel) -> list[EmailMessage]:
    statement = "select payload from deliveries where subject like 'messages/rights_changes/%' order by key"
    return [
        email.message_from_bytes(bytes(payload), policy=default) for (payload,) in channel.rows(statement)
    ]


def sheets_of(body: bytes) -> dict[str, list[list[Any]]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(body))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def changed(channel: Channel) -> None:
    channel.publish(DAY, {"C1": {"views": "900"}, "C2": {}, "C3": {}})
    channel.sync()
    channel.publish(
        DAY + ONE,
        {
            "C1": {
                "views": "1000",
                "claim_status": "PENDING",
                "claim_status_detail": "DISPUTED",
                "video_title": "=1+1",
            },
            "C2": {"claim_policy_block": "US"},
            "C4": {"video_title": "<b>New</b>", "artist": "Ada & Co"},
        },
    )
    channel.sync()


def test_each_recipient_gets_one_mail_with_a_workbook(channel: Channel) -> None:
    changed(channel)
    told = mails(channel)
    assert sorted(one["to"] for one in told) == ["leo@example.com", "rita@example.com"]
    assert told[0]["subject"] == "Kettenbrücke, claims of 2025-07-21: 1 added, 1 gone, 2 changed"
    text = told[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "1  disputed" in text
    assert "C1  1,000 views  disputed" in text
    assert (
        "claim_status ACTIVE → PENDING; claim_status_detail NONE → DISPUTED; video_title Live in Köln → =1+1"
        in text
    )
    html = told[0].get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "&lt;b&gt;New&lt;/b&gt;" in html
    (attached,) = told[0].iter_attachments()
    assert attached.get_filename() == "rights-claims-2025-07-21.xlsx"
    sheets = sheets_of(attached.get_content())
    assert list(sheets) == ["Summary", "Added", "Gone", "Changed"]
    assert sheets["Changed"][1][0] == "C1"
    assert sheets["Changed"][1][3] == "=1+1"
    assert [row[0] for row in sheets["Added"]] == ["claim_id", "C4"]
    assert [row[0] for row in sheets["Gone"]] == ["claim_id", "C3"]


def test_nobody_is_told_twice_nor_of_a_baseline_nor_of_nothing(channel: Channel) -> None:
    channel.publish(DAY, {"C1": {}})
    channel.sync()
    assert mails(channel) == []
    channel.publish(DAY + ONE, {"C1": {"views": "90000"}})
    channel.sync()
    assert mails(channel) == []
    channel.publish(DAY + 2 * ONE, {"C1": {"asset_id": "A2"}})
    channel.sync()
    channel.sync()
    assert len(mails(channel)) == 2
    assert {report.told_at is not None for report in channel.reports()} == {True}


def test_days_that_were_caught_up_are_one_mail(channel: Channel) -> None:
    channel.publish(DAY, {"C1": {}})
    channel.sync()
    channel.publish(DAY + ONE, {"C1": {"asset_id": "A2"}})
    channel.publish(DAY + 2 * ONE, {"C1": {"asset_id": "A3"}, "C2": {}})
    channel.sync()
    told = mails(channel)
    assert len(told) == 2
    text = told[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "2025-07-21: 0 added, 0 gone, 1 changed" in text


def test_a_day_that_youtube_makes_anew_is_told_as_a_correction_only_where_it_differs(
    channel: Channel,
) -> None:
    changed(channel)
    channel.publish(DAY + ONE, {"C1": {"asset_id": "A9"}, "C2": {}, "C3": {}}, created=made_at(DAY + 2 * ONE))
    channel.sync()
    subjects = sorted({one["subject"] for one in mails(channel)})
    assert subjects[0] == "Corrected: Kettenbrücke, claims of 2025-07-21: 0 added, 0 gone, 1 changed"
    channel.publish(DAY + ONE, {"C1": {"asset_id": "A9"}, "C2": {}, "C3": {}}, created=made_at(DAY + 3 * ONE))
    channel.sync()
    assert len(mails(channel)) == 4


def test_a_large_workbook_is_linked(channel: Channel) -> None:
    with channel.system.sessions.begin() as db:
        house.change(db, controls.MOST_ATTACHED, 0, expected_version=0, actor="test", now=channel.clock())
    changed(channel)
    told = mails(channel)[0]
    assert list(told.iter_attachments()) == []
    text = told.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "The workbook: /files/" in text
    assert channel.rows("select count(*), min(may) from files where name like '%.xlsx'") == [
        (1, "rights.look")
    ]


def test_few_changes_are_told_only_from_the_threshold_on(database: Database, tmp_path: Path) -> None:
    with channel_on(database, tmp_path, **TOLD, RECOUP_RIGHTS_LEAST_CHANGES="5") as channel:
        changed(channel)
        assert mails(channel) == []


def test_a_recipient_who_cannot_be_written_to_keeps_nobody_else_from_being_told(
    database: Database, tmp_path: Path
) -> None:
    with channel_on(database, tmp_path, RECOUP_RIGHTS_RECIPIENTS="nobody at all,rita@example.com") as channel:
        changed(channel)
        assert [one["to"] for one in mails(channel)] == ["rita@example.com"]
        ((reason,),) = channel.rows(
            "select detail ->> 'reason' from events where kind = 'rights.unaddressable'"
        )
        assert "'nobody at all' is not a mail address" in reason


def test_a_webhook_is_told_beside(database: Database, tmp_path: Path) -> None:
    with channel_on(
        database, tmp_path, RECOUP_RIGHTS_SLACK_WEBHOOK="https://hooks.example.com/T/secret"
    ) as channel:
        changed(channel)
        ((payload, headers),) = channel.rows(
            "select payload, headers from deliveries where channel = 'webhook'"
        )
        told = json.loads(bytes(payload))["text"]
        assert told.startswith("*Kettenbrücke, claims of 2025-07-21: 1 added, 1 gone, 2 changed*\n")
        assert "• 1 disputed" in told
        assert "secret" not in str(headers)


def test_a_price_turns_views_into_money(channel: Channel) -> None:
    with channel.system.sessions.begin() as db:
        house.change(db, controls.PRICE, "1.20", expected_version=0, actor="test", now=channel.clock())
    changed(channel)
    text = mails(channel)[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "1,000 views, about 1.20 USD" in text
    assert channel.rows(
        "select amount_minor, currency, weight, weight_unit from owed_items where state = 'open'"
    ) == [(120, "USD", 1000, "views")]


@pytest.mark.parametrize(
    "name", [one.name for one in catalogue.TEMPLATES.values() if one.package != "recoup.office.messages"]
)
def test_the_packaged_texts_of_areas_fit_their_samples_and_the_editor(name: str) -> None:
    declared = rendering.named(name)
    assert rendering.problems(declared, rendering.packaged_sources(name)) == []
    for sample in declared.samples:
        assert rendering.packaged(name, sample).subject

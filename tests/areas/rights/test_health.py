"""What `doctor` says of rights: sign-in, staleness, what waits, and a knock at YouTube's door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from recoup.areas.rights import health
from recoup.core.errors import NeedsReauthorisation
from recoup.sandbox.youtube_reports import CLAIMS
from support.channel import DAY, Channel, channel_on
from support.postgres import Database


@pytest.fixture
def channel(database: Database, tmp_path: Path) -> Iterator[Channel]:
    with channel_on(database, tmp_path) as opened:
        yield opened


def test_how_a_series_stands(channel: Channel) -> None:
    channel.sync()
    assert [(one.ok, one.detail) for one in health.standing(channel.system)] == [
        (None, "No report was taken yet.")
    ]
    channel.publish(DAY, {"C1": {}})
    channel.sync()
    (check,) = health.standing(channel.system)
    assert (check.name, check.ok) == ("Kettenbrücke, claims", True)
    assert check.detail == "The newest day is 2025-07-20; 0 reports wait for a person."
    channel.clock.advance(days=7)
    assert [one.ok for one in health.standing(channel.system)] == [False]
    channel.youtube.granted = False
    channel.youtube.revoke_tokens()
    channel.sync()
    (check,) = health.standing(channel.system)
    assert (check.ok, check.fix) == (False, "Run `recoup rights authorise`.")


def test_a_report_that_nobody_fetched_and_that_lapses_soon(channel: Channel) -> None:
    channel.publish(DAY, b"<html>an error page</html>", dress="plain")
    channel.sync()
    assert [one.ok for one in health.standing(channel.system)] == [None]
    channel.clock.advance(days=55)
    (check,) = health.standing(channel.system)
    assert (check.ok, check.fix) == (False, "Run `recoup rights download`.")


def test_a_knock_at_youtube(channel: Channel) -> None:
    (probe,) = health.sources(channel.system)
    assert probe.knock().detail == "YouTube lets us in; it has 4 types of reports for us."
    for kind in (CLAIMS, "content_owner_active_claims_a2"):
        channel.youtube.remove_job(kind)
    assert probe.knock().ok is False
    channel.youtube.granted = False
    channel.youtube.revoke_tokens()
    with pytest.raises(NeedsReauthorisation):
        probe.knock()


def test_without_a_content_owner_there_is_nothing_to_knock_at(database: Database, tmp_path: Path) -> None:
    with channel_on(database, tmp_path, YOUTUBE_CONTENT_OWNER_ID="") as channel:
        (probe,) = health.sources(channel.system)
        assert probe.knock().ok is None
        assert channel.sync().state == "failed"

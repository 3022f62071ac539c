"""A content owner of a test: a stand-in for YouTube with reports that a test publishes, and a Recoup that syncs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from recoup.areas.rights.models import Report
from recoup.areas.rights.queries import report_rows
from recoup.core.system import System
from recoup.office.controls import service as house
from recoup.office.controls.rules import Control
from recoup.office.jobs import execution
from recoup.office.jobs import service as jobs
from recoup.office.jobs.models import Run
from recoup.sandbox.claim_reports import ASSET_COLUMNS, CLAIM_COLUMNS, MUSIC_ASSET_COLUMNS, csv_of
from recoup.sandbox.youtube import YouTubeStandIn
from recoup.sandbox.youtube_reports import ASSETS, CLAIMS, OWNER, Job
from support.house import MovableClock, ScriptedChannel, opened
from support.postgres import Database

DAY = date(2025, 7, 20)

Claims = Mapping[str, Mapping[str, str]]
"""Claims by their id: the cells that matter to a test; the others are usual."""

USUAL = {
    "claim_status": "ACTIVE",
    "claim_status_detail": "NONE",
    "claim_origin": "AUDIO_MATCH",
    "claim_type": "AUDIO",
    "asset_id": "A1",
    "video_id": "V1",
    "video_title": "Live in Köln",
    "views": "100",
    "longest_match": "60",
    "matching_duration": "60",
    "claim_policy_monetize": "WW",
    "claim_created_date": "2025-07-01",
}


def report_of(claims: Claims, **dressing: Any) -> bytes:
    """Write a claims report."""
    rows = [
        [{**USUAL, **cells, "claim_id": key}.get(name, "") for name in CLAIM_COLUMNS]
        for key, cells in claims.items()
    ]
    return csv_of(CLAIM_COLUMNS, rows, **dressing)


USUAL_ASSET = {
    "approx_daily_views": "10",
    "asset_type": "SOUND_RECORDING",
    "status": "ACTIVE",
    "artist": "Ada & the Engines",
    "asset_title": "Live in Köln",
    "episode_title": "Live in Köln",
    "match_policy": "monetize",
    "active_claims": "1",
}


def claim_rows(*rows: Mapping[str, str], **dressing: Any) -> bytes:
    """Write a claims report of rows, ``claim_id`` among their cells."""
    cells = [[{**USUAL, **row}.get(name, "") for name in CLAIM_COLUMNS] for row in rows]
    return csv_of(CLAIM_COLUMNS, cells, **dressing)


def asset_rows(*rows: Mapping[str, str], music: bool = True, **dressing: Any) -> bytes:
    """Write an asset report of rows, ``asset_id`` among their cells."""
    columns = MUSIC_ASSET_COLUMNS if music else ASSET_COLUMNS
    return csv_of(
        columns, [[{**USUAL_ASSET, **row}.get(name, "") for name in columns] for row in rows], **dressing
    )


def made_at(day: date, *, hours: float = 62) -> datetime:
    """Return when a day's report is usually made."""
    return datetime.combine(day, time(7), UTC) + timedelta(hours=hours)


class Channel:
    """A Recoup with one content owner, and the stand-in that it asks."""

    def __init__(self, system: System, youtube: YouTubeStandIn, clock: MovableClock) -> None:
        self.system, self.youtube, self.clock = system, youtube, clock

    def publish(self, day: date, claims: Claims | bytes, **how: Any) -> None:
        """Publish a report of a day; the clock goes on to when it was made, if it is not beyond that."""
        body = claims if isinstance(claims, bytes) else report_of(claims)
        created = how.pop("created", made_at(day))
        self.youtube.publish(day, body, created=created, **how)
        self.clock.now = max(self.clock.now, created + timedelta(hours=1))

    def sync(self, **params: Any) -> Run:
        """Run the job here."""
        job = jobs.find(self.system.parts.jobs, "rights.sync")
        return execution.execute_here(self.system, job, params, actor="test")

    def control(self, control: Control[Any], value: Any) -> None:
        """Set, once, what an administrator may set while Recoup runs."""
        with self.system.sessions.begin() as db:
            house.change(db, control, value, actor="test", now=self.clock(), expected_version=0, note="")

    def hurry(self) -> None:
        """Let nobody wait between attempts to reach Google."""
        calls = self.system.ports.reports._source._calls  # type: ignore[union-attr]
        calls._sleep = calls._tokens._sleep = lambda _seconds: None

    def replace_job(self, kind: str = CLAIMS, *, created: datetime | None = None) -> Job:
        """Let a report type have another job, as when YouTube makes one anew: reports of the old one are gone."""
        shelf = self.youtube._shelf
        old = self.youtube.job(kind)
        made = shelf.add_job(old.owner, kind, "", created=created or self.clock(), is_system=True)
        del shelf.jobs[old.id]
        shelf.reports = {key: one for key, one in shelf.reports.items() if one.job.id != old.id}
        return made

    def reports(self, kind: str = "claim") -> Sequence[Report]:
        """Return every report, by day and when it was made."""
        with self.system.sessions.begin() as db:
            series = report_rows.find_series(db, OWNER, kind)
            assert series is not None
            return sorted(report_rows.of_series(db, series.id), key=lambda one: (one.day, one.made_at))

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with self.system.sessions.begin() as db:
            return [tuple(row) for row in db.execute(text(statement), values)]

    def alerts(self) -> list[str]:
        """Return the subjects of the alerts that were planned."""
        return [
            subject
            for (subject,) in self.rows(
                "select subject from messages where template = 'alert' order by delivery_id"
            )
        ]


@contextmanager
def channel_on(
    database: Database,
    home: Path,
    *,
    kinds: str = "claim",
    page_size: int = 50,
    others: Sequence[str] = (),
    **environ: str,
) -> Iterator[Channel]:
    """Yield a channel on a test's database; the stand-in knows ``others`` as content owners, too."""
    clock = MovableClock(datetime.combine(DAY, time(12), UTC))
    with YouTubeStandIn(
        clock=clock, token_life=timedelta(days=400), page_size=page_size, owners=(OWNER, *others)
    ) as youtube:
        token = home / "token.json"
        home.mkdir(parents=True, exist_ok=True)
        token.write_text(json.dumps(youtube.credentials()), encoding="utf-8")
        settings = {
            "YOUTUBE_CONTENT_OWNER_ID": OWNER,
            "YOUTUBE_CREDENTIALS_FILE": str(token),
            "RECOUP_RIGHTS_REPORTING_URL": youtube.url,
            "RECOUP_RIGHTS_PARTNER_URL": youtube.partner_url,
            "RECOUP_RIGHTS_KINDS": kinds,
            "RECOUP_RIGHTS_TITLE": "Kettenbrücke",
            "RECOUP_MAIL_ALERTS": "ops@example.com",
            **environ,
        }
        channels = {name: ScriptedChannel(name, dedupes=False) for name in ("mail", "webhook")}
        with opened(database, home, clock=clock, channels=channels, environ=settings) as system:
            yield Channel(system, youtube, clock)


__all__ = [
    "ASSETS",
    "CLAIMS",
    "DAY",
    "OWNER",
    "USUAL",
    "Channel",
    "Claims",
    "asset_rows",
    "channel_on",
    "claim_rows",
    "made_at",
    "report_of",
]

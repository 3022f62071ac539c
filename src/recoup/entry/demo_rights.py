"""The demo's second act: twelve days of YouTube's reports; one is cut off on its way, one was made without a part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy.orm import Session

from recoup.areas.rights.queries import report_rows
from recoup.areas.rights.rules.layouts import FOLDED
from recoup.core.system import System
from recoup.entry.demo_rights_figures import Snapshot, Which
from recoup.entry.demo_screen import Screen
from recoup.entry.demo_worker import FileClock
from recoup.office.jobs import queries as runs
from recoup.office.jobs import service as jobs
from recoup.office.jobs.models import Run
from recoup.sandbox.claim_reports import CLAIM_COLUMNS, MUSIC_ASSET_COLUMNS, ClaimsWorld, csv_of
from recoup.sandbox.faults import Asked
from recoup.sandbox.youtube import YouTubeStandIn
from recoup.sandbox.youtube_answers import truncated
from recoup.sandbox.youtube_reports import ASSETS, CLAIMS, Dress

JOB = "rights.sync"
TITLE = "Kettenbrücke Musik"
KINDS = {"claim": CLAIMS, "asset": ASSETS}
HOW_MANY, DAYS = 2_000, 12
ONE_DAY = timedelta(days=1)
MADE_AFTER = timedelta(days=2, hours=21)
"""How long after a day's beginning its report is there, usually."""
LATER = timedelta(minutes=5)
SHUFFLED, PLAIN, SHORT, CUT, LAST = 3, 6, 7, 10, 11
"""Which of the days has columns in another order, comes as plain text, is made anew, is cut off, and comes last."""
MISSING = 10
"""Of so many rows one is missing in the report that is made anew."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A report before it is published; ``truth`` is what its owner has: cells that are compared, by claim or asset."""

    kind: str
    day: date
    body: bytes
    truth: Snapshot
    dress: Dress = Dress.GZIP


@dataclass(frozen=True, slots=True)
class RightsPlot:
    """The reports of all days, and the one of a day that is published first, without a part of its claims."""

    sheets: tuple[Sheet, ...]
    short: Sheet
    days: tuple[date, ...]

    @classmethod
    def of(cls, *, seed: int, until: datetime) -> RightsPlot:
        """Make up the days whose reports are there ``until`` then."""
        last = (until - MADE_AFTER).date()
        days = tuple(last - ONE_DAY * ago for ago in reversed(range(DAYS)))
        world = ClaimsWorld(seed, claims=HOW_MANY, day=days[0])
        sheets: list[Sheet] = []
        short: list[Sheet] = []
        for number, day in enumerate(days):
            rows, truth = list(world.claim_rows()), _truth(CLAIM_COLUMNS, world.claim_rows(), "claim_id")
            body = csv_of(CLAIM_COLUMNS, rows, shuffled=seed if number == SHUFFLED else None)
            sheets.append(Sheet("claim", day, body, truth, Dress.PLAIN if number == PLAIN else Dress.GZIP))
            if number == SHORT:
                part = [row for place, row in enumerate(rows) if place % MISSING]
                short.append(Sheet("claim", day, csv_of(CLAIM_COLUMNS, part), truth))
            assets = list(world.asset_rows())
            truth = _truth(MUSIC_ASSET_COLUMNS, assets, "asset_id")
            sheets.append(Sheet("asset", day, csv_of(MUSIC_ASSET_COLUMNS, assets), truth))
            world.pass_a_day()
        return cls(tuple(sheets), short[0], days)

    @property
    def truth(self) -> dict[Which, Snapshot]:
        """Return what the owner has, by kind and day."""
        return {(sheet.kind, sheet.day): sheet.truth for sheet in self.sheets}

    @property
    def told(self) -> list[Which]:
        """Return the snapshots that people are told of: of each run the newest, which is not the one that was cut."""
        claims = [("claim", self.days[CUT - 1]), ("claim", self.days[LAST])]
        return [*claims, ("asset", self.days[CUT]), ("asset", self.days[LAST])]


def _truth(columns: Sequence[str], rows: Iterable[Sequence[str]], key: str) -> Snapshot:
    """Return the cells that are compared; of several rows of one claim or asset the first is the one that counts."""
    told: dict[str, Mapping[str, str]] = {}
    for row in rows:
        cells = dict(zip(columns, row, strict=True))
        told.setdefault(cells[key], {name: cell for name, cell in cells.items() if name not in FOLDED})
    return told


@dataclass(slots=True)
class RightsStory:
    """The act as it goes: ``wait`` before any worker starts, then ``tell`` once."""

    system: System
    clock: FileClock
    youtube: YouTubeStandIn
    screen: Screen
    plot: RightsPlot
    follow: Callable[[Callable[[Session], Run | None]], Run]
    runs: list[Run] = field(default_factory=list)
    published: dict[str, str] = field(default_factory=dict)
    """The sum over the bytes of every report that was published, by YouTube's id."""
    changed_again: tuple[str, ...] = ()
    """What another run changed that had nothing to do."""

    def wait(self) -> None:
        """Let nothing be fetched by schedule: this act begins when the first one is over."""
        job = self.system.parts.jobs[JOB]
        with self.system.sessions.begin() as db:
            jobs.pause(db, job, paused=True, actor="demo", now=self.clock())

    def tell(self) -> None:
        """Fetch what is there while one download breaks; again, with a day that was made anew; and once more."""
        days = self.plot.days
        for sheet in self.plot.sheets:
            if sheet.day != days[LAST]:
                first = self.plot.short if (sheet.kind, sheet.day) == ("claim", days[SHORT]) else sheet
                self._publish(first, created=_made_at(sheet.day), is_cut=first.day == days[CUT])
        self.screen.doing("Fetching reports")
        self.screen.say(
            f"{TITLE} has {HOW_MANY:,} claims on YouTube, and reports of {LAST} days are there. The download of the "
            "newest will break off in the middle."
        )
        self._sync()
        self.screen.say(
            f"YouTube makes the report of {days[SHORT]:%a %d %b} anew: one in {MISSING} claims was missing. The one of "
            f"{days[LAST]:%a %d %b} is there, too."
        )
        for sheet in self.plot.sheets:
            if sheet.day == days[LAST] or (sheet.kind, sheet.day) == ("claim", days[SHORT]):
                self._publish(sheet, created=self.clock())
        self._sync()
        before = list(self._standing())
        self._sync()
        self.changed_again = tuple(line for line in self._standing() if line not in before)

    def _publish(self, sheet: Sheet, *, created: datetime, is_cut: bool = False) -> None:
        made = self.youtube.publish(
            sheet.day, sheet.body, kind=KINDS[sheet.kind], created=created, dress=sheet.dress
        )
        self.published[made.id] = hashlib.sha256(made.dressed()[0]).hexdigest()
        if is_cut and sheet.kind == "claim":
            self.youtube.script(truncated(), when=_fetches(made.id))

    def _sync(self) -> None:
        """Run the job as a person would, and show what came of it."""
        now = self.clock() + LATER
        self.clock.set(now)
        with self.system.sessions.begin() as db:
            run_id = jobs.start(
                db, self.system.parts.jobs[JOB], {}, trigger="person", actor="demo", now=now
            ).id
        run = self.follow(lambda db: runs.run(db, run_id))
        self.runs.append(run)
        self.screen.say(f"{now:%a %d %b %H:%M} UTC  {run.summary}")

    def _standing(self) -> Iterator[str]:
        """Yield a line for each report that says all that a run could change."""
        with self.system.sessions.begin() as db:
            for series in report_rows.all_series(db):
                for one in report_rows.of_series(db, series.id):
                    counts = f"{one.added} added, {one.gone} gone, {one.changed} changed"
                    yield (
                        f"{series.kind}s of {one.day} ({one.report_id}): {one.state} {one.taken_at}, {counts}, "
                        f"told {one.told_at}"
                    )


def _made_at(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + MADE_AFTER


def _fetches(report_id: str) -> Callable[[Asked], bool]:
    return lambda asked: asked.path.startswith("/v1/media/") and asked.path.endswith(f"/{report_id}")

"""What the stand-in for YouTube holds: jobs of content owners, and the reports that were made for them."""

from __future__ import annotations

import gzip
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

OWNER = "J8g7R47ksUHF78DMrbZXYw"
CLAIMS, ASSETS = "content_owner_active_claims_a3", "content_owner_asset_a3"
SYSTEM_TYPES = (CLAIMS, "content_owner_active_claims_a2", ASSETS, "content_owner_asset_conflict_a3")
ORDINARY_TYPES = ("content_owner_asset_basic_a3",)
"""Types that anybody may make a job for; none of them counts claims."""
PACIFIC = ZoneInfo("America/Los_Angeles")
KEPT, HISTORICAL_KEPT = timedelta(days=60), timedelta(days=30)


class Dress(StrEnum):
    """How a report's bytes travel; headers and bytes need not agree."""

    GZIP = "gzip"
    """A gzip file."""
    PLAIN = "plain"
    TRANSPORT = "transport"
    """Plain CSV, packed on its way, as Content-Encoding says."""
    BOTH = "both"
    """A gzip file, packed once more on its way."""


@dataclass(frozen=True, slots=True)
class Job:
    """A reporting job of a content owner."""

    id: str
    owner: str
    type: str
    name: str
    created: datetime
    is_system: bool


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of a report, and when; a historical one is of a day before its job was there."""

    at: datetime
    body: bytes
    dress: Dress = Dress.GZIP
    is_historical: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a day, which begins at midnight in California."""

    id: str
    job: Job
    start: datetime
    end: datetime
    made: Made

    def is_kept(self, now: datetime) -> bool:
        """Say whether it can still be had."""
        return now < self.made.at + (HISTORICAL_KEPT if self.made.is_historical else KEPT)

    def dressed(self) -> tuple[bytes, Mapping[str, str]]:
        """Return the bytes as they travel, and the headers that go with them."""
        body, headers = self.made.body, {"Content-Type": "text/csv"}
        if self.made.dress in {Dress.GZIP, Dress.BOTH}:
            body, headers = gzip.compress(body, mtime=0), {"Content-Type": "application/x-gzip"}
        if self.made.dress in {Dress.TRANSPORT, Dress.BOTH}:
            body, headers = gzip.compress(body, mtime=0), {**headers, "Content-Encoding": "gzip"}
        return body, headers


class Shelf:
    """The jobs and reports of all content owners. The caller holds a lock around every call."""

    def __init__(self, owners: Sequence[str], *, born: datetime) -> None:
        self.jobs: dict[str, Job] = {}
        self.reports: dict[str, Report] = {}
        self._made = itertools.count(1_001)
        for owner in owners:
            for kind in SYSTEM_TYPES:
                self.add_job(owner, kind, "", created=born, is_system=True)

    def add_job(self, owner: str, kind: str, name: str, *, created: datetime, is_system: bool) -> Job:
        """Add a job of a report type."""
        known = hashlib.sha256(f"{owner} {kind} {len(self.jobs)}".encode()).hexdigest()
        parts = (known[:8], known[8:12], known[12:16], known[16:20], known[20:32])
        job = Job("-".join(parts), owner, kind, name, created, is_system)
        self.jobs[job.id] = job
        return job

    def job(self, owner: str, kind: str) -> Job:
        """Return the first job of a report type."""
        return next(job for job in self.jobs.values() if (job.owner, job.type) == (owner, kind))

    def jobs_of(self, owner: str, *, with_system: bool) -> list[Job]:
        """Return an owner's jobs; those that the system manages only when they are asked for."""
        mine = [job for job in self.jobs.values() if job.owner == owner]
        return [job for job in mine if with_system or not job.is_system]

    def put(self, job: Job, day: date, made: Made) -> Report:
        """Add a report of a day; a second one of the same day is a backfill."""
        start, end = (
            datetime.combine(one, time(), PACIFIC).astimezone(UTC) for one in (day, day + timedelta(days=1))
        )
        report = Report(str(next(self._made)), job, start, end, made)
        self.reports[report.id] = report
        return report

    def report(self, report_id: str, *, now: datetime, job: Job | None = None) -> Report | None:
        """Return a report that can still be had, of a job or of any."""
        report = self.reports.get(report_id)
        if report is None or not report.is_kept(now) or (job is not None and report.job.id != job.id):
            return None
        return report

    def listed(self, job: Job, bounds: Mapping[str, datetime], *, now: datetime) -> list[Report]:
        """Return the reports of a job: ``createdAfter`` is strict, ``startTimeAtOrAfter`` is not."""
        first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        return [
            report
            for report in self.reports.values()
            if report.job.id == job.id
            and report.is_kept(now)
            and bounds.get("createdAfter", first) < report.made.at <= now
            and bounds.get("startTimeAtOrAfter", first) <= report.start < bounds.get("startTimeBefore", last)
        ]

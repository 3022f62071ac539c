"""Collect: ask for new reports of every content owner, fetch them whole, and keep them as they came."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

from sqlalchemy.orm import Session

from recoup.areas.rights.models import Report, ReportState, Series
from recoup.areas.rights.queries import report_rows
from recoup.areas.rights.reading.unpacking import BrokenFile, unpack
from recoup.areas.rights.rules.layouts import LAYOUTS
from recoup.areas.rights.service import reports
from recoup.areas.rights.settings import OwnerSettings, RightsSettings
from recoup.core.errors import (
    Conflict,
    Invalid,
    Misconfigured,
    NeedsReauthorisation,
    NotFound,
    RecoupError,
    Unavailable,
)
from recoup.core.parts import RunningRun
from recoup.core.ports import ReportFile, ReportJob

MEGABYTE = 1_000_000
NO_OWNER = Misconfigured(
    "No content owner is set up.",
    fix="Set YOUTUBE_CONTENT_OWNER_ID (rights.owner) and run `recoup rights authorise`.",
)
MOST_IN_VAIN = 2
"""Reports in a row that could not be had: one alone may be at fault, and must not stand before all others."""


@dataclass
class Collected:
    """What collecting one owner's reports of one kind came to."""

    owner: str
    kind: str
    found: int = 0
    kept: int = 0
    problem: str = ""


class Collecting:
    """Collects for one run into a folder of its own."""

    def __init__(self, run: RunningRun, settings: RightsSettings, work: Path) -> None:
        if run.system.ports.reports is None:
            raise NO_OWNER
        self._run, self._settings, self._work = run, settings, work
        self._system, self._source = run.system, run.system.ports.reports

    def all(self, *, owner: str | None = None, made_after: datetime | None = None) -> list[Collected]:
        """Collect everything that was made after an instant, or since the last list; one problem stops no other."""
        now = self._system.clock()
        with self._run.transaction() as db:
            mine = reports.series_for(db, self._settings, now=now)
            for report in reports.lapse(db, now=now):
                self._lapsed(db, report)
        chosen = [(settings, series) for settings, series in mine if owner in {None, series.owner}]
        if not chosen:
            known = ", ".join(sorted({series.owner for _, series in mine})) or "none"
            raise NotFound(f"There is no content owner {owner}.", fix=f"There are: {known}.")
        done = []
        for settings, some in groupby(chosen, key=lambda pair: pair[0]):
            done += self._owner(settings, [series for _, series in some], made_after)
        return done

    def _owner(
        self, owner: OwnerSettings, mine: Sequence[Series], made_after: datetime | None
    ) -> list[Collected]:
        results = [Collected(owner.id, series.kind) for series in mine]
        try:
            jobs = self._source.jobs(owner.id)
            for series, result in zip(mine, results, strict=True):
                try:
                    self._list(series, jobs, result, made_after)
                    self._fetch_all(series, result)
                except NotFound as error:  # the job went while we looked; the other kind's may still be there
                    self._run.log(f"{owner.title}: {error.sentence()}", level="warning")
                    result.problem = error.sentence()
            with self._run.transaction() as db:
                reports.is_authorised(db, owner.id, now=self._system.clock())
        except NeedsReauthorisation as error:
            self._needs_reauth(owner, error)
            for result in results:
                result.problem = result.problem or error.sentence()
        except (Unavailable, Misconfigured, NotFound) as error:
            self._run.log(f"{owner.title}: {error.sentence()}", level="warning")
            for result in results:
                result.problem = result.problem or error.sentence()
        return results

    def _list(
        self, series: Series, jobs: Sequence[ReportJob], result: Collected, made_after: datetime | None
    ) -> None:
        self._run.checkpoint()
        layout = LAYOUTS[series.kind]
        job = next((job for kind in layout.types for job in jobs if job.report_type == kind), None)
        if job is None:
            result.problem = (
                f"{series.title} has no job of the type {layout.types[0]}; it has "
                f"{', '.join(sorted({job.report_type for job in jobs})) or 'none'}."
            )
            self._run.log(result.problem, level="warning")
            return
        since = made_after or (series.listed_to if series.job_id in {None, job.id} else None)
        listed = self._source.reports(series.owner, job.id, made_after=since)
        with self._run.transaction() as db:
            held = report_rows.series_of(db, series.id, for_update=True)
            fresh = reports.note_found(db, held, job, listed, made_after=since, now=self._system.clock())
        result.found = len(fresh)
        self._run.count("found", len(fresh))
        news = f"{len(fresh)} new" if fresh else "nothing new"
        self._run.log(f"{series.title}: {len(listed)} reports of {layout.noun} listed, {news}.")

    def _fetch_all(self, series: Series, result: Collected) -> None:
        with self._system.sessions.begin() as db:
            wanted = report_rows.to_fetch(db, series.id, now=self._system.clock())
        in_vain = 0
        for number, report in enumerate(wanted, start=1):
            self._run.checkpoint()
            label = f"{series.title}, {LAYOUTS[series.kind].noun} of {report.day} ({number} of {len(wanted)})"
            try:
                self.fetch(series, report, label)
            except BrokenFile as error:
                self._failed(report, error, result, for_good=False)
            except Invalid as error:
                self._failed(report, error, result, for_good=True)
            except Conflict:
                continue  # another run kept it
            except NotFound as error:
                self._failed(report, error, result, for_good=False)
            except Unavailable as error:
                self._failed(report, error, result, for_good=False, counts=False)
                in_vain += 1
                if error.retry_after is not None or in_vain == MOST_IN_VAIN:
                    raise  # whoever cannot be reached now is not asked for the rest
            else:
                in_vain = 0
                result.kept += 1
                self._run.count("kept")

    def fetch(self, series: Series, report: Report, label: str) -> None:
        """Fetch one report, look at all of it, and keep it; a ``.part`` is never read by anybody else."""
        part = reports.packed_path(self._work, report).with_suffix(".part")
        done = 0
        with self._source.body(series.owner, _asked(report)) as body, part.open("wb") as file:
            for portion in body:
                file.write(portion)
                done += len(portion)
                self._run.progress(done // MEGABYTE, None, f"{label}, MB")
                self._run.checkpoint()
            file.flush()
            os.fsync(file.fileno())
        packed = part.replace(reports.packed_path(self._work, report))
        plain = unpack(
            packed, reports.plain_path(self._work, report), LAYOUTS[series.kind], name=told_as(report)
        )
        with packed.open("rb") as whole, self._run.transaction() as db:
            reports.keep(
                db,
                self._system.ports.files,
                report,
                whole,
                columns=plain.columns,
                actor=self._system.worker,
                now=self._system.clock(),
            )
        packed.unlink()
        plain.path.unlink()
        self._run.log(f"{label}: {plain.size:,} bytes, {plain.lines - 1:,} lines.")

    def _failed(
        self, report: Report, error: RecoupError, result: Collected, *, for_good: bool, counts: bool = True
    ) -> None:
        now = self._system.clock()
        with self._run.transaction() as db:
            state = reports.failed(db, report.id, error.sentence(), now=now, for_good=for_good, counts=counts)
            again = state == ReportState.FOUND
            result.problem = f"{error.detail} The next run asks for it again." if again else error.sentence()
            self._run.log(result.problem, level="warning")
            if state == ReportState.REJECTED:
                self._system.alert(
                    db,
                    key=f"rights.rejected:{report.id}",
                    title=f"The report of {report.day} cannot be used",
                    text=f"{error.sentence()}\nWhat was known before stands.",
                    now=now,
                )

    def _lapsed(self, db: Session, report: Report) -> None:
        text = (
            f"{told_as(report)} could be had from YouTube until {report.lapses_at:%Y-%m-%d %H:%M} UTC, and was not "
            "fetched before."
        )
        self._run.log(text, level="warning")
        self._system.alert(
            db,
            key=f"rights.lapsed:{report.id}",
            title=f"The report of {report.day} is lost",
            text=text,
            now=self._system.clock(),
        )

    def _needs_reauth(self, owner: OwnerSettings, error: NeedsReauthorisation) -> None:
        self._run.log(error.sentence(), level="error")
        now = self._system.clock()
        with self._run.transaction() as db:
            if reports.needs_reauth(db, owner.id, error.detail, now=now):
                self._system.alert(
                    db,
                    key=f"rights.reauth:{owner.id}",
                    title=f"Somebody has to sign in again for {owner.title}",
                    text=f"{error.sentence()}\nUntil then no new reports come in.",
                    now=now,
                )


def told_as(report: Report) -> str:
    """Return what a sentence that begins with a report's file calls it."""
    return f"Report {report.report_id} of {report.day}"


def _asked(report: Report) -> ReportFile:
    return ReportFile(
        id=report.report_id,
        job_id=report.job_id,
        starts_at=report.starts_at,
        ends_at=report.ends_at,
        made_at=report.made_at,
        address=report.address,
    )

"""Process: take kept reports into the history, each compared with the snapshot of the day before it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.rights import controls
from recoup.areas.rights.jobs.collect import told_as
from recoup.areas.rights.jobs.work import drop_fingerprints, fingerprints, keep_fingerprints_of
from recoup.areas.rights.models import Report, ReportState, Series
from recoup.areas.rights.queries import prices, report_rows
from recoup.areas.rights.reading.comparing import Found, compared, fingerprints_path
from recoup.areas.rights.reading.engine import Bounds
from recoup.areas.rights.reading.terms import Kept, Terms, Told
from recoup.areas.rights.reading.unpacking import Plain, unpack
from recoup.areas.rights.rules.layouts import LAYOUTS
from recoup.areas.rights.service import reports, rewinding, snapshots, things
from recoup.areas.rights.settings import RightsSettings
from recoup.core.errors import Conflict, Invalid, NotFound, Unavailable
from recoup.core.parts import RunningRun
from recoup.office.controls import service as house
from recoup.office.files import service as files

TRIES = 3


@dataclass
class Processed:
    """What processing one series came to: the snapshots that were taken, and what stands in the way of others."""

    series: Series
    taken: list[Report] = field(default_factory=list)
    parked: int = 0
    problem: str = ""


class _TooFew(Exception):
    """A report has far fewer things than the one before it."""

    def __init__(self, report: Report, found: Found, reason: str) -> None:
        super().__init__(reason)
        self.report, self.reason = report, reason
        self.rows, self.things = found.rows, found.things


class Processing:
    """Processes for one run, in a folder of its own."""

    def __init__(self, run: RunningRun, settings: RightsSettings, work: Path) -> None:
        self._run, self._system, self._work = run, run.system, work
        with self._system.sessions.begin() as db:
            folded: list[str] = house.value(db, controls.FOLDED)
            self._terms = Terms(folded=tuple(folded), digits=house.value(db, controls.COUNTER_DIGITS))
            self._fewest = house.value(db, controls.FEWEST_PERCENT)
            self._price = prices.price(db)
        self._bounds = Bounds(memory=settings.memory_mb, threads=self._system.settings.process.readers)

    def all(self, *, owner: str | None = None) -> list[Processed]:
        """Take everything that was kept, series by series, the earliest day first."""
        with self._system.sessions.begin() as db:
            mine = [one for one in report_rows.all_series(db) if owner in {None, one.owner}]
        done = [self._series(series) for series in mine]
        with self._system.sessions.begin() as db:
            heads = [report_rows.head(db, series.id) for series in report_rows.all_series(db)]
        keep_fingerprints_of(self._system, [head.id for head in heads if head])
        return done

    def _series(self, series: Series) -> Processed:
        done = Processed(series)
        lost: Counter[UUID] = Counter()
        while True:
            self._run.checkpoint()
            with self._run.transaction() as db:
                report = report_rows.to_take(db, series.id)
                head = report_rows.head(db, series.id)
            if report is None:
                return done
            noun = LAYOUTS[series.kind].noun
            self._run.progress(len(done.taken), None, f"{series.title}, {noun} of {report.day}")
            try:
                if head is None or report.day > head.day:
                    self._append(series, report, head, done)
                else:
                    self._rewrite(series, report, done)
            except _TooFew as few:
                self._park(report, few, done)
            except (Invalid, NotFound) as error:  # NotFound: its bytes, or those of a day after it, are gone
                self._turn_away(report, error)
                done.problem = error.sentence()
            except Conflict:
                lost[report.id] += 1
                if lost[report.id] == TRIES:
                    raise
            except (
                Unavailable
            ) as error:  # the store, or room for the comparison: other series may have better luck
                self._run.log(error.sentence(), level="warning")
                done.problem = error.sentence()
                return done

    def _append(self, series: Series, report: Report, head: Report | None, done: Processed) -> None:
        with self._unpacked(series, report) as plain:
            before = self._before(series, head, plain)
            with self._compared(series, report, plain, before) as found:
                self._refuse_too_few(report, found, head)
                with self._run.transaction(late=True) as db:
                    series, report = snapshots.held(
                        db, series.id, report.id, head_id=head.id if head else None
                    )
                    snapshots.supersede_same_day(db, series, report)
                    self._take(db, series, report, found, head)
                self._keep_fingerprints(report, found)
        if head is not None:
            drop_fingerprints(self._system, head.id)
        self._told(series, report, done)

    def _rewrite(self, series: Series, report: Report, done: Processed) -> None:
        """Write a day anew that later days were compared with already, and those days after it.

        All of it is one transaction: nobody sees the history without its later days.
        """
        with self._run.transaction(late=True) as db:
            head = report_rows.head(db, series.id)
            series, report = snapshots.held(db, series.id, report.id, head_id=head.id if head else None)
            same_or_later = report_rows.taken_since(db, series.id, report.day)
            if any(one.day == report.day and one.made_at > report.made_at for one in same_or_later):
                report.state, report.reason = ReportState.SUPERSEDED, "A later report of its day was taken."
                return
            later = [one for one in same_or_later if one.day > report.day]
            snapshots.supersede_same_day(db, series, report)
            db.flush()
            rewinding.unwrite(db, series, day=report.day, terms=self._terms)
            before = report_rows.head(db, series.id, before=report.day)
            if before is not None:
                self._refresh(db, series, before)
            for one in (report, *later):
                before = self._again(db, series, one, before)
            snapshots.stand_again(db, series, price=self._price, now=self._system.clock())
        for one in (report, *later):
            drop_fingerprints(self._system, one.id)
        if later:
            self._run.log(f"{len(later)} later days were compared anew.")
        self._told(series, report, done)

    def _again(self, db: Session, series: Series, report: Report, before: Report | None) -> Report:
        self._run.checkpoint()
        told = None if before is None else rewinding.tell(db, series, self._work / "before.csv")
        with (
            self._unpacked(series, report) as plain,
            self._compared(series, report, plain, told) as found,
        ):
            self._refuse_too_few(report, found, before)
            self._take(db, series, report, found, before)
        return report

    def _refresh(self, db: Session, series: Series, report: Report) -> None:
        """Set counters back to what they were in a snapshot; where its bytes are gone, they stay as they are."""
        told = rewinding.tell(db, series, self._work / "before.csv")
        try:
            with (
                self._unpacked(series, report) as plain,
                self._compared(series, report, plain, told) as found,
            ):
                things.move_counters(db, series, found)
        except NotFound:
            self._run.log(f"{told_as(report)}: its bytes are gone: views stay as they are.", level="warning")

    def _take(self, db: Session, series: Series, report: Report, found: Found, before: Report | None) -> None:
        now = self._system.clock()
        snapshots.take(
            db, series, report, found, before=before, terms=self._terms, price=self._price, now=now
        )

    def _before(self, series: Series, head: Report | None, plain: Plain) -> Kept | Told | None:
        if head is None:
            return None
        if layouts_alike(head.columns, plain.columns):
            path = fingerprints_path(fingerprints(self._system), str(head.id), head.columns, self._terms)
            if path.exists():
                return Kept(path)
        with self._system.sessions.begin() as db:
            return rewinding.tell(db, series, self._work / "before.csv")

    @contextmanager
    def _compared(
        self, series: Series, report: Report, plain: Plain, before: Kept | Told | None
    ) -> Iterator[Found]:
        with compared(
            plain,
            LAYOUTS[series.kind],
            before,
            terms=self._terms,
            work=self._work,
            bounds=self._bounds,
            name_told=told_as(report),
        ) as found:
            yield found

    @contextmanager
    def _unpacked(self, series: Series, report: Report) -> Iterator[Plain]:
        """Yield a kept report as plain text; raise NotFound when its bytes were removed."""
        packed, plain = reports.packed_path(self._work, report), reports.plain_path(self._work, report)
        if report.file_id is None:
            raise NotFound(f"{told_as(report)}: its bytes are gone.")
        with self._system.sessions.begin() as db:
            file = files.get(db, report.file_id)
        with files.open_file(self._system.ports.files, file) as body, packed.open("wb") as target:
            shutil.copyfileobj(body, target, 1 << 20)
        try:
            yield unpack(packed, plain, LAYOUTS[series.kind], name=told_as(report))
        finally:
            packed.unlink(missing_ok=True)
            plain.unlink(missing_ok=True)

    def _keep_fingerprints(self, report: Report, found: Found) -> None:
        folder = fingerprints(self._system)
        found.keep_fingerprints(fingerprints_path(folder, str(report.id), found.columns, self._terms))

    def _refuse_too_few(self, report: Report, found: Found, before: Report | None) -> None:
        if before is None or report.is_forced or found.things * 100 >= before.things * self._fewest:
            return
        raise _TooFew(
            report,
            found,
            f"{told_as(report)} has {found.things:,} of {before.things:,}: fewer than {self._fewest} in a "
            "hundred, as if a part were missing.",
        )

    def _park(self, report: Report, few: _TooFew, done: Processed) -> None:
        reason, is_own = few.reason, few.report.id == report.id
        done.parked, done.problem = done.parked + 1, reason
        self._run.log(reason, level="warning")
        now = self._system.clock()
        with self._run.transaction() as db:
            # Written anew, a day after it may be the one that has too few: then nothing is said of this one's own.
            rows, things = (few.rows, few.things) if is_own else (0, 0)
            reports.park(db, report.id, reason, rows=rows, things=things, now=now)
            self._system.alert(
                db,
                key=f"rights.parked:{report.id}",
                title=f"The report of {report.day} waits for you",
                text=f"{reason}\nTake it or turn it away at Rights, Reports; until then the snapshot before stands.",
                now=now,
            )

    def _turn_away(self, report: Report, error: Invalid | NotFound) -> None:
        self._run.log(error.sentence(), level="warning")
        now = self._system.clock()
        with self._run.transaction() as db:
            reports.failed(db, report.id, error.sentence(), now=now, for_good=True)
            self._system.alert(
                db,
                key=f"rights.rejected:{report.id}",
                title=f"The report of {report.day} cannot be used",
                text=f"{error.sentence()}\nWhat was known before stands.",
                now=now,
            )

    def _told(self, series: Series, report: Report, done: Processed) -> None:
        done.taken.append(report)
        self._run.count("snapshots")
        for name in ("added", "gone", "changed"):
            self._run.count(name, getattr(report, name))
        what = (
            f"baseline of {report.things:,}"
            if report.is_baseline
            else f"{report.added:,} added, {report.gone:,} gone, {report.changed:,} changed, of {report.things:,}"
        )
        self._run.log(f"{series.title}, {LAYOUTS[series.kind].noun} of {report.day}: {what}.")


def layouts_alike(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Say whether two reports have the same columns, in whatever order."""
    return sorted(ours) == sorted(theirs)

"""Claims that were decided elsewhere, loaded as a run that says how far it is."""

from __future__ import annotations

import csv
import functools
import io
import itertools
import tempfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import BinaryIO, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from recoup.areas.claims import controls
from recoup.areas.claims.queries import past_rows
from recoup.areas.claims.rules import columns
from recoup.areas.claims.rules.nfip import NFIP
from recoup.areas.claims.rules.past import OWN, Layout, PastClaim
from recoup.areas.claims.service import past
from recoup.areas.claims.service.past import Loaded
from recoup.areas.claims.sheets import text
from recoup.core.errors import Invalid, TooLarge
from recoup.core.money import Money
from recoup.core.parts import Job, Outcome, RunningRun
from recoup.office.controls import service as house
from recoup.office.desk.rules import defused
from recoup.office.files import service as files

LAYOUTS = {one.name: one for one in (NFIP, OWN)}
MAY = "claims.import"
TOLD_EVERY = 2_000
MOST_LOGGED = 20
MOST_SHOWN = 100
PREVIEW = "preview.json"
"""The first claims and lines of a file that was looked at, for the page that asks whether to load it."""
LayoutName = Literal["nfip", "recoup"]
PORTION = 1 << 20
AS_CSV = "Save it as CSV (UTF-8)."


class PastParams(BaseModel):
    """Parameters of the job."""

    model_config = ConfigDict(extra="forbid")

    file: UUID = Field(description="the stored file with the claims")
    layout: LayoutName = Field(description="which columns it has")
    dry_run: bool = Field(default=False, description="say what would be loaded, and load nothing")


class SeenClaim(BaseModel):
    """A claim that would be loaded. Amounts are minor units of ``currency``; ``outcome`` is new or changed."""

    line: int
    outcome: str
    claim_type: str
    incident_date: date
    decided_at: datetime
    status: str
    currency: str
    claim_minor: int
    approved_minor: int | None
    policy_number: str


class SeenLine(BaseModel):
    """A line that is not taken, and why."""

    line: int
    reason: str


class Seen(BaseModel):
    """What a dry run saw: the first ``MOST_SHOWN`` claims that would be loaded, and lines that would not."""

    name: str
    claims: list[SeenClaim]
    rejected: list[SeenLine]


def run_job(run: RunningRun, params: PastParams) -> Outcome:
    """Load a file as the job ``claims.history``: all of its claims or none; lines that are none are set aside."""
    system, layout = run.system, LAYOUTS[params.layout]
    with system.sessions.begin() as db:
        file = files.get(db, params.file)
        currency = house.value(db, controls.CURRENCY)
    with (
        tempfile.TemporaryFile(dir=_folder(run)) as aside,
        files.open_file(system.ports.files, file) as body,
    ):
        reading = _Reading(run, layout, body, aside, currency=currency)
        try:
            loaded, coming = _load(run, reading, name=file.name, is_dry=params.dry_run)
        finally:
            reading.leave_aside()
        if params.dry_run:
            seen = Seen(name=file.name, claims=coming, rejected=reading.first_rejected)
            run.artifact(PREVIEW, seen.model_dump_json().encode(), media_type="application/json", may=MAY)
        if reading.rejected:
            run.artifact("rejected.csv", aside, media_type="text/csv", may=MAY)
    for name, count in (("loaded", loaded.new), ("changed", loaded.changed), ("there already", loaded.same)):
        run.count(name, count)
    run.count("rejected", reading.rejected)
    return Outcome(_said(reading, loaded, is_dry=params.dry_run))


def _load(run: RunningRun, reading: _Reading, *, name: str, is_dry: bool) -> tuple[Loaded, list[SeenClaim]]:
    """Load it all in one transaction; of a dry run nothing stays but the first claims that would be loaded."""
    actor, now = f"run:{run.id}", run.system.clock()
    with run.transaction(late=True) as db:
        kept = db.begin_nested()
        loaded = past.load(db, reading.claims(), actor=actor, now=now)
        if is_dry:
            rows = past_rows.first_coming(db, limit=MOST_SHOWN)
            coming = [SeenClaim.model_validate(row, from_attributes=True) for row in rows]
            kept.rollback()
            return loaded, coming
        kept.commit()
        past.record(
            db,
            loaded,
            subject=f"claims/history/{run.id}",
            name=name,
            layout=reading.layout.name,
            rejected=reading.rejected,
            actor=actor,
            now=now,
        )
        return loaded, []


class _Reading:
    """One file, read once: claims are handed on, lines that are none are written aside with the reason."""

    def __init__(
        self, run: RunningRun, layout: Layout, body: BinaryIO, aside: BinaryIO, *, currency: str
    ) -> None:
        self.layout = layout
        self._run, self._body, self._currency = run, body, currency
        self._text = io.TextIOWrapper(aside, encoding="utf-8-sig", newline="", write_through=True)
        self._aside = csv.writer(self._text, lineterminator="\r\n")
        self.rows = self.rejected = 0
        self.first_rejected: list[SeenLine] = []

    def claims(self) -> Iterator[PastClaim]:
        """Yield every claim; raise Invalid where the file is none of this layout."""
        every = _decoded(self._body)
        first = next(every, "")
        known = functools.partial(columns.known_in, self.layout.columns)
        delimiter = text.between_cells(lambda: [first], known)
        lines = text.records(itertools.chain((first,), every), delimiter=delimiter)
        _, header = next(lines, (0, []))
        place = columns.resolve(self.layout.columns, header)
        self._aside.writerow(["line", "reason", *map(defused, header)])
        seen: dict[str, int] = {}
        for line, cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            self.rows += 1
            if self.rows % TOLD_EVERY == 0:
                self._run.checkpoint()
                self._run.progress(self.rows, label="lines read")
            if problem := columns.fits(place, cells):
                self._reject(line, cells, problem)
                continue
            try:
                claim = self.layout.claim(line, cells, place, currency=self._currency)
            except Invalid as error:
                self._reject(line, cells, error.sentence())
                continue
            if (earlier := seen.setdefault(claim.source, line)) != line:
                self._reject(line, cells, f"Line {earlier} has the same claim.")
            else:
                yield claim
        self._run.progress(self.rows, self.rows, label="lines read")

    def leave_aside(self) -> None:
        """Let go of the file of lines that are none, so that it can be read from its beginning."""
        self._text.detach().seek(0)

    def _reject(self, line: int, cells: list[str], reason: str) -> None:
        self.rejected += 1
        self._aside.writerow([line, reason, *map(defused, cells)])
        if len(self.first_rejected) < MOST_SHOWN:
            self.first_rejected.append(SeenLine(line=line, reason=reason))
        if self.rejected <= MOST_LOGGED:
            self._run.log(f"Line {line} is not taken: {reason}", level="warning")


def _decoded(body: BinaryIO) -> Iterator[str]:
    """Yield the lines of a file in UTF-8, however long it is; raise Invalid where it is none."""
    lines = io.BufferedReader(_Raw(body), PORTION)
    for number in itertools.count(1):
        line = lines.readline(text.LONGEST_RECORD + 1)
        if not line:
            return
        if len(line) > text.LONGEST_RECORD:
            raise TooLarge(f"Line {number} is longer than {text.LONGEST_RECORD:,} bytes.", fix=AS_CSV)
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise Invalid(f"Line {number} is not UTF-8.", fix=AS_CSV) from None


class _Raw(io.RawIOBase):
    """A stored file as Python reads lines from it; closing it is the store's affair."""

    def __init__(self, body: BinaryIO) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        portion = self._body.read(len(buffer))
        buffer[: len(portion)] = portion
        return len(portion)


def _folder(run: RunningRun) -> str:
    folder = run.system.home / "claims" / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def _said(reading: _Reading, loaded: Loaded, *, is_dry: bool) -> str:
    does = "would be loaded" if is_dry else "loaded"
    counts = f"{loaded.new:,} {does}, {loaded.changed:,} changed, {loaded.same:,} there already"
    parts = [f"{reading.rows:,} lines: {counts}, {reading.rejected:,} rejected."]
    for currency, sums in sorted(loaded.sums.items()):
        claimed, approved = Money(sums.claimed, currency), Money(sums.approved, currency)
        parts.append(f"Claimed {claimed}, approved {approved}.")
        if sums.raised:
            parts.append(
                f"{Money(sums.raised, currency)} of that was paid above what the source says was damaged."
            )
    return " ".join(parts)


HISTORY = Job(
    name=past_rows.JOB,
    title="Past claims",
    help="Load claims that were decided elsewhere, for the figures: FEMA's flood claims, or a CSV of your own.",
    params=PastParams,
    run=run_job,
    by_hand=False,
)

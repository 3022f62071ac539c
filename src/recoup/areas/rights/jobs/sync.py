"""Sync: collect what is new, process what was kept, tell who asked to be told, and see what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from recoup.areas.rights import controls
from recoup.areas.rights.jobs import work
from recoup.areas.rights.jobs.collect import Collected, Collecting
from recoup.areas.rights.jobs.process import Processed, Processing
from recoup.areas.rights.jobs.tell import tell_all
from recoup.areas.rights.models import Report, ReportState
from recoup.areas.rights.queries import report_rows
from recoup.areas.rights.rules import lapsing, wording
from recoup.areas.rights.rules.layouts import LAYOUTS
from recoup.areas.rights.settings import RightsSettings
from recoup.core.clock import parse_instant
from recoup.core.parts import Outcome, RunningRun
from recoup.office.controls import service as house

Step = Literal["collect", "process"]


class SyncParams(BaseModel):
    """Parameters of the job. Without an owner all are asked for."""

    model_config = ConfigDict(extra="forbid")

    owner: str | None = Field(default=None, description="the external id of one content owner")
    made_after: str | None = Field(
        default=None, description="list reports that were made after this, such as 2022-10-01T00:00:00Z"
    )
    steps: tuple[Step, ...] = Field(default=("collect", "process"), description="collect, process, or both")


def run_job(run: RunningRun, params: SyncParams) -> Outcome:
    """Sync as the job ``rights.sync``."""
    settings = run.system.settings.section("rights", RightsSettings)
    made_after = parse_instant(params.made_after) if params.made_after else None
    with work.folder(run) as folder:
        collected = _collect(run, settings, folder, params, made_after)
        processed = _process(run, settings, folder, params)
        if "process" in params.steps:
            tell_all(run, settings, folder)
    watch(run)
    return outcome(collected, processed, parked=_parked(run))


def _collect(
    run: RunningRun, settings: RightsSettings, folder: Path, params: SyncParams, made_after: datetime | None
) -> list[Collected]:
    if "collect" not in params.steps:
        return []
    return Collecting(run, settings, folder).all(owner=params.owner, made_after=made_after)


def _process(run: RunningRun, settings: RightsSettings, folder: Path, params: SyncParams) -> list[Processed]:
    if "process" not in params.steps:
        return []
    return Processing(run, settings, folder).all(owner=params.owner)


def outcome(collected: Sequence[Collected], processed: Sequence[Processed], *, parked: int) -> Outcome:
    """Say in a sentence or two what became of it; nothing new is a success."""
    found, kept = sum(one.found for one in collected), sum(one.kept for one in collected)
    taken = [report for one in processed for report in one.taken]
    parts = []
    if collected:
        parts.append(f"{_count(kept, 'report')} fetched." if found or kept else "No new reports.")
    if processed:
        parts.append(_changes(taken) if taken else "Nothing to process.")
    said = [*(one.problem for one in collected), *(one.problem for one in processed)]
    problems = dict.fromkeys(one for one in said if one)
    parts += list(problems)[:3]
    if parked:
        parts.append(f"{_count(parked, 'report')} parked for a person.")
    return Outcome(" ".join(parts), needs_person=bool(problems) or parked > 0)


def _changes(taken: Sequence[Report]) -> str:
    said = wording.counted(
        sum(one.added for one in taken), sum(one.gone for one in taken), sum(one.changed for one in taken)
    )
    return f"{_count(len(taken), 'snapshot')} taken: {said}."


def _count(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def _parked(run: RunningRun) -> int:
    with run.system.sessions.begin() as db:
        return sum(
            report_rows.count_by_state(db, one.id).get(ReportState.PARKED, 0)
            for one in report_rows.all_series(db)
        )


def watch(run: RunningRun) -> None:
    """Alert once where the newest data day of a series is too long over."""
    system, now = run.system, run.system.clock()
    with run.transaction() as db:
        days = house.value(db, controls.STALE_DAYS)
        for series in report_rows.all_series(db):
            head = report_rows.head(db, series.id)
            if head is None or series.stale_told_at is not None:
                continue
            if lapsing.is_stale(head.ends_at, now=now, days=days):
                series.stale_told_at = now
                noun = LAYOUTS[series.kind].noun
                text = (
                    f"The newest report of {noun} of {series.title} is of {head.day}. YouTube may be late; if it stays "
                    "so, look whether its job is still there and whether our credentials still hold."
                )
                title = f"No new report of {noun} of {series.title}"
                system.alert(db, key=f"rights.stale:{series.id}", title=title, text=text, now=now)
                run.log(text, level="warning")

"""Rights in `recoup doctor` and on the health page: how old the newest day is, and whether YouTube lets us in."""

from __future__ import annotations

import functools
from datetime import timedelta

from recoup.areas.rights import controls
from recoup.areas.rights.models import ReportState
from recoup.areas.rights.queries import report_rows
from recoup.areas.rights.rules import lapsing
from recoup.areas.rights.rules.layouts import LAYOUTS
from recoup.areas.rights.settings import OwnerSettings, RightsSettings, owners_of
from recoup.core.parts import Check, Probe
from recoup.core.system import System
from recoup.office.controls import service as house

SOON = timedelta(days=7)


def standing(system: System) -> list[Check]:
    """Look at every series: whether somebody has to sign in, what waits, and how old its newest day is."""
    now = system.clock()
    checks = []
    with system.sessions.begin() as db:
        days = house.value(db, controls.STALE_DAYS)
        for series in report_rows.all_series(db):
            name = f"{series.title}, {LAYOUTS[series.kind].noun}"
            if series.reauth_reason is not None:
                fix = "Run `recoup rights authorise`."
                checks.append(Check(name, ok=False, detail=series.reauth_reason, fix=fix))
                continue
            lapses = [one.lapses_at for one in report_rows.to_fetch(db, series.id, now=now)]
            if lapses and min(lapses) - now < SOON:
                detail = f"A report that was not fetched lapses at {min(lapses):%Y-%m-%d %H:%M} UTC."
                checks.append(Check(name, ok=False, detail=detail, fix="Run `recoup rights download`."))
                continue
            head = report_rows.head(db, series.id)
            if head is None:
                checks.append(Check(name, ok=None, detail="No report was taken yet."))
                continue
            parked = report_rows.count_by_state(db, series.id).get(ReportState.PARKED, 0)
            is_stale = lapsing.is_stale(head.ends_at, now=now, days=days)
            detail = f"The newest day is {head.day}; {parked} reports wait for a person."
            todo = "See `recoup rights reports`." if parked or is_stale else None
            checks.append(Check(name, ok=not is_stale, detail=detail, fix=todo))
    return checks


def sources(system: System) -> list[Probe]:
    """Offer to ask YouTube for the jobs of every content owner."""
    owners = owners_of(system.settings.section("rights", RightsSettings))
    if not owners:
        known = Check("rights", ok=None, detail="No content owner is set up.")
        return [Probe("rights", "Needs settings before there is anything to knock at.", lambda: known)]
    told = "Signs in at YouTube, and lists the owner's reporting jobs."
    return [Probe(f"YouTube for {one.title}", told, functools.partial(_ask, system, one)) for one in owners]


def _ask(system: System, owner: OwnerSettings) -> Check:
    name = f"YouTube for {owner.title}"
    if system.ports.reports is None:
        return Check(name, ok=False, detail="It is not set up.")
    types = {job.report_type for job in system.ports.reports.jobs(owner.id)}
    kinds = system.settings.section("rights", RightsSettings).kinds
    missing = [LAYOUTS[kind].types[0] for kind in kinds if not types.intersection(LAYOUTS[kind].types)]
    if missing:
        detail = f"YouTube lets us in, and has no job of the type {', '.join(missing)}."
        return Check(
            name, ok=False, detail=detail, fix="Ask YouTube for it, or leave it out of rights.kinds."
        )
    return Check(name, ok=True, detail=f"YouTube lets us in; it has {len(types)} types of reports for us.")

"""What metering plugs in: the job metering.export, its submissions, its settings, its doors."""

from __future__ import annotations

from recoup.areas.metering import desk, health, lists, told
from recoup.areas.metering.jobs.export import ExportParams, run_job
from recoup.areas.metering.service.submissions import DELIVERIES
from recoup.areas.metering.settings import MeteringSettings
from recoup.core.parts import DefaultSchedule, Job, Missed
from recoup.web.area import Area, MenuItem

EXPORT = Job(
    name="metering.export",
    title="Usage export",
    help="Read the producer's hour files, add them up exactly and submit them to the marketplace.",
    params=ExportParams,
    run=run_job,
    schedule=DefaultSchedule("10 * * * *", missed=Missed.LATEST),
)

AREA = Area(
    name="metering",
    settings={"metering": MeteringSettings},
    jobs=(EXPORT,),
    deliveries=(DELIVERIES,),
    checks=(health.standing,),
    probes=(health.sources,),
    routers=("recoup.areas.metering.api:router",),
    pages=(
        "recoup.areas.metering.pages.streams:router",
        "recoup.areas.metering.pages.windows:router",
        "recoup.areas.metering.pages.entries:router",
        "recoup.areas.metering.pages.adjustments:router",
        "recoup.areas.metering.pages.others:router",
        "recoup.areas.metering.pages.exports:router",
    ),
    templates="recoup.areas.metering",
    menu=(MenuItem("Metering", lists.DESK, "gauge", lists.MAY, "Business"),),
    lists=lists.ALL,
    tiles=desk.tiles,
    waiting=desk.waiting,
    search=desk.search,
    first=told.first_steps,
    events=told.EVENTS,
    leads=told.LEADS,
    commands="recoup.areas.metering.cli.group:commands",
)

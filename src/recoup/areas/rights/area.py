"""What rights plugs in: the job rights.sync, its settings and controls, its doors."""

from __future__ import annotations

from recoup.areas.rights import desk, health, lists, told
from recoup.areas.rights.controls import CONTROLS
from recoup.areas.rights.jobs.sync import SyncParams, run_job
from recoup.areas.rights.mails import MAILS
from recoup.areas.rights.service.telling import DELIVERIES
from recoup.areas.rights.settings import RightsSettings
from recoup.core.parts import DefaultSchedule, Job, Missed
from recoup.web.area import Area, MenuItem

SYNC = Job(
    name="rights.sync",
    title="Rights reports",
    help="Fetch YouTube's new reports of claims and assets, compare each with the snapshot before it, and tell.",
    params=SyncParams,
    run=run_job,
    schedule=DefaultSchedule("20 */6 * * *", missed=Missed.LATEST),
)

AREA = Area(
    name="rights",
    settings={"rights": RightsSettings},
    jobs=(SYNC,),
    controls=CONTROLS,
    deliveries=(DELIVERIES,),
    mails=MAILS,
    checks=(health.standing,),
    probes=(health.sources,),
    routers=("recoup.areas.rights.api:router",),
    pages=(
        "recoup.areas.rights.pages.changes:router",
        "recoup.areas.rights.pages.things:router",
        "recoup.areas.rights.pages.one:router",
        "recoup.areas.rights.pages.reports:router",
        "recoup.areas.rights.pages.trends:router",
    ),
    templates="recoup.areas.rights",
    menu=(MenuItem("Rights", lists.DESK, "shield", lists.MAY, "Business"),),
    lists=lists.ALL,
    tiles=desk.tiles,
    waiting=desk.waiting,
    search=desk.search,
    first=told.first_steps,
    events=told.EVENTS,
    leads=told.LEADS,
    commands="recoup.areas.rights.cli.group:commands",
)

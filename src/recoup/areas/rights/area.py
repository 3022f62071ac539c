"""What rights plugs in: the job rights.sync, its settings and controls, its doors."""

from __future__ import annotations

from recoup.areas.rights.controls import CONTROLS
from recoup.areas.rights.jobs.sync import SyncParams, run_job
from recoup.areas.rights.mails import MAILS
from recoup.areas.rights.service.telling import DELIVERIES
from recoup.areas.rights.settings import RightsSettings
from recoup.core.parts import DefaultSchedule, Job, Missed
from recoup.web.area import Area

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
    routers=("recoup.areas.rights.api:router",),
    commands="recoup.areas.rights.cli.group:commands",
)

"""What jobs plug in: the task that executes a run, the tick that writes slots, their sweep, health and doors."""

from __future__ import annotations

from recoup.office.jobs import health, jobs, service
from recoup.office.jobs.api import router
from recoup.office.jobs.cli.groups import commands
from recoup.web.area import Area

AREA = Area(
    name="jobs",
    tasks={service.TASK: jobs.run_task},
    sweeps=(service.sweep,),
    ticks=(jobs.tick,),
    checks=(health.standing,),
    routers=(router,),
    commands=commands,
)

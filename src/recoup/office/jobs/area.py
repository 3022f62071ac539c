"""What jobs plug in: the task that executes a run, the tick that writes slots, their sweep, health and doors."""

from __future__ import annotations

from recoup.office.jobs import health, jobs, pages, service
from recoup.office.jobs.api import router
from recoup.office.jobs.cli.groups import commands
from recoup.office.jobs.lists import RUNS
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="jobs",
    tasks={service.TASK: jobs.run_task},
    sweeps=(service.sweep,),
    ticks=(jobs.tick,),
    checks=(health.standing,),
    routers=(router,),
    pages=(pages.router,),
    menu=(MenuItem("Runs", "/desk/runs", "activity", "jobs.look", "Work"),),
    lists=(RUNS,),
    commands=commands,
)

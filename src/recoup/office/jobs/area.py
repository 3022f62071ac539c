"""What jobs plug in: the task that executes a run, the tick that writes slots, their sweep, health and doors."""

from __future__ import annotations

from recoup.office.jobs import desk, health, jobs, service
from recoup.office.jobs.lists import RUNS
from recoup.office.jobs.rules.events import EVENTS
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="jobs",
    tasks={service.TASK: jobs.run_task},
    sweeps=(service.sweep,),
    ticks=(jobs.tick,),
    checks=(health.standing,),
    routers=("recoup.office.jobs.api:router",),
    pages=(
        "recoup.office.jobs.pages.jobs:router",
        "recoup.office.jobs.pages.schedule:router",
        "recoup.office.jobs.pages.runs:router",
        "recoup.office.jobs.pages.artifacts:router",
        "recoup.office.jobs.pages.events:router",
    ),
    templates="recoup.office.jobs",
    menu=(
        MenuItem("Jobs", "/desk/jobs", "calendar-event", "jobs.look", "Work"),
        MenuItem("Runs", "/desk/runs", "activity", "jobs.look", "Work"),
    ),
    lists=(RUNS,),
    tiles=desk.tiles,
    waiting=desk.waiting,
    search=desk.search,
    finds=desk.finds,
    events=EVENTS,
    leads={"jobs/job": "/desk/jobs/{}", "jobs/run": "/desk/runs/{}"},
    commands="recoup.office.jobs.cli.groups:commands",
)

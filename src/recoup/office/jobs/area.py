"""What jobs plug in: the task that executes a run, the tick that writes slots, the sweep behind both."""

from __future__ import annotations

from recoup.office.jobs import jobs, service
from recoup.web.area import Area

AREA = Area(
    name="jobs",
    tasks={service.TASK: jobs.run_task},
    sweeps=(service.sweep,),
    ticks=(jobs.tick,),
)

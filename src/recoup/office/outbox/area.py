"""What the outbox plugs in: the task that empties a channel, the sweep behind it, its health, and its doors."""

from __future__ import annotations

from recoup.office.outbox import health, jobs, service
from recoup.office.outbox.api import router
from recoup.office.outbox.cli import commands
from recoup.web.area import Area

AREA = Area(
    name="outbox",
    tasks={service.DRAIN: jobs.drain_task},
    sweeps=(service.sweep,),
    checks=(health.standing,),
    probes=(health.doors,),
    routers=(router,),
    commands=commands,
)

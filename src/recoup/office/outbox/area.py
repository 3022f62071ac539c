"""What the outbox plugs in: the task that empties a channel, and the sweep behind it."""

from __future__ import annotations

from recoup.office.outbox import jobs, service
from recoup.web.area import Area

AREA = Area(name="outbox", tasks={service.DRAIN: jobs.drain_task}, sweeps=(service.sweep,))

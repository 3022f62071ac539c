"""What the journal plugs in: the tick that seals it, and its doors."""

from __future__ import annotations

from recoup.office.journal import health, jobs
from recoup.office.journal.api import router
from recoup.office.journal.cli import commands
from recoup.web.area import Area

AREA = Area(name="journal", ticks=(jobs.tick,), probes=(health.intact,), routers=(router,), commands=commands)

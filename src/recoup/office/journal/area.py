"""What the journal plugs in: the tick that seals it."""

from __future__ import annotations

from recoup.office.journal import jobs
from recoup.web.area import Area

AREA = Area(name="journal", ticks=(jobs.tick,))

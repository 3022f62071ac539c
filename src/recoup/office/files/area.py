"""What stored files plug in: their nightly sweep, their signed downloads, and whether the store works."""

from __future__ import annotations

from recoup.office.files import health
from recoup.office.files.api import router
from recoup.office.files.jobs import SWEEP
from recoup.web.area import Area

AREA = Area(name="files", jobs=(SWEEP,), probes=(health.usable,), routers=(router,))

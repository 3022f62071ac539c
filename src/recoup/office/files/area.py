"""What stored files plug in: their signed downloads, and whether the store works."""

from __future__ import annotations

from recoup.office.files import health
from recoup.office.files.api import router
from recoup.web.area import Area

AREA = Area(name="files", routers=(router,), probes=(health.usable,))

"""What stored files plug in: their signed downloads."""

from __future__ import annotations

from recoup.office.files.api import router
from recoup.web.area import Area

AREA = Area(name="files", routers=(router,))

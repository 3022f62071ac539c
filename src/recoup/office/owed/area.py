"""What the book of what is owed plugs in: its doors."""

from __future__ import annotations

from recoup.office.owed.api import router
from recoup.office.owed.cli import commands
from recoup.web.area import Area

AREA = Area(name="owed", routers=(router,), commands=commands)

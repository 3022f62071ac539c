"""What controls plug in: their doors. The controls themselves come from the parts that read them."""

from __future__ import annotations

from recoup.office.controls.api import router
from recoup.office.controls.cli import commands
from recoup.web.area import Area

AREA = Area(name="controls", routers=(router,), commands=commands)

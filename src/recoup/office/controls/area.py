"""What controls plug in: their doors. The controls themselves come from the parts that read them."""

from __future__ import annotations

from recoup.office.controls import pages, shown
from recoup.office.controls.api import router
from recoup.office.controls.cli import commands
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="controls",
    routers=(router,),
    pages=(pages.router,),
    templates="recoup.office.controls",
    menu=(MenuItem("Controls", "/desk/controls", "adjustments", "controls.look", "House"),),
    finds=shown.hits,
    events={"controls.changed": "Changed from {was} to {value}"},
    leads={"controls/control": "/desk/controls/{}"},
    commands=commands,
)

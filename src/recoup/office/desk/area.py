"""What the desk plugs in: the overview, search, and exports of every list."""

from __future__ import annotations

from recoup.office.desk import first, jobs, told
from recoup.office.desk.api import router as lists
from recoup.office.desk.cli import commands
from recoup.office.desk.controls import CONTROLS
from recoup.office.desk.pages import router
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="desk",
    jobs=(jobs.EXPORT,),
    controls=CONTROLS,
    routers=(lists,),
    pages=(router,),
    templates="recoup.office.desk",
    menu=(MenuItem("Overview", "/desk", "layout-dashboard", "overview.look"),),
    first=first.steps,
    events=told.EVENTS,
    leads=told.LEADS,
    commands=commands,
)

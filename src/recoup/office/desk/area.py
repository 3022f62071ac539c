"""What the desk plugs in: the overview, search, and exports of every list."""

from __future__ import annotations

from recoup.office.desk import first, jobs, told
from recoup.office.desk.controls import CONTROLS
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="desk",
    jobs=(jobs.EXPORT,),
    controls=CONTROLS,
    routers=("recoup.office.desk.api:router",),
    pages=("recoup.office.desk.pages:router",),
    templates="recoup.office.desk",
    menu=(MenuItem("Overview", "/desk", "layout-dashboard", "overview.look"),),
    first=first.steps,
    events=told.EVENTS,
    leads=told.LEADS,
    commands="recoup.office.desk.cli:commands",
)

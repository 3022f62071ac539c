"""What the desk plugs in: the overview, search, and exports of every list."""

from __future__ import annotations

from recoup.office.desk.pages import router
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="desk",
    pages=(router,),
    templates="recoup.office.desk",
    menu=(MenuItem("Overview", "/desk", "layout-dashboard", "overview.look"),),
)

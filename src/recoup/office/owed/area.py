"""What the book of what is owed plugs in: its list, its figures, its doors."""

from __future__ import annotations

from recoup.office.owed import desk, pages
from recoup.office.owed.api import router
from recoup.office.owed.cli import commands
from recoup.office.owed.lists import OWED
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="owed",
    routers=(router,),
    pages=(pages.router,),
    menu=(MenuItem("Owed", "/desk/owed", "coin", "owed.look", "Business"),),
    lists=(OWED,),
    tiles=desk.tiles,
    commands=commands,
)

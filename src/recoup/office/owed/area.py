"""What the book of what is owed plugs in: its list, its figures, its doors."""

from __future__ import annotations

from recoup.office.owed import desk
from recoup.office.owed.lists import OWED
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="owed",
    routers=("recoup.office.owed.api:router",),
    pages=("recoup.office.owed.pages:router",),
    menu=(MenuItem("Owed", "/desk/owed", "coin", "owed.look", "Business"),),
    lists=(OWED,),
    tiles=desk.tiles,
    commands="recoup.office.owed.cli:commands",
)

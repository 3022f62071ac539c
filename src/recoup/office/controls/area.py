"""What controls plug in: their doors. The controls themselves come from the parts that read them."""

from __future__ import annotations

from recoup.office.controls import shown
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="controls",
    routers=("recoup.office.controls.api:router",),
    pages=("recoup.office.controls.pages:router",),
    templates="recoup.office.controls",
    menu=(MenuItem("Controls", "/desk/controls", "adjustments", "controls.look", "House"),),
    finds=shown.hits,
    events={"controls.changed": "Changed from {was} to {value}"},
    leads={"controls/control": "/desk/controls/{}"},
    commands="recoup.office.controls.cli:commands",
)

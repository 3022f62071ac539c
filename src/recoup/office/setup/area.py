"""What setup plugs in: its pages, the files' doors, and the tick that hands over what waits for the monthly job."""

from __future__ import annotations

from recoup.office.setup import jobs, shown
from recoup.office.setup.controls import KEPT
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="setup",
    ticks=(jobs.tick,),
    controls=(KEPT,),
    routers=("recoup.office.setup.api:router",),
    pages=("recoup.office.setup.pages:router",),
    templates="recoup.office.setup",
    menu=(
        MenuItem("Settings", "/desk/settings", "settings", "controls.look", "House"),
        MenuItem("Setup files", "/desk/setup", "file", "controls.look", "House"),
    ),
    finds=shown.hits,
    events={
        "setup.imported": "The setup file was brought in: {changed} changed, {kept} kept",
        "setup.test_started": "A test of what this server talks to began",
        "setup.test_ended": "A test ended with {status}: {detail}",
    },
    leads={
        "setup/file": "/desk/setup",
        "setup/test": "/desk/settings",
    },
    commands="recoup.office.setup.cli:commands",
)

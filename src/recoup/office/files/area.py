"""What stored files plug in: their nightly sweep, their list, signed downloads, and whether the store works."""

from __future__ import annotations

from recoup.office.files import desk, health
from recoup.office.files.jobs import SWEEP
from recoup.office.files.lists import FILES
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="files",
    jobs=(SWEEP,),
    probes=(health.usable,),
    routers=("recoup.office.files.api:router",),
    pages=("recoup.office.files.pages:router",),
    templates="recoup.office.files",
    menu=(MenuItem("Files", "/desk/files", "folder", "files.look", "House"),),
    lists=(FILES,),
    search=desk.search,
    events=desk.EVENTS,
    leads=desk.LEADS,
)

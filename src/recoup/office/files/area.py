"""What stored files plug in: their nightly sweep, their list, signed downloads, and whether the store works."""

from __future__ import annotations

from recoup.office.files import desk, health, service
from recoup.office.files.jobs import SWEEP, remove_task
from recoup.office.files.lists import FILES
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="files",
    jobs=(SWEEP,),
    tasks={service.REMOVE: remove_task},
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

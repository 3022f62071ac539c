"""What the journal plugs in: the tick that seals it, the job that verifies it, its pages and doors."""

from __future__ import annotations

from recoup.office.journal import desk, health, jobs, pages
from recoup.office.journal.api import router
from recoup.office.journal.cli import commands
from recoup.office.journal.lists import JOURNAL
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="journal",
    jobs=(jobs.VERIFY,),
    ticks=(jobs.tick,),
    probes=(health.intact,),
    routers=(router,),
    pages=(pages.router,),
    templates="recoup.office.journal",
    menu=(MenuItem("Journal", "/desk/journal", "timeline-event", "journal.look", "House"),),
    lists=(JOURNAL,),
    search=desk.search,
    events=desk.EVENTS,
    leads=desk.LEADS,
    commands=commands,
)

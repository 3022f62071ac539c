"""What the journal plugs in: the tick that seals it, the job that verifies it, its pages and doors."""

from __future__ import annotations

from recoup.office.journal import desk, health, jobs
from recoup.office.journal.lists import JOURNAL
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="journal",
    jobs=(jobs.VERIFY,),
    ticks=(jobs.tick,),
    probes=(health.intact,),
    routers=("recoup.office.journal.api:router",),
    pages=("recoup.office.journal.pages:router",),
    templates="recoup.office.journal",
    menu=(MenuItem("Journal", "/desk/journal", "timeline-event", "journal.look", "House"),),
    lists=(JOURNAL,),
    search=desk.search,
    events=desk.EVENTS,
    leads=desk.LEADS,
    commands="recoup.office.journal.cli:commands",
)

"""What people plug in: sign-in codes, what an administrator may set about them, their doors."""

from __future__ import annotations

from recoup.core.sealing import SECTION
from recoup.office.people import jobs
from recoup.office.people.controls import CONTROLS
from recoup.office.people.service import codes
from recoup.office.people.settings import PeopleSettings
from recoup.web.area import Area

AREA = Area(
    name="people",
    settings={SECTION: PeopleSettings},
    deliveries=(codes.KIND,),
    tasks={codes.SEND_CODE: jobs.send_code_task},
    sweeps=(codes.sweep,),
    ticks=(jobs.tick,),
    controls=CONTROLS,
)

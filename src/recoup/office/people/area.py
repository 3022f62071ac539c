"""What people plug in: sign-in codes, what an administrator may set about them, their health, their doors."""

from __future__ import annotations

from recoup.core.sealing import SECTION
from recoup.office.people import desk, health, jobs
from recoup.office.people.controls import CONTROLS
from recoup.office.people.lists import ACCESS, PEOPLE
from recoup.office.people.service import codes
from recoup.office.people.settings import PeopleSettings
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="people",
    settings={SECTION: PeopleSettings},
    jobs=(jobs.CLEAN,),
    deliveries=(codes.KIND,),
    tasks={codes.SEND_CODE: jobs.send_code_task},
    sweeps=(codes.sweep,),
    ticks=(jobs.tick,),
    checks=(health.standing,),
    controls=CONTROLS,
    routers=("recoup.office.people.api.auth:router", "recoup.office.people.api.people:router"),
    pages=(
        "recoup.office.people.pages.sign_in:router",
        "recoup.office.people.pages.factor:router",
        "recoup.office.people.pages.account:router",
        "recoup.office.people.pages.factors:router",
        "recoup.office.people.pages.keys:router",
        "recoup.office.people.pages.people:router",
        "recoup.office.people.pages.person:router",
    ),
    templates="recoup.office.people",
    menu=(
        MenuItem("People", "/desk/people", "users", "people.look", "House"),
        MenuItem("Access log", "/desk/access", "list-details", "access.look", "House"),
    ),
    lists=(PEOPLE, ACCESS),
    waiting=desk.waiting,
    search=desk.search,
    commands="recoup.office.people.cli.group:commands",
)

"""What claims plugs in: routes, tasks, mails, settings and controls."""

from __future__ import annotations

from recoup.areas.claims import told
from recoup.areas.claims.controls import CONTROLS
from recoup.areas.claims.jobs.looking import look_task
from recoup.areas.claims.jobs.scanning import SCAN
from recoup.areas.claims.mails import MAILS
from recoup.areas.claims.service.filing import LOOK
from recoup.areas.claims.service.telling import DELIVERIES
from recoup.areas.claims.settings import ClaimsSettings
from recoup.web.area import Area

AREA = Area(
    name="claims",
    settings={"claims": ClaimsSettings},
    jobs=(SCAN,),
    controls=CONTROLS,
    deliveries=(DELIVERIES,),
    mails=MAILS,
    tasks={LOOK: look_task},
    routers=("recoup.areas.claims.api.reviewing:router", "recoup.areas.claims.api.own:router"),
    events=told.EVENTS,
    leads=told.LEADS,
)

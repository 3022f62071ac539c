"""What claims plugs in: routes, tasks, mails, settings and controls."""

from __future__ import annotations

from recoup.areas.claims import desk, health, history, incoming, lists, policy_lists, told
from recoup.areas.claims.controls import CONTROLS
from recoup.areas.claims.jobs import scanning
from recoup.areas.claims.jobs.bringing_in import SHEETS
from recoup.areas.claims.jobs.estimating import ESTIMATE
from recoup.areas.claims.jobs.looking import look_task
from recoup.areas.claims.jobs.looking_again import look_again_task
from recoup.areas.claims.jobs.past import HISTORY
from recoup.areas.claims.jobs.reading import read_draft_task, read_task
from recoup.areas.claims.jobs.scanning import SCAN
from recoup.areas.claims.mails import MAILS
from recoup.areas.claims.service import flagging, policies, proposing
from recoup.areas.claims.service.flagging import LOOK
from recoup.areas.claims.service.telling import DELIVERIES
from recoup.areas.claims.settings import ClaimsSettings
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="claims",
    settings={"claims": ClaimsSettings},
    jobs=(SCAN, ESTIMATE, HISTORY, SHEETS),
    checks=(health.standing,),
    probes=(health.scanner,),
    controls=CONTROLS,
    deliveries=(DELIVERIES,),
    mails=MAILS,
    tasks={
        LOOK: look_task,
        proposing.READ: read_task,
        proposing.READ_DRAFT: read_draft_task,
        policies.LOOK_AGAIN: look_again_task,
    },
    sweeps=(flagging.sweep, scanning.sweep, policies.sweep_previews, history.sweep),
    routers=(
        "recoup.areas.claims.api.history:router",
        "recoup.areas.claims.api.reviewing:router",
        "recoup.areas.claims.api.own:router",
        "recoup.areas.claims.api.policies:router",
        "recoup.areas.claims.api.bulk:router",
    ),
    # Policies and past claims come first: their address would be taken for a claim's.
    pages=(
        "recoup.areas.claims.pages.policies:router",
        "recoup.areas.claims.pages.history:router",
        "recoup.areas.claims.pages.queue:router",
        "recoup.areas.claims.pages.figures:router",
        "recoup.areas.claims.pages.bulk:router",
        "recoup.areas.claims.pages.review:router",
        "recoup.areas.claims.pages.deciding:router",
        # In this order: an address of a draft or an upload would be taken for a step's or a claim's.
        "recoup.areas.claims.pages.uploading:router",
        "recoup.areas.claims.pages.sending:router",
        "recoup.areas.claims.pages.autofill:router",
        "recoup.areas.claims.pages.filing:router",
        "recoup.areas.claims.pages.mine:router",
        "recoup.areas.claims.pages.previews:router",
    ),
    # What the desk shows of claims goes by the first line's permission, so one's own claims stand last.
    menu=(
        MenuItem("Claims", lists.DESK, "umbrella", lists.MAY, "Business"),
        MenuItem("My claims", "/desk/my-claims", "receipt", "claims.own"),
    ),
    ticks=(incoming.tick,),
    templates="recoup.areas.claims",
    lists=(*lists.ALL, policy_lists.POLICIES),
    tiles=desk.tiles,
    waiting=desk.waiting,
    search=desk.search,
    first=desk.first_steps,
    events=told.EVENTS,
    leads=told.LEADS,
    commands="recoup.areas.claims.cli.group:commands",
)

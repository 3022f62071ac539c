"""What notices plug in: their deliveries, the card on the account page, controls, health, doors."""

from __future__ import annotations

from recoup.office.notices import health
from recoup.office.notices.controls import CONTROLS
from recoup.office.notices.service import numbers, telling
from recoup.office.notices.settings import SECTION, NoticesSettings
from recoup.web.area import Area, Card

AREA = Area(
    name="notices",
    settings={SECTION: NoticesSettings},
    deliveries=(telling.SMS_KIND, telling.PUSH_KIND, numbers.CODE_KIND),
    sweeps=(numbers.clean,),
    checks=(health.standing,),
    controls=CONTROLS,
    routers=("recoup.office.notices.api:router",),
    pages=("recoup.office.notices.pages:router",),
    templates="recoup.office.notices",
    account=(Card("notices/card.html", "recoup.office.notices.pages:card"),),
    commands="recoup.office.notices.cli:commands",
    events={
        "notices.planned": "A notice was written ({ways})",
        "notices.refused": "A notice by {way} was refused: {reason}",
        "notices.code_sent": "A code went to the number {number}",
        "notices.number_verified": "The number {number} was verified",
        "notices.number_removed": "The number {number} was removed",
        "notices.switched": "Notices by {way} were switched {on}",
        "notices.device_added": "A browser is told from now on: {label}, through {host}",
        "notices.device_removed": "A browser is told no more: {label}",
    },
    leads={"notices/person": "/desk/people/{}"},
)

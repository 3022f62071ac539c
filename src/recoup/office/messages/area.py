"""What messages plug in: their kind of delivery, their pages, and templates that can be changed."""

from __future__ import annotations

from recoup.office.messages import desk, jobs
from recoup.office.messages.lists import MESSAGES
from recoup.office.messages.outgoing import CONTROLS
from recoup.office.messages.service import KIND
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="messages",
    deliveries=(KIND,),
    ticks=(jobs.tick,),
    controls=CONTROLS,
    routers=("recoup.office.messages.api:router",),
    pages=("recoup.office.messages.pages.templates:router", "recoup.office.messages.pages.mails:router"),
    templates="recoup.office.messages.pages",
    menu=(MenuItem("Messages", "/desk/messages", "mail", "messages.look", "Work"),),
    lists=(MESSAGES,),
    search=desk.search,
    commands="recoup.office.messages.cli:commands",
    events={
        "messages.planned": "A message to {to} was written ({template})",
        "messages.tested": "A test of {template} was sent to {to}",
        "messages.refused": "The message {key} was refused: {reason}",
        "messages.unaddressable": "An alert could not be addressed: {reason}",
        "messages.template_changed": "The template was changed: version {version}. {note}",
        "messages.fell_back": "Version {version} of {template} failed, and the packaged one took its place: {reason}",
    },
    leads={
        "messages/message": "/desk/messages/{}",
        "messages/template": "/desk/messages/templates/{}",
    },
)

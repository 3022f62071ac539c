"""What the outbox plugs in: the task that empties a channel, the sweep behind it, its health, and its doors."""

from __future__ import annotations

from recoup.office.outbox import desk, health, jobs, service
from recoup.office.outbox.lists import DELIVERIES
from recoup.web.area import Area, MenuItem

AREA = Area(
    name="outbox",
    tasks={service.DRAIN: jobs.drain_task},
    sweeps=(service.sweep,),
    checks=(health.standing,),
    probes=(health.doors,),
    routers=("recoup.office.outbox.api:router",),
    pages=("recoup.office.outbox.pages.deliveries:router", "recoup.office.outbox.pages.bulk:router"),
    templates="recoup.office.outbox",
    menu=(MenuItem("Outbox", "/desk/outbox", "send", "outbox.look", "Work"),),
    lists=(DELIVERIES,),
    tiles=desk.tiles,
    waiting=desk.waiting,
    search=desk.search,
    events={
        "outbox.accepted": "Delivery {key} was accepted",
        "outbox.refused": "Delivery {key} was refused: {reason}",
        "outbox.unknown": "Nobody knows whether delivery {key} arrived: {reason}",
        "outbox.held": "Delivery {key} was held for a person: {reason}",
        "outbox.cancelled": "Delivery {key} was given up before it left: {reason}",
        "outbox.resolved": "A delivery that was {was} was settled as {resolution}",
        "outbox.settled_together": "Deliveries were settled together as {resolution}: {count}",
        "outbox.channel_stopped": "A channel was stopped: {reason}",
        "outbox.channel_resumed": "A channel was opened again",
    },
    leads={
        "outbox/delivery": "/desk/outbox/{}",
        "outbox/bulk": "/desk/outbox/bulk/{}",
        "outbox/channel": lambda _name: "/desk/outbox",
    },
    commands="recoup.office.outbox.cli:commands",
)

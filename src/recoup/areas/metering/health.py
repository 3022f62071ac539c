"""What metering says of its health: what waits for a person, what comes near its deadline, where the files are."""

from __future__ import annotations

from datetime import timedelta

from recoup.areas.metering import queries
from recoup.areas.metering.rules import hours
from recoup.areas.metering.rules.streams import StreamConfig
from recoup.areas.metering.service import streams
from recoup.areas.metering.service.submissions import CHANNEL
from recoup.areas.metering.settings import MeteringSettings
from recoup.core.errors import NotFound, RecoupError
from recoup.core.parts import Check
from recoup.core.system import System

SOON = timedelta(hours=6)
MARKER_LIMIT = 1_000_000


def standing(system: System) -> list[Check]:
    """Look at every stream: hours that come near their deadline, and what waits for a person."""
    now = system.clock()
    checks = []
    with system.sessions.begin() as db:
        for one in (queries.standing(db, stream) for stream in queries.streams(db)):
            name = f"stream {one.stream}"
            if one.next_deadline is not None and one.next_deadline - now < SOON:
                late = f"{one.oldest_open:%Y-%m-%d %H:00} UTC can be submitted until {one.next_deadline:%H:%M} UTC."
                todo = "See `recoup metering status`, and run `recoup metering export`."
                checks.append(Check(name, ok=False, detail=late, fix=todo))
                continue
            fix = "See `recoup metering status`." if one.for_a_person else None
            checks.append(
                Check(name, ok=True, detail=f"{one.for_a_person} things wait for a person.", fix=fix)
            )
    return checks


def sources(system: System) -> list[Check]:
    """Look into every configured source: whether its hours can be listed, and how far the producer's marker is."""
    settings = system.settings.section("metering", MeteringSettings)
    try:
        configs = streams.configured(settings)
    except RecoupError as error:
        return [Check("metering", ok=False, detail=error.detail, fix=error.fix)]
    if not configs:
        return [Check("metering", ok=None, detail="No stream is configured.")]
    checks = [_source(system, config) for config in configs]
    if CHANNEL not in system.ports.channels:
        fix = "Set CLAZAR_CLIENT_ID and CLAZAR_CLIENT_SECRET."
        checks.append(Check("door clazar", ok=False, detail="Clazar is not set up.", fix=fix))
    return checks


def _source(system: System, config: StreamConfig) -> Check:
    name = f"source of {config.key}"
    try:
        store = system.ports.open_store(config.source)
        first = next(iter(store.list(config.folder)), None)
        if first is None:
            todo = "Compare SERVICE_NAME, ENVIRONMENT_TYPE and PLAN_ID with the bucket's folders."
            return Check(name, ok=True, detail=f"{store.name} has nothing under {config.folder}", fix=todo)
        key = f"{config.prefix}/{hours.MARKER}"
        try:
            with store.open(key) as body:
                reached = hours.read_marker(body.read(MARKER_LIMIT)).get(config.key)
        except NotFound:
            reached = None
    except RecoupError as error:
        return Check(name, ok=False, detail=error.detail, fix=error.fix)
    said = f"the marker has reached {reached:%Y-%m-%d %H:%M:%S} UTC" if reached else "no marker names it"
    fix = None
    if reached is None and config.complete_by == "marker":
        fix = "Without a marker no hour is complete: set metering.complete_by to auto."
    return Check(name, ok=True, detail=f"{store.name} lists its files; {said}.", fix=fix)

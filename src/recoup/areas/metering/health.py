"""What metering says of its health: what waits for a person, what comes near its deadline, where the files are."""

from __future__ import annotations

import functools
from datetime import timedelta

from recoup.areas.metering.queries import standing_rows, stream_rows
from recoup.areas.metering.rules import hours
from recoup.areas.metering.rules.streams import StreamConfig
from recoup.areas.metering.service import streams
from recoup.areas.metering.service.submissions import CHANNEL
from recoup.areas.metering.settings import MeteringSettings
from recoup.core.errors import NotFound, RecoupError
from recoup.core.parts import Check, Probe
from recoup.core.system import System

SOON = timedelta(hours=6)
MARKER_LIMIT = 1_000_000


def standing(system: System) -> list[Check]:
    """Look at every stream: hours that come near their deadline, and what waits for a person."""
    now = system.clock()
    checks = []
    with system.sessions.begin() as db:
        for one in (standing_rows.standing(db, stream) for stream in stream_rows.streams(db)):
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


def sources(system: System) -> list[Probe]:
    """Offer to look into every configured source, and say what is missing to the rest."""
    settings = system.settings.section("metering", MeteringSettings)
    try:
        configs = streams.configured(settings)
    except RecoupError as error:
        return [_known(Check("metering", ok=False, detail=error.detail, fix=error.fix))]
    if not configs:
        return [_known(Check("metering", ok=None, detail="No stream is configured."))]
    told = "Lists the producer's hour files, and reads how far its marker is."
    probes = [Probe(_named(config), told, functools.partial(_source, system, config)) for config in configs]
    if CHANNEL not in system.ports.channels:
        fix = "Set CLAZAR_CLIENT_ID and CLAZAR_CLIENT_SECRET."
        probes.append(_known(Check("door clazar", ok=False, detail="Clazar is not set up.", fix=fix)))
    return probes


def _known(check: Check) -> Probe:
    return Probe(check.name, "Needs settings before there is anything to knock at.", lambda: check)


def _named(config: StreamConfig) -> str:
    return f"source of {config.key}"


def _source(system: System, config: StreamConfig) -> Check:
    name = _named(config)
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
    said = f"the marker has reached {reached:%Y-%m-%d %H:%M:%S} UTC" if reached else "no marker names it"
    fix = None
    if reached is None and config.complete_by == "marker":
        fix = "Without a marker no hour is complete: set metering.complete_by to auto."
    return Check(name, ok=True, detail=f"{store.name} lists its files; {said}.", fix=fix)

"""What the outbox says of its health: stopped channels, what waits for a person, whether the far sides let us in."""

from __future__ import annotations

import functools
from datetime import timedelta

from recoup.core.parts import Check, Probe
from recoup.core.ports import Channel
from recoup.core.system import System
from recoup.office.outbox import queries, rules

LATE = timedelta(minutes=15)


def standing(system: System) -> list[Check]:
    """Look at stopped channels, and at what is late or waits for a person."""
    now = system.clock()
    with system.sessions.begin() as db:
        stopped = queries.stopped_channels(db)
        counts = queries.counts_by_state(db)
        oldest = queries.oldest_due(db, now=now)
    checks = [
        Check(
            f"channel {one.channel}",
            ok=False,
            detail=f"Nothing leaves since {one.since:%Y-%m-%d %H:%M} UTC: {one.reason}",
            fix=f"Mend it, then `recoup outbox resume {one.channel}`.",
        )
        for one in stopped
    ]
    waiting = sum(counts.get(state, 0) for state in rules.WAITING_FOR_A_PERSON)
    fix = "See `recoup outbox list`, and settle each with `recoup outbox resolve`." if waiting else None
    checks.append(Check("outbox", ok=True, detail=f"{waiting:,} deliveries wait for a person.", fix=fix))
    if oldest is not None and now - oldest > LATE and not stopped:
        checks.append(
            Check(
                "outbox late",
                ok=False,
                detail=f"What was due at {oldest:%Y-%m-%d %H:%M} UTC has not left.",
                fix="See that a worker runs: `recoup up` or `recoup worker`.",
            )
        )
    return checks


def doors(system: System) -> list[Probe]:
    """Offer to ask every channel whether the far side lets us in."""
    return [
        Probe(
            f"door {name}",
            f"Signs in where the channel {name} leads, and sends nothing.",
            functools.partial(_door, name, channel),
        )
        for name, channel in sorted(system.ports.channels.items())
    ]


def _door(name: str, channel: Channel) -> Check:
    check = getattr(channel, "check", None)
    said = "It needs no credentials." if check is None else str(check())
    return Check(f"door {name}", ok=True, detail=said)

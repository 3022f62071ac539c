"""What the overview and the search show of the outbox."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from recoup.office.outbox import queries, rules
from recoup.office.outbox.lists import about
from recoup.office.outbox.models import State
from recoup.web.area import Hit, Tile, Waiting

MOST_HITS = 8


def tiles(db: Session, now: datetime) -> list[Tile]:
    """Count what waits to leave, what nobody knows of, and what was refused today."""
    counts = queries.standing_counts(db, rules.MOVING)
    waits = counts[State.PLANNED] + counts[State.LEASED] + counts[State.HANDING]
    unknown = counts[State.UNKNOWN]
    refused = queries.refused_since(
        db, now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    )
    stopped = queries.stopped_channels(db)
    note = (
        f"{', '.join(one.channel for one in stopped)} stopped"
        if stopped
        else "mails, and what markets are told"
    )
    return [
        Tile(
            "Waiting to leave",
            _many(waits),
            note,
            "/desk/outbox?state=planned",
            "send",
            "bad" if stopped else "",
        ),
        Tile(
            "Unknown",
            _many(unknown),
            "nobody knows whether they arrived",
            "/desk/outbox?state=unknown",
            "help-circle",
            "warn" if unknown else "ok",
        ),
        Tile(
            "Refused today",
            _many(refused),
            "since midnight, UTC",
            "/desk/outbox?state=refused",
            "circle-x",
            "bad" if refused else "",
        ),
    ]


def waiting(db: Session, now: datetime) -> list[Waiting]:  # noqa: ARG001 - the desk's shape
    """Tell what waits for a person: stopped channels, deliveries that are held or that nobody knows of."""
    found = [
        Waiting(f"Nothing leaves through {one.channel}: {one.reason}", "/desk/outbox", "bad", one.since)
        for one in queries.stopped_channels(db)
    ]
    counts = queries.standing_counts(db, (State.UNKNOWN, State.HELD))
    for state, told in (
        (State.UNKNOWN, "Nobody knows whether {} arrived."),
        (State.HELD, "{} held for a person."),
    ):
        count = counts[state]
        if count:
            some = f"{_many(count)} {'delivery' if count == 1 else 'deliveries'}"
            some += "" if state == State.UNKNOWN else " is" if count == 1 else " are"
            found.append(
                Waiting(told.format(some), f"/desk/outbox?state={state}", since=queries.oldest_in(db, state))
            )
    return found


def search(db: Session, text: str) -> list[Hit]:
    """Find deliveries by how their id or their key begins."""
    return [
        Hit(about(one), "delivery", f"/desk/outbox/{one.id}", f"{one.state} · {one.key}")
        for one in queries.beginning(db, text, limit=MOST_HITS)
    ]


def _many(count: int) -> str:
    return f"{count:,}" if count <= queries.COUNTED else f"more than {queries.COUNTED:,}"

"""What metering says on the overview: figures, what waits for a person, and what a search finds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from recoup.areas.metering.lists import DESK, hour_text, to
from recoup.areas.metering.models import Adjustment, Entry, EntryState, Stream, Window
from recoup.areas.metering.queries import board_rows, search_rows, stream_rows
from recoup.areas.metering.queries.board_rows import Unsubmitted
from recoup.core.errors import Invalid
from recoup.core.ids import parse_id
from recoup.web.area import Hit, Tile, Waiting
from recoup.web.shown import duration, money

A_DAY, ON_THEIR_WAY, SOON = timedelta(days=1), timedelta(hours=3), timedelta(hours=6)
HOUR_FILE = re.compile(r"(?:^|/)([^/]+)/([^/]+)/([^/]+)/(\d{4})/(\d\d)/(\d\d)/(\d\d)/")
SHORTEST = 2
"""Letters that a search needs; fewer would find anything."""

NEEDS: tuple[tuple[EntryState, str, str], ...] = (
    (EntryState.REJECTED, "was rejected by the marketplace", "were rejected by the marketplace"),
    (EntryState.UNKNOWN, "was sent with an unknown outcome", "were sent with an unknown outcome"),
    (EntryState.DUPLICATE, "is there already, and not by us", "are there already, and not by us"),
    (EntryState.HELD, "is held", "are held"),
    (EntryState.EXPIRED, "came too late for the marketplace", "came too late for the marketplace"),
)


def tiles(db: Session, now: datetime) -> list[Tile]:
    """Return metering's figures; none before the first export."""
    streams = stream_rows.streams(db)
    if not streams:
        return []
    until = [board_rows.accepted_until(db, one) for one in streams]
    known = [at for at in until if at is not None]
    last = min(known) if len(known) == len(until) else None
    behind = last is None or now - last > timedelta(hours=12)
    unsubmitted, held = board_rows.unsubmitted(db), board_rows.held(db)
    deadline = board_rows.next_deadline(db, now=now)
    left = deadline - now if deadline else None
    return [
        Tile(
            "Usage accepted until",
            f"{last.astimezone(UTC):%d %b %H:00}" if last else "nothing yet",
            f"UTC, over {len(streams)} {'stream' if len(streams) == 1 else 'streams'}",
            DESK,
            "circle-check",
            "warn" if behind else "ok",
        ),
        Tile(
            "Usage not submitted yet",
            amounts(unsubmitted),
            f"{unsubmitted.items:,} {'item' if unsubmitted.items == 1 else 'items'} owed",
            f"{DESK}/windows?state=unsettled&order=oldest",
            "coin",
        ),
        Tile(
            "Hours held",
            f"{held.hours:,}",
            f"the longest for {duration(now - held.since)}" if held.since else "every hour could be read",
            f"{DESK}/windows?state=held&order=oldest",
            "player-pause",
            "bad" if held.hours else "ok",
        ),
        Tile(
            "Next hour lapses",
            f"in {duration(left)}" if left is not None else "none",
            f"{deadline.astimezone(UTC):%d %b, %H:%M} UTC"
            if deadline
            else "nothing waits for the marketplace",
            f"{DESK}/windows?state=unsettled&order=oldest",
            "hourglass",
            "bad" if left is not None and left < SOON else "",
        ),
    ]


def amounts(unsubmitted: Unsubmitted) -> str:
    """Write what is not submitted yet, each currency for itself."""
    priced = " + ".join(str(money(one).striptags()) for one in unsubmitted.amounts)
    return priced or ("unpriced" if unsubmitted.items else "nothing")


def waiting(db: Session, now: datetime) -> list[Waiting]:
    """Return what waits for a person, a sentence for each kind."""
    found: list[Waiting] = []
    held = board_rows.held(db)
    if held.hours:
        text = (
            f"{_many(held.hours, 'hour of usage is', 'hours of usage are')} held: "
            "the files cannot be used as they are."
        )
        found.append(Waiting(text, f"{DESK}/windows?state=held&order=oldest", "bad", held.since))
    soon = board_rows.lapsing(db, now=now, within=A_DAY, ended_before=now - ON_THEIR_WAY)
    if soon.hours and soon.next is not None:
        text = (
            f"{_many(soon.hours, 'hour', 'hours')} of usage not accepted yet "
            f"{'lapses' if soon.hours == 1 else 'lapse'} within a day, the first in {duration(soon.next - now)}."
        )
        is_urgent = soon.next - now < SOON
        to_look_at = f"{DESK}/windows?state=unsettled&order=oldest"
        found.append(Waiting(text, to_look_at, "bad" if is_urgent else "warn"))
    counts = board_rows.entries_in(db, [state for state, *_ in NEEDS])
    for state, one, many in NEEDS:
        if count := counts.get(state, 0):
            text = f"{_many(count, f'entry {one}', f'entries {many}')}."
            found.append(Waiting(text, f"{DESK}/entries?state={state}"))
    if adjustments := board_rows.open_adjustments(db):
        text = f"{_many(adjustments, 'difference', 'differences')} found late: carry on, or let go."
        found.append(Waiting(text, f"{DESK}/adjustments?state=open"))
    return found


def search(db: Session, text: str) -> list[Hit]:
    """Find streams, contracts, subscriptions, files, and whatever has an id."""
    if len(text) < SHORTEST or not all(char.isprintable() for char in text):
        return []
    found = [
        *_by_id(db, text),
        *_files(db, text),
        *(
            Hit(stream.key, "stream", f"{DESK}/streams/{stream.id}", stream.cloud)
            for stream in search_rows.streams(db, text)
        ),
        *(
            Hit(name, "contract", to("entries", contract=name), "its entries")
            for name in search_rows.contracts(db, text)
        ),
        *(
            Hit(name, "subscription", to("unbilled", subscription=name), "usage that no contract pays for")
            for name in search_rows.subscriptions_without_contract(db, text)
        ),
    ]
    latest = search_rows.window_with_subscription(db, text)
    if latest is not None:
        window, stream_key, contract = latest
        note = f"last seen {hour_text(window.hour)} UTC in {stream_key}, contract {contract or 'none'}"
        found.append(Hit(text, "subscription", f"{DESK}/windows/{window.id}", note))
    return found


def _by_id(db: Session, text: str) -> list[Hit]:
    try:
        wanted = parse_id(text)
    except Invalid:
        return []
    found: list[Hit] = []
    if entry := db.get(Entry, wanted):
        title = f"{entry.dimension}, {hour_text(entry.hour)} UTC"
        found.append(Hit(title, "entry", f"{DESK}/entries/{entry.id}", f"{entry.contract}, {entry.state}"))
    if window := db.get(Window, wanted):
        found.append(
            Hit(f"{hour_text(window.hour)} UTC", "hour of usage", f"{DESK}/windows/{window.id}", window.state)
        )
    if stream := db.get(Stream, wanted):
        found.append(Hit(stream.key, "stream", f"{DESK}/streams/{stream.id}", stream.cloud))
    if adjustment := db.get(Adjustment, wanted):
        found.append(
            Hit(
                f"{adjustment.dimension} of {adjustment.contract}",
                "adjustment",
                f"{DESK}/windows/{adjustment.window_id}",
                adjustment.state,
            )
        )
    return found


def _files(db: Session, text: str) -> list[Hit]:
    """Find files by the beginning of their key: it says of itself to which stream and hour it belongs."""
    laid_out = HOUR_FILE.search(text)
    if laid_out is None:
        return []
    try:
        hour = datetime(*map(int, laid_out.groups()[3:]), tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        return []
    stream = ":".join(laid_out.groups()[:3])
    return [
        Hit(key.rpartition("/")[2], "usage file", f"{DESK}/windows/{window_id}", key)
        for window_id, key in search_rows.files_of(db, stream, hour, text)
    ]


def _many(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"

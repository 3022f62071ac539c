"""How pages of rights tell things: causes with their tone, cells that differ, what stands in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from recoup.areas.rights.histories import Difference
from recoup.areas.rights.lists import DESK, to
from recoup.areas.rights.models import Change, Report, Series
from recoup.areas.rights.rules.causes import Cause
from recoup.areas.rights.rules.layouts import LAYOUTS

CELLS = 3
LONGEST = 60

TONES = {
    "bad": (Cause.APPEALED, Cause.DISPUTED, Cause.CONFLICT, Cause.TAKEDOWN),
    "warn": (Cause.POTENTIAL, Cause.RELEASED, Cause.LEFT, Cause.MOVED, Cause.OWNERSHIP, Cause.DOWN),
    "ok": (Cause.RESOLVED, Cause.REINSTATED, Cause.NEW, Cause.BACK, Cause.NEW_ASSET, Cause.UP),
    "calm": (Cause.POLICY, Cause.STATUS, Cause.APPEARED),
}
_TONE = {str(cause): tone for tone, causes in TONES.items() for cause in causes}
SORT_TONES = {"added": "ok", "gone": "bad", "changed": "calm"}


def cause_tone(cause: str) -> str:
    """Return the tone that a cause is shown in."""
    return _TONE.get(cause, "")


@dataclass(frozen=True, slots=True)
class Told:
    """A change in words: the first cells that differ, and how many more there are."""

    cells: Sequence[Difference]
    more: int


def change_of(change: Change) -> Told:
    """Return what a line shows of a change."""
    cells = [
        Difference(name, cut(was), cut(now))
        for name, was, now in zip(change.columns, change.before, change.after, strict=True)
    ]
    return Told(cells[:CELLS], max(len(cells) - CELLS, 0))


def cut(text: str) -> str:
    """Return a text, or its beginning where it is long."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that stands in the way of newer snapshots, and where it is settled."""

    text: str
    href: str
    tone: str
    since: datetime | None
    fix: str = ""
    command: str = ""


def troubles(
    signed_out: Sequence[Series],
    parked: Sequence[tuple[Report, Series]],
    stale: Sequence[tuple[Series, Report]],
) -> list[Trouble]:
    """Return what stands in the way, a sentence for each."""
    found = [
        Trouble(
            f"{one.title}: somebody has to sign in at Google again. {one.reauth_reason or ''}".strip(),
            DESK,
            "bad",
            one.reauth_since,
            command=f"recoup rights authorise client_secret.json --owner {one.owner}",
        )
        for one in signed_out
    ]
    found += [
        Trouble(
            f"{one.title}: the report of {LAYOUTS[one.kind].noun} of {report.day} waits for you. {report.reason}",
            f"{DESK}/reports/{report.id}",
            "warn",
            report.kept_at,
            fix="Look at it, and take it or turn it away",
        )
        for report, one in parked
    ]
    found += [
        Trouble(
            f"{one.title}: the newest report of {LAYOUTS[one.kind].noun} is of {report.day}; a newer one is overdue.",
            to("reports", owner=one.owner, kind=one.kind),
            "warn",
            report.ends_at,
            fix="See its reports",
        )
        for one, report in stale
    ]
    return found

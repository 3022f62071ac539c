"""Why something changed, as far as its columns tell; the first cause of several is the one that counts most.

Status words are an open set (support.google.com/youtube/answer/106990 names those of the Content Manager), so they
are looked for inside status and detail.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum

from recoup.areas.rights.models import Kind
from recoup.areas.rights.rules.facets import Facets

RECENT = timedelta(days=7)


class Cause(StrEnum):
    """Why; in the order of how much a rights manager should care."""

    APPEALED = "appealed"
    DISPUTED = "disputed"
    CONFLICT = "ownership conflict"
    TAKEDOWN = "takedown"
    POTENTIAL = "potential"
    RELEASED = "released"
    LEFT = "left the report"
    MOVED = "moved to another asset"
    OWNERSHIP = "ownership changed"
    RESOLVED = "conflict resolved"
    REINSTATED = "reinstated"
    POLICY = "policy changed"
    STATUS = "status changed"
    NEW = "new claim"
    BACK = "back in the report"
    APPEARED = "older one appeared"
    NEW_ASSET = "new asset"
    UP = "more claims"
    DOWN = "fewer claims"
    MATCH = "match changed"
    METADATA = "metadata only"


ORDER = {cause: place for place, cause in enumerate(Cause)}
OPEN_WORDS = (
    ("APPEAL", Cause.APPEALED),
    ("DISPUT", Cause.DISPUTED),
    ("CONFLICT", Cause.CONFLICT),
    ("TAKEDOWN", Cause.TAKEDOWN),
    ("POTENTIAL", Cause.POTENTIAL),
)
_MATCH = frozenset(
    {"reference_id", "reference_video_id", "matching_duration", "longest_match", "video_matching_length"}
)
_CONFLICTS = frozenset({"conflicting_owner", "conflicting_country_code"})


def standing(status: str, detail: str) -> Cause | None:
    """Return what a claim is in the middle of, where its status words say so."""
    words = f"{status} {detail}".upper()
    return next((cause for word, cause in OPEN_WORDS if word in words), None)


def of_added(kind: str, *, was_here: bool, created: str, day: date) -> tuple[Cause, ...]:
    """Say why something is there that the snapshot before did not have; ``created`` is ``claim_created_date``."""
    if was_here:
        return (Cause.BACK,)
    if kind == Kind.ASSET:
        return (Cause.NEW_ASSET,)
    try:
        is_recent = date.fromisoformat(created) >= day - RECENT
    except ValueError:
        is_recent = True
    return (Cause.NEW if is_recent else Cause.APPEARED,)


def of_gone(facets: Facets) -> tuple[Cause, ...]:
    """Say why something is there no longer: reports are full snapshots, so it left the inventory."""
    closed = facets.status.upper() == "INACTIVE"
    return (Cause.RELEASED if closed else Cause.LEFT,)


def of_changed(kind: str, after: Mapping[str, str], was: Facets, now: Facets) -> tuple[Cause, ...]:
    """Say why something differs; ``after`` are the cells that do, as they are now, by column."""
    found = _of_asset(after, was, now) if kind == Kind.ASSET else _of_claim(after, was, now)
    return tuple(sorted(found, key=ORDER.__getitem__)) or (Cause.METADATA,)


def _of_claim(after: Mapping[str, str], was: Facets, now: Facets) -> set[Cause]:
    found: set[Cause] = set()
    if {"claim_status", "claim_status_detail"} & after.keys():
        found.add(_status(was, now))
    if any("_policy_" in name for name in after):
        found.add(Cause.POLICY)
    if "asset_id" in after:
        found.add(Cause.MOVED)
    if after.keys() & _MATCH:
        found.add(Cause.MATCH)
    return found


def _status(was: Facets, now: Facets) -> Cause:
    open_now, open_before = standing(now.status, now.detail), standing(was.status, was.detail)
    if open_now and open_now != open_before:
        return open_now
    match was.status.upper(), now.status.upper():
        case _, "INACTIVE" if was.status != now.status:
            return Cause.RELEASED
        case _, "ACTIVE" if was.status != now.status:
            return Cause.RESOLVED if open_before == Cause.CONFLICT else Cause.REINSTATED
    return Cause.RESOLVED if open_before == Cause.CONFLICT and not open_now else Cause.STATUS


def _of_asset(after: Mapping[str, str], was: Facets, now: Facets) -> set[Cause]:
    found: set[Cause] = set()
    for name in after.keys() & _CONFLICTS:
        found.add(Cause.CONFLICT if after[name] else Cause.RESOLVED)
    if "ownership" in after:
        found.add(Cause.OWNERSHIP)
    if "match_policy" in after:
        found.add(Cause.POLICY)
    if "status" in after:
        found.add(Cause.STATUS)
    if (was.claims or 0) != (now.claims or 0):
        found.add(Cause.UP if (now.claims or 0) > (was.claims or 0) else Cause.DOWN)
    return found

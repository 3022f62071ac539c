"""Decisions about sessions: whether one still holds, what its caller may do, and what they have to show first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from recoup.office.people import permissions
from recoup.office.people.models import Factor
from recoup.office.people.permissions import NEEDS_SECOND_FACTOR, WITHOUT_SECOND_FACTOR, Role

SEEN_EVERY = timedelta(minutes=1)
FRESH = timedelta(minutes=10)
"""How long after the mail code somebody may set up a second factor."""
LINK_LASTS = timedelta(hours=24)

Missing = Literal["", "factor", "enrolment"]


def holds(*, now: datetime, last_seen_at: datetime, expires_at: datetime, idle_minutes: int) -> bool:
    """Say whether a session that nobody ended still holds."""
    return now < expires_at and now - last_seen_at < timedelta(minutes=idle_minutes)


def missing(*, role: str, factor_policy: str, factor: str, has_factor: bool) -> Missing:
    """Return what stands between a session and what its person may do."""
    needed = has_factor or factor_policy == "always" or Role(role) in NEEDS_SECOND_FACTOR
    if not needed or factor != Factor.NONE:
        return ""
    return "factor" if has_factor else "enrolment"


def permitted(role: str, lacks: Missing) -> frozenset[str]:
    """Return what a role may do, while something is missing."""
    everything = permissions.of(Role(role))
    return everything & WITHOUT_SECOND_FACTOR if lacks else everything


def scoped(granted: frozenset[str], scope: str) -> frozenset[str]:
    """Return what a key of ``scope`` may do of what its owner may."""
    return granted if scope == "all" else frozenset(one for one in granted if one.endswith(".look"))


def is_fresh(proven_at: datetime, *, now: datetime) -> bool:
    """Say whether the mail code was shown a moment ago."""
    return timedelta(0) <= now - proven_at <= FRESH

"""Decisions of the outbox: when to try again, how long to wait, when to stop and ask a person."""

from __future__ import annotations

from datetime import timedelta

from recoup.office.outbox.models import State

LEASE = timedelta(minutes=5)
"""Longer than ten deliveries, two at a time, need to reach the fence at a channel's own time limits."""
HANDING_LEASE = timedelta(minutes=15)
"""A mail server may take ten minutes to answer the final dot (RFC 5321, 4.5.3.2.6)."""
MOST_CRASHES = 3
MOST_ATTEMPTS = 40
"""With pauses that grow to an hour: about a day and a half of refusals before a person is asked."""
CLAIM_AT_ONCE = 10
CHANNEL_PAUSE = timedelta(minutes=15)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=15), timedelta(hours=1)

OVER = frozenset({State.ACCEPTED, State.REFUSED, State.CANCELLED})
ERASED = frozenset({*OVER, State.UNKNOWN})
"""Where the sealed bytes of a secret delivery are gone for good."""
WAITING_FOR_A_PERSON = frozenset({State.UNKNOWN, State.HELD, State.REFUSED})


def pause_before(attempt: int, *, asked_for: timedelta | None, dice: int) -> timedelta:
    """Return how long to wait before the next try: doubling from 15 s to an hour, spread by ``dice`` (0 to 99) %.

    Where the far side named a time (Retry-After), it is never shorter than that, at most an hour.
    """
    doubled = min(_FIRST_PAUSE * (1 << min(attempt - 1, 20)), _LONGEST_PAUSE)
    spread = doubled * (50 + dice // 2) // 100
    return max(spread, min(asked_for, _LONGEST_PAUSE)) if asked_for else spread


def after_crash(state: str, *, crashes: int, dedupes: bool) -> State:
    """Return where a delivery goes whose worker died.

    Before the fence it is tried again, until it has taken three workers with it. Behind the fence it is unknown;
    the caller hands it again only where the far side ``dedupes``.
    """
    if crashes >= MOST_CRASHES and (state == State.LEASED or dedupes):
        return State.HELD
    return State.LEASED if state == State.LEASED or dedupes else State.UNKNOWN


def sealed_for(key: str) -> str:
    """Return what the sealed bytes of a delivery are bound to."""
    return f"deliveries/sealed/{key}"


def may_resolve(state: str, resolution: str, *, is_secret: bool = False) -> str | None:
    """Say why a person may not resolve a delivery in ``state`` this way, or return None."""
    allowed = {
        "again": {State.UNKNOWN, State.HELD, State.REFUSED},
        "accepted": {State.UNKNOWN, State.HELD},
        "refused": {State.UNKNOWN, State.HELD},
        "cancel": {State.PLANNED, State.UNKNOWN, State.HELD},
    }
    if resolution not in allowed:
        return f"{resolution!r} is no resolution; choose again, accepted, refused or cancel."
    if state not in allowed[resolution]:
        return f"A delivery that is {state} cannot be resolved as {resolution!r}."
    if resolution == "again" and is_secret and state in ERASED:
        return "It carried a secret, which was erased: it cannot be handed over again."
    return None

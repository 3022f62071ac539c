"""Decisions of the outbox: when to try again, how long to wait, when to stop and ask a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from recoup.office.outbox.models import Delivery, State

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
MOVING = (State.PLANNED, State.LEASED, State.HANDING, State.UNKNOWN)
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


# ---------------------------------------------------------------- for people


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to settle a delivery: what it does, when it is right, and why it is not possible (None: it is)."""

    name: str
    title: str
    does: str
    right: str
    blocked: str | None


WAYS = {
    "again": "Hand it over again",
    "accepted": "It was accepted",
    "refused": "It was refused",
    "cancel": "Give it up",
}
_DOES = {
    "again": "The same bytes are handed over once more, within seconds.",
    "accepted": "It is noted that the far side took it. Nothing is sent.",
    "refused": "It is noted that the far side did not take it, and what depends on it is told so. Nothing is sent.",
    "cancel": "It is given up for good. Nothing is sent, now or later.",
}
_RIGHT = {
    "accepted": "Right when you have seen it on the far side: in its own list, or because the recipient has it.",
    "refused": "Right when the far side has nothing of it, and it is not to be sent again.",
    "cancel": "Right when it is no longer wanted, whatever became of it.",
}
_AGAIN = {
    State.UNKNOWN: "Right when you have asked the far side and it has nothing. If it did arrive, it arrives twice.",
    State.HELD: "Right when what stopped it is mended.",
    State.REFUSED: "Right when the reason of the refusal is mended; else it is refused once more.",
}
_DEDUPES = "Safe: this far side knows a second copy by its key, and takes it once."


def choices(state: str, *, is_secret: bool, dedupes: bool) -> list[Choice]:
    """Return every way to settle a delivery, with what stands against it; none where it is over for good."""
    made = []
    for name, title in WAYS.items():
        right = _RIGHT.get(name) or _AGAIN.get(State(state), "")
        if name == "again" and dedupes and state != State.REFUSED:
            right = _DEDUPES
        blocked = why_not(state, name, is_secret=is_secret)
        made.append(Choice(name, title, _DOES[name], right, blocked))
    return made if any(choice.blocked is None for choice in made) else []


def why_not(state: str, way: str, *, is_secret: bool) -> str | None:
    """Say in a page's words why a delivery cannot be settled this way, or return None."""
    reason = may_resolve(state, way, is_secret=is_secret)
    if reason is None or (is_secret and state in _STUCK):
        return reason
    if state in {State.LEASED, State.HANDING}:
        return "A worker holds it right now."
    if state == State.PLANNED:
        return "It has not left yet, and leaves by itself."
    return f"It is over: {state}."


_STUCK = frozenset({State.UNKNOWN, State.HELD, State.REFUSED})


def effect(way: str, *, dedupes: bool) -> str:
    """Say what settling one of many this way does to it."""
    if way == "again":
        sure = "known by its key if it arrived before" if dedupes else "a second time, if it arrived before"
        return f"The same bytes are handed over: {sure}."
    return _DOES[way]


@dataclass(frozen=True, slots=True)
class Step:
    """One moment in the story of a delivery; without ``at`` it is what happens now."""

    at: datetime | None
    title: str
    text: str = ""
    by: str = ""
    state: str = ""


_SAID = {
    "outbox.accepted": "The far side accepted it",
    "outbox.refused": "The far side refused it",
    "outbox.unknown": "Nobody knows whether it arrived",
    "outbox.held": "It was held for a person",
    "outbox.cancelled": "It was given up before it left",
    "messages.planned": "The message was written",
    "messages.tested": "Somebody sent it as a test",
    "messages.refused": "The recipient's server refused it",
}


def step_of(kind: str, detail: Mapping[str, Any], *, at: datetime, by: str) -> Step:
    """Tell an event of the journal as a step of a delivery's story."""
    if kind == "outbox.resolved":
        title = f"Settled: {WAYS.get(str(detail.get('resolution')), 'as a person said').lower()}"
        return Step(at, title, str(detail.get("note") or ""), by, str(detail.get("resolution")))
    title = _SAID.get(kind) or kind.rpartition(".")[2].replace("_", " ").capitalize()
    return Step(at, title, str(detail.get("reason") or ""), by, kind.rpartition(".")[2])


def standing(delivery: Delivery) -> Step | None:
    """Tell what happens to a delivery now; None where it is over."""
    state, tries = delivery.state, delivery.attempt
    if state == State.PLANNED and tries:
        times = "once" if tries == 1 else f"{tries} times"
        return Step(None, f"Tried {times}, and it waits for its next try", delivery.reason or "", state=state)
    told = {
        State.PLANNED: "It waits for a worker",
        State.LEASED: "A worker prepares it",
        State.HANDING: "It is being handed over right now",
        State.UNKNOWN: "It waits for a person to say what became of it",
        State.HELD: "It waits for a person",
    }
    title = told.get(State(state))
    by = delivery.worker or "" if state in {State.LEASED, State.HANDING} else ""
    return Step(None, title, delivery.reason or "", by, state) if title else None


def in_words(subject: str, headers: Mapping[str, Any]) -> str:
    """Say what a delivery is about: a mail by its template and recipient, others in the words of who planned them."""
    part, _, rest = subject.partition("/")
    if part == "messages" and "to" in headers:
        template = rest.partition("/")[0].replace("_", " ").capitalize()
        return f"{template}, to {headers['to']}"
    if part == "notices" and "to" in headers:
        return f"Notice, to {headers['to']}"
    return subject


def moves(state: str) -> bool:
    """Say whether a next attempt means anything in this state."""
    return state in {State.PLANNED, State.UNKNOWN}


SETTLED = {
    "again": "It is handed over again.",
    "accepted": "It stands as accepted now.",
    "refused": "It stands as refused now.",
    "cancel": "It is given up.",
}
LONGEST_NOTE = 2_000


def note_problem(note: str) -> str | None:
    """Say why a note cannot be kept, or return None."""
    if len(note) > LONGEST_NOTE:
        return f"Write at most {LONGEST_NOTE:,} characters."
    if not all(char.isprintable() or char in "\r\n\t" for char in note):
        return "It holds characters that cannot be shown."
    return None

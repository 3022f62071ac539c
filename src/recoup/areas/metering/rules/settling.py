"""Ways out for an entry that waits for a person: what each does, and when it is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from recoup.areas.metering.models import EntryState

How = Literal["send", "restamp", "accept", "dismiss"]


@dataclass(frozen=True, slots=True)
class Way:
    """A way out: its button, what it does, when it is right, and the question before it is done."""

    how: How
    label: str
    does: str
    right: str
    confirm: str


_SEND: Mapping[str, str] = {
    EntryState.REJECTED: "Right once what the marketplace refused is mended there, such as a missing dimension.",
    EntryState.UNKNOWN: "Right once the marketplace has said that it does not have it; else it may be billed twice.",
    EntryState.HELD: "Right once whatever held it is gone.",
}
_RESTAMP: Mapping[str, str] = {
    EntryState.DUPLICATE: "Right when what stands there for this hour is not this usage, so that ours is still owed.",
    EntryState.EXPIRED: "Right where the agreement with the customer allows usage to be billed with a later hour.",
    EntryState.HELD: "Right when this hour cannot be submitted as it is, and a later one may carry it.",
    EntryState.REJECTED: "Right when it is too late for this hour, and the agreement allows a later one.",
}
_ACCEPT: Mapping[str, str] = {
    EntryState.DUPLICATE: "Right when you found out who sent it, and that it is this usage.",
    EntryState.UNKNOWN: "Right when the marketplace says that it has it.",
}


def ways_out(state: str, *, quantity: Decimal, deadline: datetime | None, now: datetime) -> Sequence[Way]:
    """Return what a person may choose for an entry, the most usual first; nothing where it needs nobody."""
    ways: list[Way] = []
    in_time = deadline is None or now < deadline
    if state in _ACCEPT:
        ways.append(
            Way(
                "accept",
                "Count as accepted",
                "Counts it as accepted. Nothing is sent.",
                _ACCEPT[state],
                "This counts the entry as accepted by the marketplace, on your word. Nothing is sent.",
            )
        )
    if state in _SEND and quantity and in_time:
        ways.append(
            Way(
                "send",
                "Send again",
                "Submits the same quantity for the same hour again.",
                _SEND[state],
                "This submits the quantity to the marketplace again, for the same hour. What it accepts cannot be "
                "taken back.",
            )
        )
    if state in _RESTAMP and quantity and not (state == EntryState.REJECTED and in_time):
        ways.append(
            Way(
                "restamp",
                "Move into the next hour",
                "Adds the quantity to what the next hour submits for this contract and dimension.",
                _RESTAMP[state],
                "This adds the quantity to the next hour's submission. It is billed then, and this entry is over.",
            )
        )
    if state in {EntryState.REJECTED, EntryState.EXPIRED, EntryState.HELD}:
        ways.append(
            Way(
                "dismiss",
                "Let it go",
                "Ends the entry. Its usage is never billed.",
                "Right when nobody is to pay for it: a test, a customer who left, a sum not worth the trouble.",
                "This lets the usage go: it is never billed. The journal keeps who decided it, and your note.",
            )
        )
    return ways

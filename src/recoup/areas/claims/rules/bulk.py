"""What can be done to many claims at once, and to which of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recoup.areas.claims.models import Status
from recoup.areas.claims.rules.statuses import MOVES, OPEN, TITLES


@dataclass(frozen=True, slots=True)
class Way:
    """Something that is done to each chosen claim: what the button says, and what will happen to one.

    ``status`` is empty where a claim only changes hands: to who asks where ``is_mine`` holds, else to nobody.
    """

    title: str
    effect: str
    icon: str
    status: str = ""
    reason_code: str = ""
    needs_notes: bool = False
    is_mine: bool = False


WAYS: Mapping[str, Way] = {
    "take": Way("Take", "You have it on your desk.", "user-check", is_mine=True),
    "give_back": Way("Give back", "Nobody has it on their desk.", "arrow-back-up"),
    "review": Way(
        "Take under review",
        "It comes under review, and the claimant gets a mail.",
        "eye",
        Status.UNDER_REVIEW,
    ),
    "duplicate": Way(
        "Reject as duplicate",
        "It is rejected as filed twice, and the claimant gets a mail with your notes.",
        "copy",
        Status.REJECTED,
        "duplicate",
        needs_notes=True,
    ),
    "complete": Way(
        "Complete",
        "It is completed, and the claimant gets a mail.",
        "checks",
        Status.COMPLETED,
    ),
}


def why_not(
    way: Way, *, status: str, is_own: bool, waits: bool, has_open_payment: bool, is_history: bool
) -> str | None:
    """Return why this cannot be done to a claim, or None; what changes until then is told afterwards."""
    said = TITLES[status].lower()
    if way.status:
        is_possible = way.status in MOVES[status]
        not_so = f"It is {said}."
    else:
        is_possible = status in OPEN
        not_so = f"It is {said}; nobody has to take it."
    reasons = (
        (is_history, "It was decided elsewhere, and is here for the figures only."),
        (is_own, "Nobody decides on their own claim."),
        (not is_possible, not_so),
        (bool(way.status) and waits, "A decision on it waits for a second person."),
        (way.status == Status.COMPLETED and has_open_payment, "The approved amount is not paid yet."),
    )
    return next((sentence for holds, sentence in reasons if holds), None)

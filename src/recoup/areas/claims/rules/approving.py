"""What of each part of a claim is approved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from recoup.areas.claims.rules.statuses import REASONS
from recoup.core.errors import Invalid


class ClaimedLine(Protocol):
    """A part of a claim, as it was filed; minor units."""

    position: int
    title: str
    claimed_minor: int


@dataclass(frozen=True, slots=True)
class ApprovedLine:
    """What is approved of the part at ``position``, in minor units, and why it is less where it is."""

    position: int
    approved_minor: int
    reason_code: str = ""


def check_lines(claimed: Sequence[ClaimedLine], approved: Sequence[ApprovedLine], amount: int) -> None:
    """Raise Invalid unless the approved parts are those of the claim, within bounds, with reasons, and add up.

    A claim without parts takes none; one with parts may still be approved as a whole, without any.
    """
    if not approved:
        return
    parts = {one.position: one for one in claimed}
    if sorted(one.position for one in approved) != sorted(parts):
        raise Invalid(
            "The parts are not those of the claim.", fix="Give each of its parts once, by its position."
        )
    for one in approved:
        part = parts[one.position]
        if not 0 <= one.approved_minor <= part.claimed_minor:
            raise Invalid(f"{part.title}: the approved amount is not between nothing and what was claimed.")
        if one.reason_code and one.reason_code not in REASONS:
            raise Invalid(f"{part.title}: {one.reason_code[:40]!r} is no reason code.")
        if one.approved_minor < part.claimed_minor and not one.reason_code:
            raise Invalid(f"{part.title}: less than was claimed needs a reason code.")
    if sum(one.approved_minor for one in approved) != amount:
        raise Invalid("The approved parts do not add up to the approved amount.")

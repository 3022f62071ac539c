"""Whether a policy covers the day of an incident."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Protocol

from recoup.areas.claims.models import PolicyStatus
from recoup.core.errors import BadRequest, Invalid

EARLY = timedelta(days=5)


class Cover(Protocol):
    """What of a policy decides."""

    policy_number: str
    status: str
    start_date: date
    end_date: date


def check(policy: Cover, incident: date, *, today: date) -> None:
    """Raise BadRequest where no claim can be filed on the policy for that day, Invalid for a day that is to come.

    ``today`` is the claimant's own day. The policy's dates decide, whatever its status says; both its first and its
    last day are covered.
    """
    if incident > today:
        raise Invalid(f"The incident date {incident} is in the future.")
    if policy.status == PolicyStatus.CANCELLED:
        raise BadRequest(
            f"Cannot file claim for inactive policy {policy.policy_number}: it was cancelled.",
            fix="Ask your insurer if it should not have been.",
        )
    if not policy.start_date <= incident <= policy.end_date:
        raise BadRequest(
            f"Cannot file claim for inactive policy {policy.policy_number}: on {incident} it did not apply, "
            f"it runs from {policy.start_date} to {policy.end_date}.",
            fix="Choose the policy that was in force on that day.",
        )


def is_active(policy: Cover, *, today: date) -> bool:
    """Say whether the policy applies today."""
    return policy.status == PolicyStatus.ACTIVE and policy.start_date <= today <= policy.end_date

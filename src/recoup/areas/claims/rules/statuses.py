"""How a claim moves from one status to another, and what each move needs (contracts/claims.md, 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from recoup.areas.claims.models import Status
from recoup.core.errors import Conflict, Invalid

MOVES: Mapping[str, frozenset[str]] = {
    Status.PENDING: frozenset({Status.UNDER_REVIEW, Status.REJECTED}),
    Status.UNDER_REVIEW: frozenset({Status.APPROVED, Status.REJECTED, Status.PENDING}),
    Status.APPROVED: frozenset({Status.COMPLETED}),
    Status.REJECTED: frozenset({Status.UNDER_REVIEW}),
    Status.COMPLETED: frozenset(),
}
OPEN = frozenset({Status.PENDING, Status.UNDER_REVIEW})
TITLES: Mapping[str, str] = {
    Status.PENDING: "Pending",
    Status.UNDER_REVIEW: "Under review",
    Status.APPROVED: "Approved",
    Status.REJECTED: "Rejected",
    Status.COMPLETED: "Completed",
}
REASONS: Mapping[str, str] = {
    "withdrawn": "Withdrawn by the claimant",
    "duplicate": "Filed twice",
    "not_covered": "Not covered by the policy",
    "outside_period": "Outside the policy's period",
    "excluded": "Excluded by the policy's terms",
    "no_evidence": "Not shown by the documents",
    "over_limit": "Above what the policy pays",
    "deductible": "Deductible",
    "depreciation": "Depreciation",
    "not_plausible": "The account does not hold",
    "appeal": "Appeal",
    "reopened": "Opened again",
    "more_information": "More information is needed",
    "other": "Another reason",
}
"""Why a claim, or a part of one, was decided so."""
EARLY_REJECTIONS = frozenset({"withdrawn", "duplicate"})
"""Before anybody reviewed it, a claim is rejected for these alone."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A move that somebody asks for: ``amount`` is the approved sum in minor units."""

    status: str
    notes: str = ""
    reason_code: str = ""
    amount: int | None = None


def check(
    asked: Asked, *, was: str, claimed: int, most: int | None = None, has_open_payment: bool = False
) -> None:
    """Raise Conflict where a claim cannot move so, Invalid where the move lacks something or says too much.

    ``claimed`` and ``most`` (what the policy pays at most) are minor units. A claim that stays where it is takes
    notes, and nothing else: its decision is made.
    """
    if asked.status == was:
        if asked.amount is not None or asked.reason_code:
            raise Conflict(
                f"The claim is {TITLES[was].lower()} already.", fix="Read it again; only notes can be added."
            )
        if not asked.notes:
            raise Invalid(f"The claim is {TITLES[was].lower()} already, and there are no notes to add.")
        return
    if asked.status not in MOVES[was]:
        raise Conflict(_impossible(asked.status, was))
    if asked.reason_code and asked.reason_code not in REASONS:
        raise Invalid(
            f"{asked.reason_code[:40]!r} is no reason code.", fix=f"Give one of {', '.join(sorted(REASONS))}."
        )
    if asked.status == Status.APPROVED:
        _check_amount(asked.amount, claimed=claimed, most=most)
    elif asked.amount is not None:
        raise Invalid("Only a claim that is approved has an approved amount.")
    _check_reasons(asked, was)
    if asked.status == Status.COMPLETED and has_open_payment:
        raise Conflict("The approved amount is not paid yet.", fix="Mark the payment as paid or void first.")


def _check_amount(amount: int | None, *, claimed: int, most: int | None) -> None:
    if amount is None:
        raise Invalid("An approval needs the approved amount.", fix="Give approved_amount.")
    if amount <= 0:
        raise Invalid(
            "The approved amount has to be more than nothing.", fix="To pay nothing, reject the claim."
        )
    if amount > claimed:
        raise Invalid("The approved amount is more than what was claimed.")
    if most is not None and amount > most:
        raise Invalid("The approved amount is more than the policy pays for one claim.")


def _check_reasons(asked: Asked, was: str) -> None:
    match (was, asked.status):
        case (Status.PENDING, Status.REJECTED) if asked.reason_code not in EARLY_REJECTIONS:
            raise Invalid(
                "A claim that nobody reviewed is rejected as withdrawn or as a duplicate only.",
                fix="Give reason_code withdrawn or duplicate, or take it under review first.",
            )
        case (_, Status.REJECTED) if not asked.notes:
            raise Invalid("A rejection needs notes: the claimant is told why.", fix="Give status_notes.")
        case (Status.REJECTED, Status.UNDER_REVIEW) if not asked.notes:
            raise Invalid("A claim is opened again with a note on why.", fix="Give status_notes.")
        case (Status.UNDER_REVIEW, Status.PENDING) if not asked.notes:
            raise Invalid("The claimant has to be told what is missing.", fix="Give status_notes.")


def _impossible(wanted: str, was: str) -> str:
    nexts = [TITLES[one].lower() for one in Status if one in MOVES[was]]
    way = f"It can become {' or '.join(nexts)}." if nexts else "Nothing follows that."
    return f"A claim that is {TITLES[was].lower()} cannot become {TITLES[wanted].lower()}. {way}"


@dataclass(frozen=True, slots=True)
class ServiceLevels:
    """How long a claim may stand in a status, and until when a rejection can be appealed."""

    pending: timedelta
    under_review: timedelta
    payment: timedelta
    appeal: timedelta

    def due(self, status: str, since: datetime) -> datetime | None:
        """Return when a status that began at ``since`` should have ended; None where nothing is waited for."""
        match status:
            case Status.PENDING:
                return since + self.pending
            case Status.UNDER_REVIEW:
                return since + self.under_review
            case Status.APPROVED:
                return since + self.payment
            case Status.REJECTED:
                return since + self.appeal
        return None

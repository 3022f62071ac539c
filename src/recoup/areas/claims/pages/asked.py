"""What the form of a decision asks for, read: the words of a person into a move, or into what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from recoup.areas.claims.models import Claim, Line, Status
from recoup.areas.claims.rules import wording
from recoup.areas.claims.rules.approving import ApprovedLine
from recoup.areas.claims.rules.statuses import REASONS
from recoup.areas.claims.rules.wording import LONGEST_NOTES
from recoup.areas.claims.service import reviewing
from recoup.areas.claims.service.moves import By, House, Move, Moved
from recoup.core.errors import Invalid

STATUSES: Mapping[str, str] = {
    "approve": Status.APPROVED,
    "reject": Status.REJECTED,
    "review": Status.UNDER_REVIEW,
    "complete": Status.COMPLETED,
    "reopen": Status.UNDER_REVIEW,
}
NEEDS_NOTES: Mapping[str, str] = {
    "reject": "A rejection needs notes: the claimant is told why.",
    "ask": "Write what is missing: the claimant is told so.",
    "reopen": "Write why the claim is opened again.",
}
VERSION_DIGITS = 10
NOTHING = frozenset({"0", "0.0", "0.00", "0.000"})


class Wrong(Exception):
    """A form that cannot be read: a sentence for each field that is wrong."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: a move, or more from the claimant (``is_ask``)."""

    how: str
    claim_id: int
    move: Move

    def do(self, db: Session, *, by: By, house_: House, now: datetime) -> Moved:
        """Do it; raise what the use cases do."""
        if self.how == "ask":
            return reviewing.ask(
                db, self.claim_id, self.move.notes, version=self.move.version, by=by, house_=house_, now=now
            )
        return reviewing.decide(db, self.claim_id, self.move, by=by, house_=house_, now=now)


def words(typed: Mapping[str, str | list[str]]) -> dict[str, str]:
    """Return what stands in a form, one text for each field."""
    return {name: value if isinstance(value, str) else value[-1] for name, value in typed.items()}


def read(claim: Claim, lines: Sequence[Line], typed: Mapping[str, str]) -> Asked:
    """Read a decision; raise Wrong with a sentence for each field that is wrong, Invalid where nothing is asked."""
    how = typed.get("how", "")
    if how not in STATUSES and how != "ask":
        raise Invalid("Choose what is to be decided.")
    errors: dict[str, str] = {}
    notes = _notes(how, typed.get("notes", ""), errors)
    reason = typed.get("reason", "")
    if reason and reason not in REASONS:
        errors["reason"] = "Choose one of the reasons."
    amount: int | None = None
    parts: list[ApprovedLine] = []
    if how == "approve":
        amount, parts = _approved(claim, lines, typed, errors)
    if errors:
        raise Wrong(errors)
    status = STATUSES.get(how, Status.PENDING)
    takes_reason = how in {"approve", "reject"}
    code = reason if takes_reason else "reopened" if how == "reopen" else ""
    return Asked(how, claim.id, Move(status, notes, code, amount, parts, version_of(typed)))


def version_of(typed: Mapping[str, str]) -> int | None:
    """Return the version that somebody saw; None where the form does not say."""
    text = typed.get("version", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= VERSION_DIGITS):
        raise Invalid("This form is broken.", fix="Load the page again.")
    return int(text)


def _notes(how: str, text: str, errors: dict[str, str]) -> str:
    try:
        notes = wording.text(text, what="The notes", longest=LONGEST_NOTES)
    except Invalid as error:
        errors["notes"] = error.sentence()
        return ""
    if not notes and how in NEEDS_NOTES:
        errors["notes"] = NEEDS_NOTES[how]
    return notes


def _approved(
    claim: Claim, lines: Sequence[Line], typed: Mapping[str, str], errors: dict[str, str]
) -> tuple[int | None, list[ApprovedLine]]:
    """Return the approved amount, minor units: as it is typed, or what the parts add up to where they are decided."""
    if not (lines and typed.get("by_line")):
        return _minor(claim, typed.get("amount", ""), "amount", errors), []
    parts = []
    for line in lines:
        name = f"line-{line.position}"
        text = typed.get(name, "").strip()
        minor = 0 if text in NOTHING else _minor(claim, text, name, errors)
        reason = typed.get(f"reason-{line.position}", "")
        if minor is not None:
            parts.append(ApprovedLine(line.position, minor, reason))
    return sum(one.approved_minor for one in parts), parts


def _minor(claim: Claim, text: str, name: str, errors: dict[str, str]) -> int | None:
    try:
        return wording.amount(text, claim.currency, what="The approved amount").minor
    except Invalid as error:
        errors[name] = error.sentence()
        return None

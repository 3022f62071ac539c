"""Claims that were decided elsewhere, read from a line each: they stand here for the figures only.

Each keeps the id that it had there in the last line of its description, so that bringing it in again is told from
bringing in another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from recoup.areas.claims.models import Status
from recoup.areas.claims.rules import cells as reading
from recoup.areas.claims.rules import wording
from recoup.areas.claims.rules.columns import Columns, Known
from recoup.areas.claims.rules.statuses import REASONS
from recoup.core.errors import Invalid

SOURCE = "Source: "
"""What the last line of a description begins with: ``Source: nfip 60e7fb9f-…``."""
LONGEST_SOURCE = 200
LONGEST_WORD = 200
LONGEST_DESCRIPTION = 9_000
NO_NOTES = "Rejected; the reason was not given."


@dataclass(frozen=True, slots=True)
class PastClaim:
    """A claim that was decided elsewhere. Amounts are minor units of ``currency``; instants are midnights in UTC.

    ``raised_minor`` is by how much what was claimed counts as more than the source says, because more was paid.
    """

    line: int
    source: str
    policy_number: str
    person_name: str
    claim_type: str
    incident_date: date
    description: str
    currency: str
    claim_minor: int
    approved_minor: int | None
    status: str
    status_notes: str
    reason_code: str
    filed_at: datetime
    decided_at: datetime
    cause: str
    loss_location: str
    raised_minor: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """A form that such files have: its columns, and how a line is read. ``about`` says in a few words whose it is."""

    name: str
    about: str
    columns: Known
    read: Callable[[int, Mapping[str, str], str], PastClaim]

    def claim(self, line: int, cells: Sequence[str], place: Columns, *, currency: str) -> PastClaim:
        """Read a line; raise Invalid where it is no claim. ``currency`` is that of lines which name none."""
        return self.read(line, {name: place.cell(cells, name) for name in self.columns.spellings}, currency)


def described(text: str, source: str) -> str:
    """Return a description with the id that the claim had elsewhere."""
    return f"{text}\n{SOURCE}{source}" if text else f"{SOURCE}{source}"


def midnight(day: date) -> datetime:
    """Return the beginning of a day in UTC."""
    return datetime.combine(day, time(), UTC)


def _own(line: int, cell: Mapping[str, str], default: str) -> PastClaim:
    """Read a line of the layout ``recoup``."""
    source = wording.text(cell["source_id"], what="The source_id", longest=LONGEST_SOURCE, required=True)
    if "\n" in source:
        raise Invalid("The source_id has more than one line.")
    currency = reading.currency(cell["currency"] or default)
    incident = _day(cell, "incident_date")
    filed = _day(cell, "filed_at") if cell["filed_at"] else incident
    decided = _day(cell, "decided_at")
    if not incident <= filed <= decided:
        raise Invalid(
            f"It happened on {incident}, was filed on {filed} and decided on {decided}: that is out of order."
        )
    claimed = _amount(cell, "claimed_amount", currency)
    if claimed <= 0:
        raise Invalid("Nothing was claimed in it.")
    approved = _amount(cell, "approved_amount", currency) if cell["approved_amount"] else 0
    is_rejected = _is_rejected(cell["status"])
    if is_rejected == (approved > 0):
        raise Invalid(
            f"It is {cell['status'][:40]}, and {'something' if approved else 'nothing'} was approved."
        )
    if approved > claimed:
        raise Invalid("More was approved than was claimed.")
    reason = cell["reason_code"]
    if reason and reason not in REASONS:
        raise Invalid(f"{reason[:40]!r} is no reason code.", fix=f"Give one of {', '.join(sorted(REASONS))}.")
    notes = wording.text(cell["notes"], what="The notes", longest=wording.LONGEST_NOTES)
    text = wording.text(cell["description"], what="The description", longest=LONGEST_DESCRIPTION)
    return PastClaim(
        line=line,
        source=f"recoup {source}",
        policy_number=_word(cell, "policy_number"),
        person_name=_word(cell, "claimant") or "Imported",
        claim_type=wording.claim_type(cell["claim_type"]),
        incident_date=incident,
        description=described(text, f"recoup {source}"),
        currency=currency,
        claim_minor=claimed,
        approved_minor=None if is_rejected else approved,
        status=Status.REJECTED if is_rejected else Status.COMPLETED,
        status_notes=notes or (NO_NOTES if is_rejected else ""),
        reason_code=reason,
        filed_at=midnight(filed),
        decided_at=midnight(decided),
        cause=_word(cell, "cause"),
        loss_location=_word(cell, "loss_location"),
    )


def _is_rejected(text: str) -> bool:
    word = reading.plain(text)
    if word not in _OUTCOMES:
        raise Invalid(f"The status {text[:40]!r} is no decision.", fix="Give completed or rejected.")
    return _OUTCOMES[word]


def _day(cell: Mapping[str, str], name: str) -> date:
    if not cell[name]:
        raise Invalid(f"It has no {name}.")
    return reading.day(cell[name], what=f"The {name}")


def _amount(cell: Mapping[str, str], name: str, currency: str) -> int:
    if not cell[name]:
        raise Invalid(f"It has no {name}.")
    return reading.amount(cell[name], currency, what=f"The {name}").minor


def _word(cell: Mapping[str, str], name: str) -> str:
    return wording.text(cell[name], what=f"The {name}", longest=LONGEST_WORD).replace("\n", " ")


_OUTCOMES = {"rejected": True, "declined": True, "completed": False, "approved": False, "paid": False}
OWN = Layout(
    name="recoup",
    about="Claims in Recoup's own columns",
    columns=Known(
        spellings={
            "source_id": ("id", "claim id", "claim number"),
            "claim_type": ("type",),
            "incident_date": ("incident", "date of loss", "loss date"),
            "claimed_amount": ("claimed", "claim amount"),
            "approved_amount": ("approved", "paid amount"),
            "currency": ("ccy",),
            "status": ("decision", "outcome"),
            "filed_at": ("filed", "reported at", "created at"),
            "decided_at": ("decided", "closed at"),
            "policy_number": ("policy", "policy no"),
            "claimant": ("name", "claimant name"),
            "description": (),
            "notes": ("status notes", "reason"),
            "reason_code": (),
            "cause": (),
            "loss_location": ("location", "place"),
        },
        required=("source_id", "claim_type", "incident_date", "claimed_amount", "status", "decided_at"),
    ),
    read=_own,
)

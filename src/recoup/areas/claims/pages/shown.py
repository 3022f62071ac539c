"""How claims read to who decides on them: what happened, by whom and why; documents, and what reading them found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from recoup.areas.claims.models import (
    Claim,
    Decision,
    DecisionState,
    Document,
    Flag,
    History,
    Payment,
    PaymentState,
    Proposal,
)
from recoup.areas.claims.pages.shown_mine import TONES
from recoup.areas.claims.rules.flags import TITLES as FLAG_TITLES
from recoup.areas.claims.rules.statuses import REASONS, TITLES
from recoup.core.money import Money, exponent
from recoup.office.journal.telling import who

LARGEST_CONFIDENCE, SURE, UNSURE = 1_000, 800, 500
FIELD_TITLES: Mapping[str, str] = {
    "date": "Date",
    "amount": "Amount",
    "currency": "Currency",
    "supplier": "Supplier",
}
FACT_TITLES: Mapping[str, str] = {
    "pages": "Pages",
    "made_at": "Made",
    "changed_at": "Changed",
    "camera": "Camera",
    "software": "Software",
}


Namer = Callable[[str], str]
"""Writes who did something, of how the journal has it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a claim, as who defends a decision needs it: when, what, by whom, why."""

    at: datetime
    title: str
    by: str
    reason: str = ""
    text: str = ""
    tone: str = ""


def namer(claim: Claim, history: Sequence[History]) -> Namer:
    """Return what writes who did something: the claimant by name, as not everybody who looks may know their address."""
    first = next((row for row in history if row.was is None), None)
    claimant = who(first.actor) if first is not None else None

    def named(actor: str) -> str:
        name = who(actor)
        return claim.person_name if name == claimant else name

    return named


def story(
    claim: Claim,
    *,
    history: Sequence[History],
    decisions: Iterable[Decision],
    payments: Iterable[Payment],
    flags: Iterable[Flag],
    documents: Iterable[Document],
) -> list[Step]:
    """Return all that happened to a claim, the earliest first."""
    named = namer(claim, history)
    steps = [_move(row, claim.currency, named) for row in history]
    for one in decisions:
        steps += _decision(one, claim.currency, named)
    steps += [_ended(one, named) for one in payments if one.ended_at is not None]
    steps += [
        Step(
            one.resolved_at,
            f"Flag looked at: {FLAG_TITLES[one.kind].lower()}",
            named(one.resolved_by),
            f"It was {one.finding}",
            one.note,
        )
        for one in flags
        if one.resolved_at is not None
    ]
    steps += [
        Step(one.uploaded_at, f"Document added: {one.file_name}", named(one.uploaded_by))
        for one in documents
        if one.uploaded_at > claim.created_at
    ]
    return sorted(steps, key=lambda one: one.at)


def _move(row: History, currency: str, named: Namer) -> Step:
    reason, by = REASONS.get(row.reason_code, row.reason_code), named(row.actor)
    if row.was is None:
        return Step(row.at, "Filed", by, tone="calm")
    if row.was == row.status:
        return Step(row.at, "Note added", by, text=row.notes)
    title = f"{TITLES[row.was]} → {TITLES[row.status].lower()}"
    if row.amount_minor is not None:
        title += f": {Money(row.amount_minor, currency)}"
    return Step(row.at, title, by, reason, row.notes, TONES[row.status])


def _decision(one: Decision, currency: str, named: Namer) -> list[Step]:
    """Tell of a second person; what was decided alone is told by its move."""
    if one.second_at is None and one.state != DecisionState.WAITING:
        return []
    amount = Money(one.amount_minor, currency)
    asked = Step(
        one.first_at,
        f"Approval of {amount} waits for a second person",
        named(one.first_by),
        REASONS.get(one.reason_code, ""),
        one.notes,
        "odd",
    )
    if one.second_at is None:
        return [asked]
    by = named(one.second_by or one.first_by)
    if one.state == DecisionState.DECLINED:
        return [
            asked,
            Step(one.second_at, f"Approval of {amount} sent back", by, text=one.second_note, tone="warn"),
        ]
    return [
        asked,
        Step(one.second_at, f"Approval of {amount} confirmed", by, text=one.second_note, tone="ok"),
    ]


def _ended(one: Payment, named: Namer) -> Step:
    at, amount = one.ended_at or one.opened_at, Money(one.amount_minor, one.currency)
    if one.state == PaymentState.PAID:
        return Step(at, f"{amount} paid", named(one.ended_by), text=f"Reference: {one.reference}", tone="ok")
    return Step(at, f"Payment of {amount} void", named(one.ended_by), text=one.reference, tone="warn")


# ---------------------------------------------------------------- amounts, documents, readings


def units(minor: int, currency: str) -> str:
    """Write an amount as it is typed: ``1250.00``."""
    return f"{Decimal(minor).scaleb(-exponent(currency)):f}"


def about_file(document: Document) -> list[tuple[str, str]]:
    """Return what is known of a document's file, in pairs of a title and what it says."""
    facts = document.facts
    found = [(title, str(facts[name])) for name, title in FACT_TITLES.items() if facts.get(name)]
    if facts.get("width") and facts.get("height"):
        found.append(("Pixels", f"{facts['width']} by {facts['height']}"))
    if facts.get("has_location"):
        found.append(("Place", "it named where it was taken; that is not kept"))
    return found


def is_about(flag: Flag, document: Document) -> bool:
    """Say whether a flag was raised because of a document."""
    return flag.about == str(document.id)


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading a document found: one field, how sure that is in percent, and where on its page it stands."""

    row: Proposal
    title: str
    value: str
    percent: int
    tone: str
    left: int
    top: int
    width: int
    height: int

    @property
    def is_amount(self) -> bool:
        """Whether it is an amount that could be approved."""
        return self.row.field == "amount"


def readings(rows: Sequence[Proposal]) -> list[Reading]:
    """Return what reading a document found, as it is shown."""
    found = []
    for row in rows:
        left, top, right, bottom = (int(one) for one in row.box) if len(row.box) == 4 else (0, 0, 0, 0)  # noqa: PLR2004
        tone = "ok" if row.confidence >= SURE else "" if row.confidence >= UNSURE else "warn"
        percent = round(100 * row.confidence / LARGEST_CONFIDENCE)
        sides = (left, top, max(right - left, 0), max(bottom - top, 0))
        found.append(Reading(row, FIELD_TITLES.get(row.field, row.field), row.value, percent, tone, *sides))
    return found

"""How claims read to those who filed them: where each stands, what happens next, what happened so far."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from recoup.areas.claims.documents import kinds
from recoup.areas.claims.models import (
    Claim,
    Document,
    DocumentState,
    History,
    Note,
    Payment,
    PaymentState,
    Policy,
    PolicyStatus,
    Status,
)
from recoup.areas.claims.rules import cover
from recoup.areas.claims.rules.statuses import REASONS
from recoup.areas.claims.rules.telling import amount
from recoup.areas.claims.service import claimant
from recoup.core.money import Money

TONES: Mapping[str, str] = {
    Status.PENDING: "calm",
    Status.UNDER_REVIEW: "warn",
    Status.APPROVED: "ok",
    Status.REJECTED: "bad",
    Status.COMPLETED: "odd",
}
"""As the mails' colours: a claimant sees the same green in both."""
TROUBLE_IS_TOLD = timedelta(days=30)
_WITHDRAWN = "withdrawn"
_WIRE_NAME = re.compile(r" \([a-z_]+\)")


@dataclass(frozen=True, slots=True)
class Next:
    """What happens next with a claim, and until when; ``late`` where that moment is over."""

    text: str
    until: datetime | None = None
    tone: str = "calm"
    late: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to a claim. ``who`` is ``you``, ``reviewer`` or ``claim``, which moved by itself."""

    at: datetime
    title: str
    who: str
    icon: str
    text: str = ""
    tone: str = ""
    waits: bool = False
    """It asks the claimant for something that has not come."""


def can_appeal(claim: Claim, *, now: datetime) -> bool:
    """Say whether a rejection can be appealed still."""
    is_rejected = claim.status == Status.REJECTED and claim.reason_code != _WITHDRAWN
    return is_rejected and claim.due_at is not None and now <= claim.due_at


def next_of(claim: Claim, payment: Payment | None, *, now: datetime) -> Next:
    """Return what happens next; ``payment`` is the claim's last one."""
    late = claim.due_at is not None and now > claim.due_at
    match claim.status:
        case Status.PENDING | Status.UNDER_REVIEW:
            return _deciding(claim, late=late)
        case Status.APPROVED:
            return _paying(claim, payment, late=late)
        case Status.REJECTED:
            return _appealing(claim, late=late)
    return Next("Nothing more: the claim is completed.", tone="ok")


def _deciding(claim: Claim, *, late: bool) -> Next:
    if claim.asked_at is not None:
        turn = "It is your turn: the reviewer asked for something. Your claim goes on when it is here."
        return Next(turn, tone="warn")
    is_new = claim.status == Status.PENDING
    text = "A reviewer takes up your claim" if is_new else "A reviewer looks at your claim and decides"
    return Next(text, claim.due_at, late=late)


def _appealing(claim: Claim, *, late: bool) -> Next:
    if claim.reason_code == _WITHDRAWN:
        return Next("Nothing more: the claim was withdrawn. You can file it again at any time.")
    if late:
        return Next("Nothing more: the time for an appeal is over.")
    return Next("If you think that this is wrong, you can appeal", claim.due_at, tone="warn")


def _paying(claim: Claim, payment: Payment | None, *, late: bool) -> Next:
    if payment is None or payment.state == PaymentState.OPEN:
        owed = _money(claim.approved_minor, claim.currency)
        return Next(f"{owed} are paid to you", claim.due_at, tone="ok", late=late)
    if payment.state == PaymentState.VOID:
        return Next("The payment was called off. Write to the reviewer if you do not know why.", tone="warn")
    return Next(
        "The amount was paid. The claim is completed soon, and there is nothing for you to do.", tone="ok"
    )


def stream(
    claim: Claim,
    *,
    me: str,
    history: Iterable[History],
    notes: Iterable[Note],
    documents: Iterable[Document],
    payments: Iterable[Payment],
) -> list[Entry]:
    """Return everything that happened to a claim and was said about it, the newest first.

    ``me`` is who reads, as the journal names them: what others did is the reviewer's, without a name.
    """
    entries = [_move(row, claim.currency, is_mine=row.actor.partition(":")[2] == me) for row in history]
    entries += [_said(one) for one in notes]
    entries += [
        Entry(one.uploaded_at, f"You added {one.file_name}", "you", "file")
        for one in documents
        if one.uploaded_at > claim.created_at
    ]
    entries += [_ended(one) for one in payments if one.ended_at is not None]
    return sorted(entries, key=lambda one: one.at)[::-1]  # of one moment, the later line first


_MOVES: Mapping[str, tuple[str, str, str]] = {
    "filed": ("You filed the claim", "send", ""),
    "noted": ("The reviewer added a note", "message", ""),
    "appealed": ("You appealed", "repeat", "warn"),
    "reopened": ("The claim was opened again", "repeat", "warn"),
    "withdrew": ("You withdrew the claim", "arrow-back-up", ""),
    "withdrawn": ("The claim was withdrawn", "arrow-back-up", ""),
    Status.PENDING: ("The reviewer needs something from you", "hourglass", "warn"),
    Status.UNDER_REVIEW: ("A reviewer looks at your claim", "eye", "warn"),
    Status.APPROVED: ("{amount} were approved", "circle-check", "ok"),
    Status.REJECTED: ("The claim was rejected", "circle-x", "bad"),
    Status.COMPLETED: ("The claim is completed", "checks", "odd"),
}
"""What each move is called, with its icon and tone."""


def _move(row: History, currency: str, *, is_mine: bool) -> Entry:
    kind = _kind(row, is_mine=is_mine)
    title, icon, tone = _MOVES[kind]
    is_decision = kind in {Status.APPROVED, Status.REJECTED}
    text = "" if kind in {"withdrew", "withdrawn"} and row.notes == claimant.WITHDRAWN else row.notes
    return Entry(
        row.at,
        title.format(amount=_money(row.amount_minor, currency)),
        "you" if is_mine or kind == "filed" else "reviewer",
        icon,
        _joined(REASONS.get(row.reason_code, ""), text) if is_decision else text,
        tone,
    )


def _kind(row: History, *, is_mine: bool) -> str:
    if row.was is None:
        return "filed"
    if row.was == row.status:
        return "noted"
    if (row.was, row.status) == (Status.REJECTED, Status.UNDER_REVIEW):
        return "appealed" if is_mine else "reopened"
    if row.status == Status.REJECTED and row.reason_code == _WITHDRAWN:
        return "withdrew" if is_mine else "withdrawn"
    return row.status


def _said(note: Note) -> Entry:
    if not note.from_staff:
        return Entry(note.at, "You wrote", "you", "message", note.text)
    title = "The reviewer asks" if note.is_request else "The reviewer wrote"
    waits = note.is_request and note.answered_at is None
    return Entry(note.at, title, "reviewer", "message", note.text, "warn" if waits else "", waits)


def _ended(payment: Payment) -> Entry:
    at = payment.ended_at or payment.opened_at
    if payment.state == PaymentState.PAID:
        title = f"{_money(payment.amount_minor, payment.currency)} were paid"
        return Entry(at, title, "claim", "coin", f"Reference: {payment.reference}", "ok")
    return Entry(at, "The payment was called off", "claim", "ban", payment.reference, "warn")


def _joined(reason: str, text: str) -> str:
    return f"{reason}. {text}".strip() if reason else text


def _money(minor: int | None, currency: str) -> str:
    return amount(Money(minor or 0, currency))


# ---------------------------------------------------------------- documents and policies


def pages_of(document: Document) -> int:
    """Return how many pages of a document can be drawn; none of a Word file, nor of what is not given out."""
    if document.state != DocumentState.KEPT or not can_be_drawn(document):
        return 0
    pages = document.facts.get("pages")
    return pages if isinstance(pages, int) and pages > 0 else 1


def can_be_drawn(document: Document) -> bool:
    """Say whether there are pictures of a document of this kind."""
    return document.kind in {str(kind) for kind in kinds.PREVIEW_TYPES}


def why_not_given(document: Document) -> str:
    """Return the sentence why nobody gets a document; empty where they do."""
    name = document.file_name
    match document.state:
        case DocumentState.HELD:
            return f"{name} waits for the virus scanner, and is given out when that found nothing."
        case DocumentState.INFECTED:
            return f"{name} is not given out: the virus scanner found {document.reason} in it."
        case DocumentState.WITHDRAWN:
            return f"{name} was withdrawn: {document.reason}"
    return ""


@dataclass(frozen=True, slots=True)
class PolicyShown:
    """A policy as its holder sees it: one word on how it stands, and whether a claim can be filed on it at all."""

    row: Policy
    standing: str
    tone: str
    takes_claims: bool


def policies(rows: Sequence[Policy], *, today: date) -> list[PolicyShown]:
    """Return policies with how they stand today, those that apply first."""
    shown = [_policy(row, today=today) for row in rows]
    return sorted(shown, key=lambda one: (one.standing != "active", not one.takes_claims))


def _policy(row: Policy, *, today: date) -> PolicyShown:
    if row.status == PolicyStatus.CANCELLED:
        return PolicyShown(row, "cancelled", "bad", takes_claims=False)
    if today < row.start_date:
        return PolicyShown(row, "not begun", "calm", takes_claims=False)
    if cover.is_active(row, today=today):
        return PolicyShown(row, "active", "ok", takes_claims=True)
    return PolicyShown(row, "ended", "", takes_claims=True)  # what happened before its end is covered


def typed_day(text: str) -> str:
    """Write a day as pages do, from how it was typed; what is no day stays as it is."""
    try:
        return f"{date.fromisoformat(text.strip()):%d %b %Y}"
    except ValueError:
        return text


def plain(sentence: str) -> str:
    """Return a sentence of the rules without the name that a field has in the API."""
    return _WIRE_NAME.sub("", sentence)

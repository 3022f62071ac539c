"""The lists of the review desk, as pages show and exports write them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from recoup.areas.claims import spans
from recoup.areas.claims.queries import desk_rows
from recoup.areas.claims.queries.desk_rows import DeskRow
from recoup.areas.claims.rules.figures import Step
from recoup.areas.claims.rules.statuses import REASONS, TITLES
from recoup.areas.claims.rules.wording import TYPES
from recoup.areas.claims.spans import Reviewer, SpanRow
from recoup.core.errors import Invalid
from recoup.web.lists import Column, Filter, Listing, Order, read_day
from recoup.web.shown import duration

MAY = "claims.look"
DECIDES = "claims.decide"
DESK = "/desk/claims"
SHOW = (
    ("overdue", "overdue"),
    ("flagged", "flagged"),
    ("risk", "at risk"),
    ("asked", "asked for more"),
    ("second", "waiting for a second person"),
)
DESKS = (("mine", "mine"), ("nobody", "nobody's"), ("others", "somebody else's"))
CURRENCY_LETTERS = 3


def _currency(typed: str) -> str:
    if not (len(typed) == CURRENCY_LETTERS and typed.isascii() and typed.isalpha()):
        raise Invalid(f"{typed[:20]!r} is not a currency.", fix="Write three letters, such as EUR.")
    return typed.upper()


def _due(row: DeskRow) -> str:
    left = row.due_in
    if left is None:
        return ""
    return f"in {duration(left)}" if left > timedelta() else f"{duration(-left)} late"


TYPE = Filter("type", "Type", tuple(TYPES.items()))
NUMBER = Filter("number", "Claim number begins", read=str.upper, placeholder="CLM-2025…")
POLICY = Filter("policy", "Policy number", placeholder="the whole number")
CLAIMANT = Filter("claimant", "Claimant", placeholder="name or address")
CURRENCY = Filter("currency", "Currency", read=_currency, placeholder="EUR")
_EXACTLY: tuple[Column[DeskRow], ...] = (
    Column("policy", "Policy", lambda row: row.claim.policy_number, on_page=False),
    Column("incident", "Incident", lambda row: row.claim.incident_date, on_page=False),
    Column("updated", "Last changed", lambda row: row.claim.updated_at, "instant", on_page=False),
    Column("version", "Version", lambda row: row.claim.version, "whole", on_page=False),
    Column("id", "Id", lambda row: row.id, on_page=False),
)

QUEUE: Listing[DeskRow] = Listing(
    name="claims_queue",
    title="Claims to decide",
    may=MAY,
    columns=(
        Column("number", "Claim", lambda row: row.claim.claim_number, "id"),
        Column("claimant", "Claimant", lambda row: row.claim.person_name),
        Column("type", "Type", lambda row: TYPES[row.claim.claim_type]),
        Column("amount", "Claimed", lambda row: row.amount, "money"),
        Column("risk", "At risk", lambda row: row.amount if row.is_at_risk else None, "money", on_page=False),
        Column("flags", "Flags", lambda row: row.flags, "whole"),
        Column("status", "Status", lambda row: row.claim.status, "state"),
        Column("standing", "Note", lambda row: row.standing, "state"),
        Column("age", "Age", lambda row: row.age, "duration"),
        Column("due_in", "Due", _due),
        Column("assignee", "With", lambda row: "your own claim" if row.is_own else row.assignee),
        Column("filed", "Filed", lambda row: row.claim.created_at, "instant", on_page=False),
        Column("due", "Due at", lambda row: row.claim.due_at, "instant", on_page=False),
        Column("asked", "Asked for more", lambda row: row.claim.asked_at, "instant", on_page=False),
        *_EXACTLY,
    ),
    orders=(
        Order("due", "what is due first", "due_in", descending=False),
        Order("last_due", "what is due last", "due_in"),
        Order("oldest", "the oldest first", "age", descending=False),
        Order("newest", "the newest first", "age"),
        Order("largest", "the largest amount first", "amount"),
        Order("smallest", "the smallest amount first", "amount", descending=False),
        Order("risk", "the largest value at risk first; what is not at risk is left out"),
        Order("flags", "the most flags first", "flags"),
    ),
    filters=(
        Filter("show", "Only", SHOW),
        Filter("desk", "With", DESKS),
        Filter("status", "Status", tuple((one, TITLES[one]) for one in ("pending", "under_review"))),
        TYPE,
        CLAIMANT,
        POLICY,
        NUMBER,
        CURRENCY,
    ),
    rows=desk_rows.queue,
    href=lambda row: f"{DESK}/{row.id}",
    empty="No claim waits to be decided.",
    todo="Claims stand here from the moment that they are filed until they are approved or rejected.",
)

CLAIMS: Listing[DeskRow] = Listing(
    name="claims",
    title="All claims",
    may=MAY,
    columns=(
        Column("number", "Claim", lambda row: row.claim.claim_number, "id"),
        Column("claimant", "Claimant", lambda row: row.claim.person_name),
        Column("type", "Type", lambda row: TYPES[row.claim.claim_type]),
        Column("amount", "Claimed", lambda row: row.amount, "money"),
        Column("approved", "Approved", lambda row: row.approved or "", "money"),
        Column("status", "Status", lambda row: row.claim.status, "state"),
        Column("reason", "Reason", lambda row: REASONS.get(row.claim.reason_code, "")),
        Column("filed", "Filed", lambda row: row.claim.created_at, "instant"),
        Column("decided", "Decided", lambda row: row.claim.decided_at, "instant"),
        Column("due", "Due", lambda row: row.claim.due_at, "instant", on_page=False),
        Column("flags", "Open flags", lambda row: row.flags, "whole", on_page=False),
        Column("assignee", "With", lambda row: row.assignee, on_page=False),
        Column("history", "Imported history", lambda row: row.claim.is_history, "yes", on_page=False),
        *_EXACTLY,
    ),
    orders=(
        Order("newest", "the newest first", "filed"),
        Order("oldest", "the oldest first", "filed", descending=False),
        Order("largest", "the largest amount first", "amount"),
        Order("smallest", "the smallest amount first", "amount", descending=False),
    ),
    filters=(
        Filter("status", "Status", tuple(TITLES.items())),
        TYPE,
        CLAIMANT,
        POLICY,
        NUMBER,
        CURRENCY,
        Filter("since", "Filed from", kind="day", read=read_day),
        Filter("until", "Filed to", kind="day", read=read_day),
        Filter("unpaid", "Payment", (("yes", "owed and unpaid"),)),
        Filter("history", "Imported history", (("yes", "only"), ("no", "without"))),
    ),
    rows=desk_rows.everything,
    href=lambda row: f"{DESK}/{row.id}",
    empty="No claim was filed yet.",
    todo="Policy holders file claims under My claims, or over the API.",
)

_PERIOD = (
    Filter("since", "From day", kind="day", read=read_day),
    Filter("until", "To day", kind="day", read=read_day),
    Filter("step", "By", tuple((str(one), str(one)) for one in Step)),
)
HISTORY = Filter("history", "Imported history", (("no", "without"),))

FIGURES: Listing[SpanRow] = Listing(
    name="claims_figures",
    title="Figures of claims",
    may=MAY,
    columns=(
        Column("first", "From", lambda row: row.first),
        Column("last", "To", lambda row: row.last),
        Column("type", "Type", lambda row: TYPES[row.amounts.claim_type]),
        Column("filed", "Filed", lambda row: row.amounts.filed, "whole"),
        Column("claimed", "Claimed", lambda row: row.amounts.claimed, "money"),
        Column("approved", "Approved", lambda row: row.amounts.approved, "whole"),
        Column("rejected", "Rejected", lambda row: row.amounts.rejected, "whole"),
        Column("of_approved", "Claimed on what was approved", lambda row: row.amounts.of_approved, "money"),
        Column("paid", "Approved amount", lambda row: row.amounts.paid, "money"),
    ),
    orders=(
        Order("oldest", "the earliest first", "first", descending=False),
        Order("newest", "the latest first", "first"),
    ),
    filters=(*_PERIOD, TYPE, CURRENCY, HISTORY),
    rows=spans.span_rows,
    empty="Nothing was filed or decided in these days.",
)

REVIEWERS: Listing[Reviewer] = Listing(
    name="claims_reviewers",
    title="Reviewers of claims",
    may=MAY,
    columns=(
        Column("name", "Reviewer", lambda row: row.name),
        Column("decided", "Decided", lambda row: row.decided, "whole"),
        Column("approved", "Approved", lambda row: row.approved, "whole"),
        Column("rejected", "Rejected", lambda row: row.rejected, "whole"),
        Column("hours", "Half decided within hours", lambda row: row.hours, "whole"),
        Column("open", "Open now", lambda row: row.open, "whole"),
    ),
    orders=(Order("decided", "who decided most first", "decided"),),
    filters=_PERIOD,
    rows=spans.reviewer_rows,
    empty="Nobody has decided a claim yet.",
)

ALL: tuple[Listing[Any], ...] = (QUEUE, CLAIMS, FIGURES, REVIEWERS)

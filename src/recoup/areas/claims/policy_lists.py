"""The list of policies, as its page shows and exports write it."""

from __future__ import annotations

from recoup.areas.claims.models import PolicyKind, PolicyStatus
from recoup.areas.claims.queries import policy_sheets
from recoup.areas.claims.queries.policy_sheets import Held
from recoup.core.money import Money
from recoup.web.lists import Column, Filter, Listing, Order, read_day

HERE = "/desk/claims/policies"
MAY = "claims.look"


def premium(row: Held) -> Money:
    """Return what a policy costs."""
    return Money(row.policy.premium_minor, row.policy.currency)


def sum_insured(row: Held) -> Money | None:
    """Return the most that a policy pays for one claim; None where there is no bound."""
    insured = row.policy.sum_insured_minor
    return None if insured is None else Money(insured, row.policy.currency)


def _choices(words: type[PolicyKind | PolicyStatus]) -> tuple[tuple[str, str], ...]:
    return tuple((str(word), str(word)) for word in words)


POLICIES: Listing[Held] = Listing(
    name="claims_policies",
    title="Policies",
    may=MAY,
    columns=(
        Column(
            "number",
            "Number",
            lambda row: row.policy.policy_number,
            link=lambda row: f"{HERE}/{row.policy.id}",
        ),
        Column("kind", "Type", lambda row: row.policy.kind),
        Column("holder", "Holder", lambda row: row.address),
        Column("name", "Name", lambda row: row.name),
        Column("start_date", "First day", lambda row: row.policy.start_date),
        Column("end_date", "Last day", lambda row: row.policy.end_date),
        Column("premium", "Premium", premium, "money"),
        Column("sum_insured", "Sum insured", sum_insured, "money"),
        Column("status", "Status", lambda row: row.policy.status, "state"),
        Column("auto_renew", "Renews itself", lambda row: row.policy.auto_renew, "yes", on_page=False),
        Column("created_at", "Added", lambda row: row.policy.created_at, "instant", on_page=False),
        Column("updated_at", "Changed", lambda row: row.policy.updated_at, "instant", on_page=False),
        Column("id", "Id", lambda row: row.policy.id, "whole", on_page=False),
    ),
    orders=(
        Order("newest", "the last added first"),
        Order("oldest", "the first added first", descending=False),
        Order("number", "by number", "number", descending=False),
    ),
    filters=(
        Filter("text", "Number or holder", placeholder="H-2026 or ada@"),
        Filter("kind", "Type", _choices(PolicyKind)),
        Filter("status", "Status", _choices(PolicyStatus)),
        Filter("applies", "Applies on", kind="day", read=read_day),
    ),
    rows=policy_sheets.policies,
    href=lambda row: f"{HERE}/{row.policy.id}",
    empty="There are no policies yet.",
    todo="An administrator brings them in from a CSV file or an Excel workbook; you see what would change first.",
)

"""Names and types of policies and their import on the wire."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from recoup.areas.claims.queries.policy_sheets import Held
from recoup.areas.claims.rules import cover, differing
from recoup.areas.claims.schemas import PolicyShown
from recoup.areas.claims.service.policies import Plan
from recoup.web.wire import Shown


class PolicyHeld(PolicyShown):
    """A policy, and who holds it; the holder is null for those who may not see people."""

    holder_email: str | None
    holder_name: str | None

    @classmethod
    def held(cls, row: Held, *, today: date) -> PolicyHeld:
        """Show a policy with its holder."""
        plain = PolicyShown.of(row.policy, is_active=cover.is_active(row.policy, today=today))
        return cls(**dict(plain), holder_email=row.address, holder_name=row.name)


class DifferenceShown(Shown):
    """One column of a policy, as it stands and as it would be; amounts with their currency."""

    column: str
    before: str
    after: str


class ChangeShown(Shown):
    """A policy that would be added or changed, and the line of the sheet that says so."""

    line: int
    policy_number: str
    differences: list[DifferenceShown]


class RejectionShown(Shown):
    """A line that is not taken, and why."""

    line: int
    reason: str


class TouchedShown(Shown):
    """An open claim that would lose its cover, or the holder of its policy."""

    claim_id: int
    claim_number: str
    policy_number: str
    incident_date: date
    why: str


class ImportShown(Shown):
    """What a sheet of policies would change, or has changed: rows = added + changed + same + rejected.

    Lists hold the first 100.
    """

    applied: bool
    rows: int
    added: int
    changed: int
    same: int
    rejected: int
    people: int = Field(description="Holders who would be added as customers.")
    claims_touched: int
    notes: list[str]
    additions: list[ChangeShown]
    changes: list[ChangeShown]
    rejections: list[RejectionShown]
    claims: list[TouchedShown]
    apply: str | None = Field(
        description="Send it as the field `apply` with the same file: exactly this is done, or nothing."
    )

    @classmethod
    def of(cls, plan: Plan, *, applied: bool) -> ImportShown:
        """Show a plan."""
        return cls(
            applied=applied,
            rows=plan.rows,
            added=plan.new,
            changed=plan.changed,
            same=plan.same,
            rejected=plan.rejected,
            people=plan.people,
            claims_touched=plan.touched,
            notes=list(plan.notes),
            additions=[_change(one) for one in plan.additions],
            changes=[_change(one) for one in plan.changes],
            rejections=[RejectionShown(line=one.line, reason=one.reason) for one in plan.rejections],
            claims=[TouchedShown.model_validate(one) for one in plan.claims],
            apply=None if applied else plan.digest,
        )


def _change(change: differing.Beside) -> ChangeShown:
    found = [
        DifferenceShown(column=one.column, before=one.before, after=one.after)
        for one in differing.differences(change)
    ]
    return ChangeShown(line=change.line, policy_number=change.policy_number, differences=found)

"""Commands that show claims and their flags."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from cyclopts import Parameter

from recoup.areas.claims.cli.common import ClaimName, approved, claim_of, claimed
from recoup.areas.claims.models import Claim, Status
from recoup.areas.claims.queries import claim_rows, document_rows, flag_rows
from recoup.areas.claims.rules.flags import TITLES
from recoup.areas.claims.schemas import Amount, FlagShown, units
from recoup.core.money import Money
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Json, Limit
from recoup.web.wire import Instant, Page, Shown, page_of


class ClaimListed(Shown):
    """A claim in a list."""

    id: int
    claim_number: str
    status: str
    claim_type: str
    incident_date: date
    claimant: str
    policy_number: str
    claim_amount: Amount
    approved_amount: Amount | None
    currency: str
    open_flags: int
    due_at: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, row: Claim) -> ClaimListed:
        """Show a claim."""
        granted = row.approved_minor
        return cls(
            id=row.id,
            claim_number=row.claim_number,
            status=row.status,
            claim_type=row.claim_type,
            incident_date=row.incident_date,
            claimant=row.person_name,
            policy_number=row.policy_number,
            claim_amount=units(row.claim_minor, row.currency),
            approved_amount=None if granted is None else units(granted, row.currency),
            currency=row.currency,
            open_flags=row.open_flags,
            due_at=row.due_at,
            created_at=row.created_at,
        )


class LookCommands:
    """Looking, changing nothing."""

    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def list_(
        self,
        *,
        status: Annotated[Status | None, Parameter(help="Only what stands there.")] = None,
        flagged: Annotated[
            bool, Parameter(negative="", help="Only with a flag that nobody looked at.")
        ] = False,
        after: Annotated[str | None, Parameter(help="Go on where the page before ended.")] = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """List claims, the newest first."""
        with self._opened() as system, system.sessions.begin() as db:
            found = claim_rows.page(db, owner=None, status=status, flagged=flagged, after=after, limit=limit)
            items = [ClaimListed.of(one) for one in found.rows]
        columns = {
            "NUMBER": lambda one: one.claim_number,
            "STATUS": lambda one: one.status,
            "CLAIMED": lambda one: f"{one.claim_amount} {one.currency}",
            "APPROVED": lambda one: "" if one.approved_amount is None else f"{one.approved_amount}",
            "TYPE": lambda one: one.claim_type,
            "INCIDENT": lambda one: one.incident_date,
            "CLAIMANT": lambda one: one.claimant,
            "POLICY": lambda one: one.policy_number,
            "FLAGS": lambda one: one.open_flags or "",
            "DUE": lambda one: one.due_at,
            "ID": lambda one: one.id,
        }
        page = Page[ClaimListed](items=items, next=found.next)
        output.listing(page, columns, as_json=json, empty="There are no claims.", go_on="--after")

    def show(self, claim: ClaimName, *, json: Json = False) -> None:
        """Show a claim: what happened, its documents, its history, what was decided and paid."""
        with self._opened() as system, system.sessions.begin() as db:
            row = claim_of(db, claim)
            if json:
                from recoup.areas.claims.api.common import in_full  # noqa: PLC0415 - no other command pays for the web

                output.document(in_full(db, system, row, for_staff=True, now=system.clock()))
                return
            documents = document_rows.of_claim(db, row.id)
            lines, moves = claim_rows.lines(db, row.id), claim_rows.histories(db, [row.id])[row.id]
            payments, flags = claim_rows.payments(db, row.id), flag_rows.of_claims(db, [row.id])[row.id]
            waiting = claim_rows.waiting(db, row.id)
        output.fields(
            {
                "Number": row.claim_number,
                "Id": row.id,
                "Status": row.status,
                "Notes": row.status_notes,
                "Reason": row.reason_code,
                "Claimed": claimed(row),
                "Approved": approved(row),
                "Waits": f"{Money(waiting.amount_minor, row.currency)} for a second person"
                if waiting
                else "",
                "Type": row.claim_type,
                "Incident": row.incident_date,
                "Description": row.description,
                "Claimant": row.person_name,
                "Policy": row.policy_number,
                "Filed": row.created_at,
                "Due": row.due_at,
                "Version": row.version,
                "Imported": "decided elsewhere" if row.is_history else "",
                "Parts": [f"{one.title} {Money(one.claimed_minor, row.currency)}" for one in lines],
                "Documents": [f"{one.file_name} ({one.state})" for one in documents],
                "Payments": [
                    f"{Money(one.amount_minor, one.currency)} {one.state} {one.reference}" for one in payments
                ],
                "Open flags": [one.reason for one in flags if one.resolved_at is None],
            }
        )
        if moves:
            output.say("")
            told = {
                "WHEN": lambda one: one.at,
                "WHO": lambda one: one.actor,
                "STATUS": lambda one: one.status,
                "REASON": lambda one: one.reason_code,
                "NOTES": lambda one: one.notes,
            }
            output.table(told, moves, empty="")

    def flags(self, claim: ClaimName, *, json: Json = False) -> None:
        """List why somebody should look twice at a claim, and what looking came to."""
        with self._opened() as system, system.sessions.begin() as db:
            row = claim_of(db, claim)
            found = flag_rows.of_claims(db, [row.id])[row.id]
        columns = {
            "ID": lambda one: one.id,
            "WHY": lambda one: TITLES.get(one.flag_reason, one.flag_reason),
            "WHAT": lambda one: one.flag_details,
            "FOUND": lambda one: one.finding or "nobody looked yet",
            "NOTE": lambda one: one.note,
        }
        page = page_of(FlagShown, [FlagShown.of(one) for one in found])
        output.listing(page, columns, as_json=json, empty="Nothing about this claim is flagged.")

"""Names and types of claims on the wire, as contracts/claims.md has them; amounts are exact JSON numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, WithJsonSchema

from recoup.areas.claims.models import (
    Claim,
    Decision,
    Document,
    Finding,
    Flag,
    History,
    Line,
    Note,
    Payment,
    Policy,
    Status,
)
from recoup.core.money import exponent
from recoup.web.wire import Asked, Instant, Shown, Word
from recoup.web.wire import Note as NoteText

Amount = Annotated[Decimal, WithJsonSchema({"type": "number"}, mode="serialization")]
"""Whole units of the currency beside it, exactly."""

LONGEST_AMOUNT = 40


def _written(value: Any) -> str:
    """Take an amount as a number or as text, and leave reading it to the rules."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError("it is not an amount")  # noqa: TRY004 - pydantic wants ValueError
    text = format(value, "f") if isinstance(value, Decimal) and _is_short(value) else str(value)
    if len(text) > LONGEST_AMOUNT:
        raise ValueError("it is longer than any amount")
    return text


def _is_short(value: Decimal) -> bool:
    return value.is_finite() and abs(value.adjusted()) < LONGEST_AMOUNT


AmountAsked = Annotated[
    str,
    BeforeValidator(_written),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]}),
]
"""An amount as somebody sends it: a JSON number, or text."""

Version = Annotated[int, Field(ge=1, le=2**31)]
Reason = Annotated[str, Field(max_length=40)]


def units(minor: int, currency: str) -> Decimal:
    """Return minor units as whole units, with as many digits as the currency has."""
    return Decimal(minor).scaleb(-exponent(currency))


class PolicyShown(Shown):
    """A policy of the caller's."""

    id: int
    policy_number: str
    policy_type: str
    start_date: date
    end_date: date
    premium: Amount
    sum_insured: Amount | None
    currency: str
    status: str
    auto_renew: bool
    is_active: bool = Field(description="Whether it applies today.")

    @classmethod
    def of(cls, row: Policy, *, is_active: bool) -> PolicyShown:
        """Show a policy."""
        insured = row.sum_insured_minor
        return cls(
            id=row.id,
            policy_number=row.policy_number,
            policy_type=row.kind,
            start_date=row.start_date,
            end_date=row.end_date,
            premium=units(row.premium_minor, row.currency),
            sum_insured=None if insured is None else units(insured, row.currency),
            currency=row.currency,
            status=row.status,
            auto_renew=row.auto_renew,
            is_active=is_active,
        )


class DocumentShown(Shown):
    """A document; ``s3_url`` is a link that works for a few minutes, null while a document is held."""

    id: int
    file_name: str
    file_type: str
    file_size: int
    s3_url: str | None
    state: str
    uploaded_at: Instant

    @classmethod
    def of(cls, row: Document, url: str | None) -> DocumentShown:
        """Show a document."""
        return cls(
            id=row.id,
            file_name=row.file_name,
            file_type=row.media_type,
            file_size=row.size,
            s3_url=url,
            state=row.state,
            uploaded_at=row.uploaded_at,
        )


class HistoryShown(Shown):
    """One move of a claim, or a note on it."""

    id: int
    status: str
    notes: str
    reason_code: str
    created_at: Instant

    @classmethod
    def of(cls, row: History) -> HistoryShown:
        """Show a move."""
        return cls(
            id=row.id, status=row.status, notes=row.notes, reason_code=row.reason_code, created_at=row.at
        )


class FlagShown(Shown):
    """Why somebody should look twice; shown to reviewers only."""

    id: int
    flag_reason: str
    flag_details: str
    is_resolved: bool
    finding: str | None
    note: str
    created_at: Instant

    @classmethod
    def of(cls, row: Flag) -> FlagShown:
        """Show a flag."""
        return cls(
            id=row.id,
            flag_reason=row.kind,
            flag_details=row.reason,
            is_resolved=row.resolved_at is not None,
            finding=row.finding,
            note=row.note,
            created_at=row.created_at,
        )


class LineShown(Shown):
    """A part of a claim."""

    position: int
    title: str
    claimed_amount: Amount
    approved_amount: Amount | None
    reason_code: str

    @classmethod
    def of(cls, row: Line, currency: str) -> LineShown:
        """Show a part."""
        approved = row.approved_minor
        return cls(
            position=row.position,
            title=row.title,
            claimed_amount=units(row.claimed_minor, currency),
            approved_amount=None if approved is None else units(approved, currency),
            reason_code=row.reason_code,
        )


class WaitingShown(Shown):
    """An approval that waits for a second person."""

    amount: Amount
    decided_by: str
    decided_at: Instant
    notes: str

    @classmethod
    def of(cls, row: Decision, currency: str) -> WaitingShown:
        """Show a decision."""
        return cls(
            amount=units(row.amount_minor, currency),
            decided_by=row.first_by,
            decided_at=row.first_at,
            notes=row.notes,
        )


class PaymentShown(Shown):
    """What is owed to the claimant, or was paid."""

    amount: Amount
    currency: str
    state: str
    reference: str
    opened_at: Instant
    ended_at: Instant | None

    @classmethod
    def of(cls, row: Payment) -> PaymentShown:
        """Show a payment."""
        return cls(
            amount=units(row.amount_minor, row.currency),
            currency=row.currency,
            state=row.state,
            reference=row.reference,
            opened_at=row.opened_at,
            ended_at=row.ended_at,
        )


class ClaimShown(Shown):
    """A claim with what hangs on it."""

    id: int
    claim_number: str
    user_policy_id: int | None
    claim_type: str
    incident_date: date
    description: str
    claim_amount: Amount
    currency: str
    status: str
    status_notes: str | None
    reason_code: str
    approved_amount: Amount | None
    version: int
    due_at: Instant | None
    created_at: Instant
    updated_at: Instant
    documents: list[DocumentShown]
    history: list[HistoryShown]
    fraud_flags: list[FlagShown]

    @classmethod
    def of(
        cls,
        row: Claim,
        *,
        documents: Sequence[Document],
        urls: Mapping[int, str],
        history: Sequence[History],
        flags: Sequence[Flag],
    ) -> ClaimShown:
        """Show a claim; ``urls`` are links by the document's id."""
        approved = row.approved_minor
        return cls(
            id=row.id,
            claim_number=row.claim_number,
            user_policy_id=row.policy_id,
            claim_type=row.claim_type,
            incident_date=row.incident_date,
            description=row.description,
            claim_amount=units(row.claim_minor, row.currency),
            currency=row.currency,
            status=row.status,
            status_notes=row.status_notes or None,
            reason_code=row.reason_code,
            approved_amount=None if approved is None else units(approved, row.currency),
            version=row.version,
            due_at=row.due_at,
            created_at=row.created_at,
            updated_at=row.updated_at,
            documents=[DocumentShown.of(one, urls.get(one.id)) for one in documents],
            history=[HistoryShown.of(one) for one in history],
            fraud_flags=[FlagShown.of(one) for one in flags],
        )


class ClaimInFull(ClaimShown):
    """A claim with its parts, its payments and what waits."""

    lines: list[LineShown]
    payments: list[PaymentShown]
    waiting: WaitingShown | None = Field(
        description="An approval above its reviewer's limit; shown to reviewers only."
    )


class ClaimsShown(Shown):
    """How claims stand as a whole."""

    total_claims: int
    pending_claims: int
    total_payout: dict[str, Amount] = Field(description="What was approved, by currency.")
    fraud_alerts: int


class UrlShown(Shown):
    """A link to a document that works for some minutes."""

    url: str


class LineAsked(Asked):
    """What of one part is approved."""

    position: Annotated[int, Field(ge=1, le=1000)]
    approved_amount: AmountAsked
    reason_code: Reason = ""


class StatusAsked(Asked):
    """A move of a claim. A word that is no status is answered with 400, as the contract has it (4.1)."""

    status: Annotated[str, Field(json_schema_extra={"enum": [one.value for one in Status]})]
    status_notes: NoteText | None = None
    approved_amount: AmountAsked | None = None
    reason_code: Reason | None = None
    lines: Annotated[list[LineAsked], Field(max_length=50, default_factory=list)]
    version: Version | None = Field(
        default=None, description="The version that was seen; `If-Match` says the same."
    )


class ClaimNamed(Asked):
    """One of many claims, with the version that was seen, and what of it is approved."""

    id: Annotated[int, Field(ge=1, le=2**63 - 1)]
    version: Version | None = None
    approved_amount: AmountAsked | None = None


class BulkAsked(Asked):
    """A move of many claims, each by itself."""

    claims: Annotated[list[ClaimNamed], Field(min_length=1, max_length=200)]
    status: Status
    status_notes: NoteText | None = None
    reason_code: Reason | None = None


class BulkResult(Shown):
    """What became of one claim."""

    id: int
    outcome: Literal["done", "waiting", "refused"] = Field(
        description="`waiting`: the approval is above the reviewer's limit, and waits for a second person."
    )
    claim_number: str
    status: str
    detail: str = Field(description="Why it was left as it is; empty where it was not.")


class BulkShown(Shown):
    """What became of each claim, in the order in which they were named."""

    id: UUID
    done: int
    waiting: int
    refused: int
    results: list[BulkResult]


class DecisionAsked(Asked):
    """What a second person says of an approval."""

    confirm: bool
    note: NoteText = ""
    version: Version | None = None


class PaymentAsked(Asked):
    """What became of a payment."""

    state: Literal["paid", "void"]
    reference: Word


class SaidAsked(Asked):
    """A few words: why a claim is withdrawn or appealed, or a message."""

    note: NoteText = ""


class NoteAsked(Asked):
    """A message on a claim."""

    text: Annotated[NoteText, Field(min_length=1)]
    is_request: bool = Field(default=False, description="A reviewer asks for a document or an answer.")


class NoteShown(Shown):
    """A message on a claim."""

    id: UUID
    at: Instant
    author: str
    from_staff: bool
    is_request: bool
    text: str

    @classmethod
    def of(cls, row: Note) -> NoteShown:
        """Show a message."""
        return cls.model_validate(row)


class FindingAsked(Asked):
    """What looking at a flag came to."""

    finding: Finding
    note: Annotated[NoteText, Field(min_length=1)]


class AssigneeAsked(Asked):
    """Who is to have a claim."""

    to: Literal["me", "nobody"]

"""Tables of claims. Every row belongs to the policy holder in ``person_id``; row security (0010, 0012) shows it so.

Policies, claims, documents, history and flags are numbered, because the API names them by number; what the API does
not name has our usual ids.
"""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from recoup.core.db import Base

OPEN = "status in ('pending', 'under_review')"
DECIDED = "status in ('approved', 'rejected') and reason_code <> 'withdrawn'"
"""A move that decided a claim; a claim that its claimant withdrew was not decided."""
CENTS = "char_length(currency) = 3 and currency = upper(currency)"


class PolicyStatus(StrEnum):
    """What the insurer says of a policy; its dates decide, too."""

    ACTIVE = "active"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class PolicyKind(StrEnum):
    """What a policy covers."""

    AUTO = "auto"
    HEALTH = "health"
    LIFE = "life"
    HOME = "home"
    TRAVEL = "travel"
    OTHER = "other"


class ClaimType(StrEnum):
    """What a claim is about."""

    MEDICAL = "medical"
    ACCIDENT = "accident"
    PROPERTY_DAMAGE = "property_damage"
    THEFT = "theft"
    FIRE = "fire"
    NATURAL_DISASTER = "natural_disaster"
    OTHER = "other"


class Status(StrEnum):
    """Where a claim stands (contracts/claims.md, 4.2)."""

    PENDING = "pending"
    UNDER_REVIEW = "under_review"
    APPROVED = "approved"
    REJECTED = "rejected"
    COMPLETED = "completed"


class DocumentState(StrEnum):
    """``held``: not yet looked at by the virus scanner, and not given to anybody."""

    KEPT = "kept"
    HELD = "held"
    INFECTED = "infected"
    WITHDRAWN = "withdrawn"


class PaymentState(StrEnum):
    """What became of a sum that was approved."""

    OPEN = "open"
    PAID = "paid"
    VOID = "void"


class DecisionState(StrEnum):
    """A decision above its reviewer's limit waits for a second person."""

    WAITING = "waiting"
    APPLIED = "applied"
    DECLINED = "declined"


class FlagKind(StrEnum):
    """Why somebody should look twice at a claim."""

    SAME_DOCUMENT = "same_document"
    SIMILAR_PICTURE = "similar_picture"
    EARLY = "early"
    BEFORE_START = "before_start"
    LARGE = "large"
    OUTLIER = "outlier"
    VELOCITY = "velocity"
    ROUND = "round"
    FILE_DATE = "file_date"


class Finding(StrEnum):
    """What looking at a flag came to."""

    RIGHT = "right"
    WRONG = "wrong"


def _listed(words: type[StrEnum]) -> str:
    return ", ".join(f"'{word}'" for word in words)


class Policy(Base):
    """A policy of a person: what it covers, from its first to its last day, both included.

    ``sum_insured_minor`` is the most that is paid for one claim, where there is such a bound.
    """

    __tablename__ = "claims_policies"
    __table_args__ = (
        CheckConstraint(f"kind in ({_listed(PolicyKind)})", name="kind"),
        CheckConstraint(f"status in ({_listed(PolicyStatus)})", name="status"),
        CheckConstraint("end_date >= start_date", name="days"),
        CheckConstraint("premium_minor >= 0", name="premium_not_negative"),
        CheckConstraint("sum_insured_minor > 0", name="sum_insured_positive"),
        CheckConstraint(CENTS, name="currency"),
        CheckConstraint("length(policy_number) between 1 and 64", name="number_length"),
        Index("ix_claims_policies_person_id_id", "person_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True)
    policy_number: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    kind: Mapped[str]
    start_date: Mapped[date]
    end_date: Mapped[date]
    premium_minor: Mapped[int]
    sum_insured_minor: Mapped[int | None]
    currency: Mapped[str]
    status: Mapped[str]
    auto_renew: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Claim(Base):
    """One claim. ``version`` grows with every move; ``due_at`` is when its status should have ended.

    ``is_history``: it was imported, decided elsewhere, and stands for figures only. ``assignee_id`` is the reviewer
    who has it. ``person_name`` and ``policy_number`` are as they were at filing.
    """

    __tablename__ = "claims"
    __table_args__ = (
        CheckConstraint("claim_number ~ '^CLM-[0-9]{8}-[0-9A-F]{8}$'", name="number"),
        CheckConstraint(f"claim_type in ({_listed(ClaimType)})", name="type"),
        CheckConstraint(f"status in ({_listed(Status)})", name="status"),
        CheckConstraint(CENTS, name="currency"),
        CheckConstraint("claim_minor > 0", name="amount_positive"),
        CheckConstraint("approved_minor > 0 and approved_minor <= claim_minor", name="approved_bounded"),
        CheckConstraint(
            "(approved_minor is not null) = (status in ('approved', 'completed'))",
            name="approved_with_amount",
        ),
        CheckConstraint(
            "(decided_at is not null) = (status in ('approved', 'rejected', 'completed'))", name="decided"
        ),
        CheckConstraint("status <> 'rejected' or status_notes <> ''", name="rejected_with_notes"),
        CheckConstraint("length(description) between 1 and 10000", name="description_length"),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("open_flags >= 0", name="open_flags"),
        CheckConstraint(f"due_at is not null or not ({OPEN})", name="open_is_due"),
        Index("ix_claims_person_id_id", "person_id", "id"),
        Index("ix_claims_policy_id", "policy_id"),
        # The desk: what is open, by age, by amount, by what somebody should look at, by when it is due.
        Index("ix_claims_open_id", "id", postgresql_where=text(OPEN), postgresql_include=["person_id"]),
        Index("ix_claims_open_amount", "claim_minor", "id", postgresql_where=text(OPEN)),
        # What hangs on these is counted and summed without a look at the rows themselves. Row security looks at
        # person_id, so without it there they could not be.
        Index(
            "ix_claims_open_due",
            "due_at",
            "id",
            postgresql_where=text(OPEN),
            postgresql_include=[
                "claim_minor",
                "currency",
                "open_flags",
                "status",
                "created_at",
                "claim_type",
                "assignee_id",
                "person_id",
            ],
        ),
        Index(
            "ix_claims_created_at",
            "created_at",
            "id",
            postgresql_include=["claim_type", "currency", "claim_minor", "is_history", "person_id"],
        ),
        Index(
            "ix_claims_decided_at",
            "decided_at",
            "id",
            postgresql_where=text("decided_at is not null"),
            postgresql_include=[
                "created_at",
                "claim_type",
                "currency",
                "claim_minor",
                "approved_minor",
                "status",
                "reason_code",
                "is_history",
                "person_id",
            ],
        ),
        Index("ix_claims_open_flags", "open_flags", "id", postgresql_where=text(OPEN)),
        Index(
            "ix_claims_open_asked",
            "asked_at",
            "id",
            postgresql_where=text(f"asked_at is not null and {OPEN}"),
        ),
        Index("ix_claims_not_looked_at", "id", postgresql_where=text("looked_at is null and not is_history")),
        Index("ix_claims_imported", "created_at", "id", postgresql_where=text("is_history")),
        Index(
            "ix_claims_open_assignee_id",
            "assignee_id",
            "id",
            postgresql_where=text(OPEN),
            postgresql_include=["person_id"],
        ),
        Index("ix_claims_status_id", "status", "id"),
        Index("ix_claims_amount_id", "claim_minor", "id"),
        # What people search by; these operators, and not LIKE, may look into an index under row security.
        Index(
            "ix_claims_policy_number",
            "policy_number",
            "id",
            postgresql_ops={"policy_number": "text_pattern_ops"},
        ),
        Index(
            "ix_claims_person_name", "person_name", "id", postgresql_ops={"person_name": "text_pattern_ops"}
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True)
    claim_number: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    person_name: Mapped[str]
    policy_id: Mapped[int | None] = mapped_column(ForeignKey("claims_policies.id"))
    """None for history that was imported without its policies."""
    policy_number: Mapped[str]
    claim_type: Mapped[str]
    incident_date: Mapped[date]
    description: Mapped[str]
    currency: Mapped[str]
    claim_minor: Mapped[int]
    approved_minor: Mapped[int | None]
    status: Mapped[str]
    status_notes: Mapped[str]
    reason_code: Mapped[str]
    version: Mapped[int]
    assignee_id: Mapped[UUID | None] = mapped_column(ForeignKey("people.id"))
    open_flags: Mapped[int]
    is_history: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    status_since: Mapped[datetime]
    due_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    looked_at: Mapped[datetime | None]
    """When its mail was planned and its flags were raised; None while that is still to be done."""
    asked_at: Mapped[datetime | None]
    """Since when the claimant was asked for something that has not come."""
    # What a first notice of loss may also say.
    loss_time: Mapped[time | None]
    loss_location: Mapped[str]
    cause: Mapped[str]
    police_report_no: Mapped[str]
    reported_at: Mapped[date | None]


class Line(Base):
    """A part of what is claimed, and what of it is approved, with a reason where that is less."""

    __tablename__ = "claims_lines"
    __table_args__ = (
        CheckConstraint("claimed_minor > 0", name="claimed_positive"),
        CheckConstraint("approved_minor between 0 and claimed_minor", name="approved_bounded"),
        UniqueConstraint("claim_id", "position"),
        Index("ix_claims_lines_person_id", "person_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    position: Mapped[int]
    title: Mapped[str]
    claimed_minor: Mapped[int]
    approved_minor: Mapped[int | None]
    reason_code: Mapped[str]


class Document(Base):
    """A document as we rewrote it, on a claim or still in a draft; ``facts`` is what its metadata said before.

    ``fingerprint`` is a picture's 64-bit difference hash as a signed number: near pictures differ in few bits.
    ``original_sha256`` is of the bytes that were sent. ``file_id`` is empty once the bytes were withdrawn.
    """

    __tablename__ = "claims_documents"
    __table_args__ = (
        CheckConstraint(f"state in ({_listed(DocumentState)})", name="state"),
        CheckConstraint("kind in ('pdf', 'jpeg', 'png', 'doc', 'docx')", name="kind"),
        CheckConstraint("(claim_id is null) <> (draft_id is null)", name="on_one_thing"),
        CheckConstraint("size > 0", name="size_positive"),
        Index("ix_claims_documents_claim_id", "claim_id", "id"),
        Index(
            "ix_claims_documents_draft_id", "draft_id", "id", postgresql_where=text("draft_id is not null")
        ),
        Index("ix_claims_documents_original_sha256", "original_sha256"),
        Index("ix_claims_documents_person_id", "person_id"),
        Index("ix_claims_documents_held", "id", postgresql_where=text("state = 'held'")),
        Index("ix_claims_documents_fingerprint", "id", postgresql_where=text("fingerprint is not null")),
    )

    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True)
    claim_id: Mapped[int | None] = mapped_column(ForeignKey("claims.id"))
    draft_id: Mapped[UUID | None] = mapped_column(ForeignKey("claims_drafts.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    file_id: Mapped[UUID | None] = mapped_column(ForeignKey("files.id"))
    file_name: Mapped[str]
    kind: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    original_size: Mapped[int]
    original_sha256: Mapped[str]
    fingerprint: Mapped[int | None]
    facts: Mapped[dict[str, Any]]
    removed: Mapped[list[Any]]
    """What sanitising took out, in words."""
    state: Mapped[str]
    reason: Mapped[str]
    uploaded_at: Mapped[datetime]
    uploaded_by: Mapped[str]
    read_at: Mapped[datetime | None]
    """When it was read for proposals."""
    reading_until: Mapped[datetime | None]
    """Until when whoever began to read it has it to itself; over where nobody reads it any more."""
    reader: Mapped[str | None]
    """The worker that began to read it last, such as ``host/place:12:345``."""


class History(Base):
    """One move of a claim, or one look at it that left a note; rows are only ever added."""

    __tablename__ = "claims_history"
    __table_args__ = (
        Index("ix_claims_history_claim_id", "claim_id", "id"),
        Index("ix_claims_history_person_id", "person_id"),
        Index(
            "ix_claims_history_decided",
            "actor",
            "at",
            postgresql_where=text(DECIDED),
            postgresql_include=["status", "claim_id", "person_id"],
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    at: Mapped[datetime]
    actor: Mapped[str]
    was: Mapped[str | None]
    status: Mapped[str]
    reason_code: Mapped[str]
    notes: Mapped[str]
    amount_minor: Mapped[int | None]
    version: Mapped[int]


class Decision(Base):
    """What a reviewer decided: applied at once, or waiting for a second person where it is above their limit."""

    __tablename__ = "claims_decisions"
    __table_args__ = (
        CheckConstraint(f"state in ({_listed(DecisionState)})", name="state"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("second_by is distinct from first_by or second_by is null", name="two_people"),
        Index(
            "ix_claims_decisions_waiting", "claim_id", unique=True, postgresql_where=text("state = 'waiting'")
        ),
        Index("ix_claims_decisions_person_id", "person_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    amount_minor: Mapped[int]
    reason_code: Mapped[str]
    notes: Mapped[str]
    lines: Mapped[list[Any]]
    """What of each line is approved: ``{"position", "approved_minor", "reason_code"}``."""
    state: Mapped[str]
    first_by: Mapped[str]
    first_at: Mapped[datetime]
    second_by: Mapped[str | None]
    second_at: Mapped[datetime | None]
    second_note: Mapped[str]


class Payment(Base):
    """A sum that was approved and is owed to the claimant until it is paid."""

    __tablename__ = "claims_payments"
    __table_args__ = (
        CheckConstraint(f"state in ({_listed(PaymentState)})", name="state"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("(state = 'open') = (ended_at is null)", name="ended"),
        Index("ix_claims_payments_open", "claim_id", unique=True, postgresql_where=text("state = 'open'")),
        Index("ix_claims_payments_claim_id", "claim_id"),
        Index("ix_claims_payments_person_id", "person_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    amount_minor: Mapped[int]
    currency: Mapped[str]
    state: Mapped[str]
    reference: Mapped[str]
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str]


class Flag(Base):
    """Why somebody should look twice; it decides nothing. ``finding`` says whether it was right."""

    __tablename__ = "claims_flags"
    __table_args__ = (
        CheckConstraint(f"kind in ({_listed(FlagKind)})", name="kind"),
        CheckConstraint(f"finding in ({_listed(Finding)})", name="finding"),
        CheckConstraint("(resolved_at is null) = (finding is null)", name="resolved"),
        UniqueConstraint("claim_id", "kind", "about"),
        Index("ix_claims_flags_person_id", "person_id"),
        Index("ix_claims_flags_kind_finding", "kind", "finding"),
    )

    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    kind: Mapped[str]
    about: Mapped[str]
    """What it is about within the claim, such as a document's number; empty for the claim itself."""
    reason: Mapped[str]
    details: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    finding: Mapped[str | None]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str]
    note: Mapped[str]


class Note(Base):
    """A message between the claimant and the reviewers. ``asks`` a document where ``is_request`` holds."""

    __tablename__ = "claims_notes"
    __table_args__ = (
        CheckConstraint("length(text) between 1 and 4000", name="text_length"),
        Index("ix_claims_notes_claim_id", "claim_id", "id"),
        Index("ix_claims_notes_person_id", "person_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    at: Mapped[datetime]
    author: Mapped[str]
    from_staff: Mapped[bool]
    is_request: Mapped[bool]
    """A document or an answer is asked for."""
    answered_at: Mapped[datetime | None]
    text: Mapped[str]


class Draft(Base):
    """A claim that is being written: what was typed so far, kept as it was typed; its documents hang on it."""

    __tablename__ = "claims_drafts"
    __table_args__ = (
        CheckConstraint("(filed_claim_id is null) = (filed_at is null)", name="filed"),
        Index("ix_claims_drafts_person_id", "person_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    typed: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    filed_at: Mapped[datetime | None]
    filed_claim_id: Mapped[int | None] = mapped_column(ForeignKey("claims.id"))
    discarded_at: Mapped[datetime | None]


class Filing(Base):
    """An ``Idempotency-Key`` that a claim was filed under: the same key and content again answers with that claim."""

    __tablename__ = "claims_filings"
    __table_args__ = (CheckConstraint("length(key) between 1 and 255", name="key_length"),)

    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"))
    at: Mapped[datetime]


class View(Base):
    """A way of looking at the desk that a reviewer saved: the words of its address, under a name."""

    __tablename__ = "claims_views"
    __table_args__ = (
        CheckConstraint("length(name) between 1 and 60", name="name_length"),
        UniqueConstraint("person_id", "name"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    name: Mapped[str]
    query: Mapped[str]
    created_at: Mapped[datetime]


class Proposal(Base):
    """What reading a document found: a value with its place on the page; a person takes it over or not.

    ``box`` is left, top, right, bottom in thousandths of the page; ``confidence`` in thousandths.
    """

    __tablename__ = "claims_proposals"
    __table_args__ = (
        CheckConstraint("field in ('date', 'amount', 'currency', 'supplier')", name="field"),
        CheckConstraint("confidence between 0 and 1000", name="confidence"),
        Index("ix_claims_proposals_document_id", "document_id"),
        Index("ix_claims_proposals_person_id", "person_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("claims_documents.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    field: Mapped[str]
    value: Mapped[str]
    page: Mapped[int]
    box: Mapped[list[Any]]
    confidence: Mapped[int]
    engine: Mapped[str]
    made_at: Mapped[datetime]
    taken: Mapped[bool | None]
    """Whether a person took it over; None until somebody said."""


class Estimate(Base):
    """What similar claims came to: a range and an expected sum, from so many of them; it decides nothing."""

    __tablename__ = "claims_estimates"
    __table_args__ = (
        CheckConstraint("low_minor <= expected_minor and expected_minor <= high_minor", name="ordered"),
        Index("ix_claims_estimates_person_id", "person_id"),
    )

    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    low_minor: Mapped[int]
    expected_minor: Mapped[int]
    high_minor: Mapped[int]
    similar: Mapped[int]
    made_at: Mapped[datetime]


class ModelCard(Base):
    """What a training of the estimates came to: of which data, and how it did against the plain median."""

    __tablename__ = "claims_model_cards"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    made_at: Mapped[datetime]
    currency: Mapped[str]
    rows: Mapped[int]
    data_sha256: Mapped[str]
    error: Mapped[int]
    """Mean absolute error in its back-test, minor units."""
    median_error: Mapped[int]
    """That of the plain median of the claim's type, in the same back-test."""
    is_used: Mapped[bool]
    note: Mapped[str]

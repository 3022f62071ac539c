"""Tables of metering: streams, windows, the files read, what they held, entries, remainders, adjustments."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from recoup.core.db import Base


class WindowState(StrEnum):
    """``waiting`` for the producer, ``held`` for a person or a repair, ``taken`` into entries."""

    WAITING = "waiting"
    HELD = "held"
    TAKEN = "taken"


class EntryState(StrEnum):
    """Where an entry stands with the marketplace.

    ``carried``: nothing to send, all of it went into the remainder. ``duplicate``: the far side has a record for
    the hour that our ledger never sent. ``restamped``: too late for its own hour, added to the remainder by a person.
    """

    PLANNED = "planned"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    HELD = "held"
    CARRIED = "carried"
    RESTAMPED = "restamped"
    DISMISSED = "dismissed"


class AdjustmentState(StrEnum):
    """``open`` until a person adds the difference to the remainder (``carried``) or lets it go (``dismissed``)."""

    OPEN = "open"
    CARRIED = "carried"
    DISMISSED = "dismissed"


def _one_of(column: str, states: type[StrEnum]) -> str:
    return f"{column} in ({', '.join(repr(str(state)) for state in states)})"


class Stream(Base):
    """One service in one environment on one plan. ``lease_run`` is the run that exports it right now.

    ``currency`` is the one that its prices are in, as configured when it was last exported.
    """

    __tablename__ = "metering_streams"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    cloud: Mapped[str]
    currency: Mapped[str]
    first_hour: Mapped[datetime]
    marker_to: Mapped[datetime | None]
    before_start: Mapped[str]
    lease_run: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Window(Base):
    """One UTC hour of a stream, counted by the folder that the producer wrote into."""

    __tablename__ = "metering_windows"
    __table_args__ = (
        UniqueConstraint("stream_id", "hour"),
        CheckConstraint(_one_of("state", WindowState), name="state"),
        CheckConstraint("date_trunc('hour', hour, 'UTC') = hour", name="whole_hour"),
        CheckConstraint("(state = 'taken') = (taken_at is not null)", name="taken"),
        Index("ix_metering_windows_open", "stream_id", "hour", postgresql_where="state <> 'taken'"),
        Index("ix_metering_windows_hour_id", "hour", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    stream_id: Mapped[UUID] = mapped_column(ForeignKey("metering_streams.id"))
    hour: Mapped[datetime]
    state: Mapped[str]
    reason: Mapped[str]
    held_since: Mapped[datetime | None]
    tried_at: Mapped[datetime | None]
    completed_by: Mapped[str | None]
    deadline: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    listing: Mapped[str]
    files: Mapped[int]
    records: Mapped[int]
    folded_records: Mapped[int]
    unbilled_records: Mapped[int]
    quarantined_records: Mapped[int]
    quarantined_quantity: Mapped[Decimal]
    taken_at: Mapped[datetime | None]


class UsageFile(Base):
    """A file as it was read: the version (ETag) and hash that its figures lead back to."""

    __tablename__ = "metering_files"
    __table_args__ = (UniqueConstraint("window_id", "key", "etag"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    window_id: Mapped[UUID] = mapped_column(ForeignKey("metering_windows.id"))
    key: Mapped[str]
    etag: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    records: Mapped[int]
    quarantined: Mapped[int]


class Part(Base):
    """What one file held of one subscription and dimension; without a contract it is unbilled.

    ``amount`` is the exact sum of value times pricePerUnit over the records that had a price,
    ``unpriced`` the quantity of the others, ``folded_*`` the vendor's repeats that were left out.
    """

    __tablename__ = "metering_parts"
    __table_args__ = (
        Index("ix_metering_parts_window_contract", "window_id", "contract", "dimension"),
        Index("ix_metering_parts_unbilled", "window_id", postgresql_where="contract is null"),
        Index(
            "ix_metering_parts_unbilled_whose",
            "subscription",
            "dimension",
            "id",
            postgresql_where="contract is null",
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    window_id: Mapped[UUID] = mapped_column(ForeignKey("metering_windows.id"))
    file_id: Mapped[UUID] = mapped_column(ForeignKey("metering_files.id"))
    contract: Mapped[str | None]
    subscription: Mapped[str]
    organization: Mapped[str]
    customer: Mapped[str]
    dimension: Mapped[str]
    quantity: Mapped[Decimal]
    records: Mapped[int]
    amount: Mapped[Decimal]
    unpriced: Mapped[Decimal]
    folded_records: Mapped[int]
    folded_quantity: Mapped[Decimal]


class Quarantined(Base):
    """A record that could not be used, with its place in the file and the reason."""

    __tablename__ = "metering_quarantine"
    __table_args__ = (Index("ix_metering_quarantine_window_id_id", "window_id", "id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    window_id: Mapped[UUID] = mapped_column(ForeignKey("metering_windows.id"))
    file_id: Mapped[UUID] = mapped_column(ForeignKey("metering_files.id"))
    record: Mapped[int]
    line: Mapped[int]
    start_byte: Mapped[int]
    end_byte: Mapped[int]
    reason: Mapped[str]
    excerpt: Mapped[str]
    value: Mapped[Decimal | None]


class Remainder(Base):
    """What is carried to the next submission of a contract and dimension, exactly."""

    __tablename__ = "metering_remainders"

    stream_id: Mapped[UUID] = mapped_column(ForeignKey("metering_streams.id"), primary_key=True)
    contract: Mapped[str] = mapped_column(primary_key=True)
    dimension: Mapped[str] = mapped_column(primary_key=True)
    carried: Mapped[Decimal]
    updated_at: Mapped[datetime]


class Entry(Base):
    """What is submitted for a contract and dimension in a window: measured + carried in = quantity + carried out."""

    __tablename__ = "metering_entries"
    __table_args__ = (
        UniqueConstraint("window_id", "contract", "dimension"),
        CheckConstraint("measured + carried_in = quantity + carried_out", name="nothing_vanishes"),
        CheckConstraint("quantity >= 0", name="quantity_not_negative"),
        CheckConstraint(_one_of("state", EntryState), name="state"),
        # The marketplace's own key: two streams must not submit under it both.
        Index(
            "uq_metering_entries_marketplace",
            "contract",
            "dimension",
            "hour",
            unique=True,
            postgresql_where="submission_id is not null",
        ),
        Index(
            "ix_metering_entries_open",
            "state",
            "hour",
            postgresql_where="state not in ('accepted', 'carried')",
        ),
        Index("ix_metering_entries_submission_id", "submission_id"),
        Index("ix_metering_entries_hour_id", "hour", "id"),
        # With the state in it, entries are counted by state without being read.
        Index("ix_metering_entries_stream_hour_id", "stream_id", "hour", "id", postgresql_include=["state"]),
        Index("ix_metering_entries_contract_hour_id", "contract", "hour", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    stream_id: Mapped[UUID] = mapped_column(ForeignKey("metering_streams.id"))
    window_id: Mapped[UUID] = mapped_column(ForeignKey("metering_windows.id"))
    hour: Mapped[datetime]
    contract: Mapped[str]
    dimension: Mapped[str]
    measured: Mapped[Decimal]
    carried_in: Mapped[Decimal]
    quantity: Mapped[Decimal]
    carried_out: Mapped[Decimal]
    amount: Mapped[Decimal | None]
    state: Mapped[str]
    reason: Mapped[str]
    submission_id: Mapped[UUID | None] = mapped_column(ForeignKey("deliveries.id"))
    submissions: Mapped[int]
    handings: Mapped[int]
    answer: Mapped[dict[str, Any]]
    reference: Mapped[str | None]
    updated_at: Mapped[datetime]


class Adjustment(Base):
    """A difference found after a window was taken: a late or changed file. Never sent by itself."""

    __tablename__ = "metering_adjustments"
    __table_args__ = (
        Index("ix_metering_adjustments_window_id", "window_id"),
        Index("ix_metering_adjustments_open", "id", postgresql_where="state = 'open'"),
        CheckConstraint("after_quantity - before_quantity = difference", name="difference"),
        CheckConstraint(_one_of("state", AdjustmentState), name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    window_id: Mapped[UUID] = mapped_column(ForeignKey("metering_windows.id"))
    contract: Mapped[str]
    dimension: Mapped[str]
    before_quantity: Mapped[Decimal]
    after_quantity: Mapped[Decimal]
    difference: Mapped[Decimal]
    reason: Mapped[str]
    listing: Mapped[str]
    state: Mapped[str]
    found_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    note: Mapped[str]

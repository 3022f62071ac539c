"""Usage as it is shown: streams, windows, entries, and what waits for a person. Quantities are exact text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from recoup.areas.metering.models import Adjustment, Entry, Quarantined, Window
from recoup.core.db import Base
from recoup.web.wire import Asked, Instant, Note, Quantity, Shown, Word


def _columns(row: Base) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


class StreamShown(Shown):
    """How a stream stands."""

    stream: str
    cloud: str
    first_hour: Instant
    before_start: str = Field(description="What lies before the first hour, and is never exported.")
    marker_to: Instant | None = Field(description="How far the producer's marker has reached.")
    taken_until: Instant | None = Field(description="The last hour up to which every hour was taken.")
    windows: dict[str, int]
    entries: dict[str, int]
    oldest_open: Instant | None
    next_deadline: Instant | None
    records: int
    unbilled_records: int
    quarantined_records: int
    carried: int = Field(
        description="Contracts and dimensions with something carried to their next submission."
    )
    open_adjustments: int
    for_a_person: int


class WindowShown(Shown):
    """One hour of a stream."""

    id: UUID
    stream: str
    hour: Instant
    state: str
    reason: str
    completed_by: str | None
    held_since: Instant | None
    tried_at: Instant | None
    taken_at: Instant | None
    deadline: Instant | None
    warned_at: Instant | None
    files: int
    records: int
    folded_records: int
    unbilled_records: int
    quarantined_records: int
    quarantined_quantity: Quantity

    @classmethod
    def of(cls, stream: str, row: Window) -> WindowShown:
        """Show a window of a stream."""
        return cls(stream=stream, **_columns(row))


class FileShown(Shown):
    """A file as it was read."""

    key: str
    etag: str
    size: int
    sha256: str
    records: int
    quarantined: int


class WindowInFull(WindowShown):
    """A window with the files that were read, and its entries by state."""

    read: list[FileShown]
    entries: dict[str, int]


class EntryShown(Shown):
    """What is submitted of a contract and dimension: measured + carried in = quantity + carried out."""

    id: UUID
    stream: str
    hour: Instant
    contract: str
    dimension: str
    measured: Quantity
    carried_in: Quantity
    quantity: Quantity
    carried_out: Quantity
    amount: Quantity | None = Field(description="What the measured usage is worth, where a price is known.")
    state: str
    reason: str
    submission_id: UUID | None
    submissions: int
    handings: int
    reference: str | None
    updated_at: Instant

    @classmethod
    def of(cls, streams: Mapping[UUID, str], row: Entry) -> EntryShown:
        """Show an entry, its stream by name."""
        return cls(stream=streams[row.stream_id], **_columns(row))


class EntryInFull(EntryShown):
    """An entry with what the marketplace said of it."""

    answer: dict[str, Any]

    @classmethod
    def of(cls, streams: Mapping[UUID, str], row: Entry) -> EntryInFull:
        """Show an entry in full."""
        return cls(stream=streams[row.stream_id], **_columns(row))


class SourceShown(Shown):
    """What one file held of a figure."""

    key: str
    etag: str
    sha256: str
    subscription: str
    dimension: str
    quantity: Quantity
    records: int
    folded_records: int


class RecordShown(Shown):
    """One record behind a figure: bytes ``start`` to ``end`` of the decompressed file."""

    key: str
    index: int
    line: int
    start: int
    end: int
    subscription: str
    dimension: str
    value: Quantity
    price: Quantity | None
    counted: bool = Field(description="False for a repeat that was folded away.")
    text: str


class SubmissionShown(Shown):
    """The delivery that carried an entry."""

    id: UUID
    key: str
    state: str
    sha256: str
    reference: str | None


class Why(Shown):
    """Where a figure comes from: its files, and the records in them."""

    entry: EntryInFull
    window: WindowShown
    formula: str | None = Field(
        description="What was computed from the measured dimensions, where one is set."
    )
    sources: list[SourceShown]
    submission: SubmissionShown | None
    records: list[RecordShown]
    records_total: int | None = Field(
        description="How many records there are; null where they were not read."
    )
    counted_sum: Quantity | None = Field(
        description="The sum of those that count, over all measured dimensions."
    )
    remark: str = Field(description="Why the records are not shown, or do not add up, where that is so.")


class QuarantinedShown(Shown):
    """A record that could not be used."""

    id: int
    stream: str
    hour: Instant
    file: str
    record: int
    line: int
    start_byte: int
    end_byte: int
    reason: str
    excerpt: str
    value: Quantity | None

    @classmethod
    def of(cls, found: tuple[str, datetime, str, Quarantined]) -> QuarantinedShown:
        """Show a record with its stream, hour and file."""
        stream, hour, file, row = found
        return cls(stream=stream, hour=hour, file=file, **_columns(row))


class UnbilledShown(Shown):
    """Usage that no contract pays for, in total."""

    stream: str
    subscription: str
    organization: str
    customer: str
    dimension: str
    quantity: Quantity
    records: int
    amount: Quantity
    first_hour: Instant
    last_hour: Instant


class AdjustmentShown(Shown):
    """A difference found after a window was taken."""

    id: UUID
    stream: str
    hour: Instant
    contract: str
    dimension: str
    before_quantity: Quantity
    after_quantity: Quantity
    difference: Quantity
    reason: str
    state: str
    found_at: Instant
    ended_at: Instant | None
    ended_by: str | None
    note: str

    @classmethod
    def of(cls, stream: str, hour: datetime, row: Adjustment) -> AdjustmentShown:
        """Show an adjustment with its stream and hour."""
        return cls(stream=stream, hour=hour, **_columns(row))


class PlannedShown(Shown):
    """A submission as it would leave: its exact bytes, which are ASCII."""

    key: str
    subject: str
    payload: str


class RehearsalShown(Shown):
    """What an export would do. Nothing was sent, and nothing was changed."""

    dry_run: Literal[True] = True
    summary: str
    needs_person: bool
    streams: list[StreamShown]
    submissions: list[PlannedShown]


class ExportAsked(Asked):
    """An export that somebody wants."""

    stream: Word | None = Field(default=None, description="service:environment:plan; null for all.")
    max_hours: int | None = Field(default=None, ge=1, le=10_000, description="New hours per stream, at most.")


class RetryAsked(Asked):
    """How a person settles an entry that waits for one."""

    how: Literal["send", "restamp", "accept", "dismiss"]
    note: Note = ""


class EndAsked(Asked):
    """How a person settles an adjustment: into the next submission, or not at all."""

    carry: bool = Field(description="True: add the difference to what the next window submits.")
    note: Note = ""


class SettleAdjustments(Asked):
    """How a person settles several adjustments at once."""

    how: Literal["carry", "dismiss"]
    id: list[UUID] = Field(max_length=200)
    note: Note = ""

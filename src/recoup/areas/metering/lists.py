"""The lists of metering, as pages show and exports write them."""

from __future__ import annotations

from datetime import UTC, datetime, time
from urllib.parse import urlencode
from uuid import UUID

from recoup.areas.metering.models import AdjustmentState, EntryState, WindowState
from recoup.areas.metering.queries import narrowing, sheets, unbilled_sheets
from recoup.areas.metering.queries.sheets import (
    AdjustmentRow,
    EntryRow,
    QuarantineRow,
    RemainderRow,
    WindowRow,
)
from recoup.areas.metering.queries.unbilled_sheets import UnbilledPart, UnbilledRow
from recoup.core.clock import hour_of, parse_instant
from recoup.core.ids import parse_id
from recoup.web.lists import Column, Filter, Listing, Order, read_day
from recoup.web.shown import words

MAY = "metering.look"
DESK = "/desk/metering"


def hour_text(hour: datetime) -> str:
    """Write an hour as lists do: windows are hours of UTC, whatever the reader's zone."""
    return f"{hour.astimezone(UTC):%Y-%m-%d %H:00}"


def to(place: str, **query: str) -> str:
    """Return the address of a page of metering, narrowed."""
    return f"{DESK}/{place}?{urlencode(query)}"


def _read(row: WindowRow, count: int) -> int | None:
    return count if row.window.taken_at else None


def _hour(text: str) -> datetime:
    return hour_of(parse_instant(text))


def _day(text: str) -> datetime:
    return datetime.combine(read_day(text), time(), UTC)


def _id(text: str) -> UUID:
    return parse_id(text)


def _one_of(*known: str) -> tuple[tuple[str, str], ...]:
    return tuple((state, words(state)) for state in known)


STREAM = Filter("stream", "Stream", narrowing.stream_choices)
DAY = Filter("day", "Day (UTC)", kind="day", read=_day)
HOUR = Filter("hour", "Hour (UTC)", read=_hour, placeholder="2025-07-24T16")
CONTRACT = Filter("contract", "Contract", placeholder="the whole id")
DIMENSION = Filter("dimension", "Dimension", placeholder="cpu_core_hours")
SUBSCRIPTION = Filter("subscription", "Subscription", placeholder="sub-…")
BY_HOUR = (
    Order("newest", "the latest hour first", "hour"),
    Order("oldest", "the earliest hour first", "hour", descending=False),
)

WINDOWS: Listing[WindowRow] = Listing(
    name="metering_windows",
    title="Hours",
    may=MAY,
    columns=(
        Column("hour", "Hour (UTC)", lambda row: hour_text(row.window.hour)),
        Column("stream", "Stream", lambda row: row.stream),
        Column("state", "State", lambda row: row.window.state, "state"),
        Column("records", "Records", lambda row: _read(row, row.window.records), "whole"),
        Column("folded", "Folded", lambda row: _read(row, row.window.folded_records), "whole"),
        Column("unbilled", "Unbilled", lambda row: _read(row, row.window.unbilled_records), "whole"),
        Column("quarantined", "Quarantined", lambda row: _read(row, row.window.quarantined_records), "whole"),
        Column(
            "lapses", "Lapses", lambda row: None if row.window.taken_at else row.window.deadline, "instant"
        ),
        Column("reason", "What is the matter", lambda row: row.window.reason, "wide"),
        Column("deadline", "Deadline", lambda row: row.window.deadline, "instant", on_page=False),
        Column("completed_by", "Closed by", lambda row: row.window.completed_by, on_page=False),
        Column("taken_at", "Taken", lambda row: row.window.taken_at, "instant", on_page=False),
        Column("held_since", "Held since", lambda row: row.window.held_since, "instant", on_page=False),
        Column("files", "Files", lambda row: row.window.files, "whole", on_page=False),
        Column("id", "Id", lambda row: row.id, "id", on_page=False),
    ),
    orders=BY_HOUR,
    filters=(
        STREAM,
        Filter(
            "state",
            "State",
            (*_one_of(*WindowState), ("unsettled", "not accepted yet")),
        ),
        DAY,
    ),
    rows=sheets.windows,
    href=lambda row: f"{DESK}/windows/{row.id}",
    empty="There are no hours yet.",
    todo="The first export opens an hour for every one that has ended since the stream's start.",
)

ENTRIES: Listing[EntryRow] = Listing(
    name="metering_entries",
    title="Entries",
    may=MAY,
    columns=(
        Column("hour", "Hour (UTC)", lambda row: hour_text(row.entry.hour)),
        Column("contract", "Contract", lambda row: row.entry.contract, "id"),
        Column("dimension", "Dimension", lambda row: row.entry.dimension),
        Column("quantity", "Submitted", lambda row: row.entry.quantity, "quantity"),
        Column("state", "State", lambda row: row.entry.state, "state"),
        Column("worth", "Worth", lambda row: row.worth, "money"),
        Column("reason", "What is the matter", lambda row: row.entry.reason, "wide"),
        Column("stream", "Stream", lambda row: row.stream, on_page=False),
        Column("measured", "Measured", lambda row: row.entry.measured, "quantity", on_page=False),
        Column("carried_in", "Carried in", lambda row: row.entry.carried_in, "quantity", on_page=False),
        Column("carried_out", "Carried on", lambda row: row.entry.carried_out, "quantity", on_page=False),
        Column("exact_worth", "Exact worth", lambda row: row.entry.amount, "quantity", on_page=False),
        Column("currency", "Currency", lambda row: row.currency, on_page=False),
        Column("submissions", "Submissions", lambda row: row.entry.submissions, "whole", on_page=False),
        Column("handings", "Handed over", lambda row: row.entry.handings, "whole", on_page=False),
        Column("reference", "Marketplace's id", lambda row: row.entry.reference, "id", on_page=False),
        Column("updated_at", "Changed", lambda row: row.entry.updated_at, "instant", on_page=False),
        Column("id", "Id", lambda row: row.id, "id", on_page=False),
    ),
    orders=BY_HOUR,
    filters=(
        STREAM,
        Filter("state", "State", _one_of(*EntryState)),
        CONTRACT,
        DIMENSION,
        HOUR,
        DAY,
        Filter("since", "From day", kind="day", read=_day),
        Filter("until", "To day", kind="day", read=_day),
    ),
    rows=sheets.entries,
    href=lambda row: f"{DESK}/entries/{row.id}",
    empty="There are no entries yet.",
    todo="An hour that is read becomes one entry for each contract and dimension.",
)

QUARANTINE: Listing[QuarantineRow] = Listing(
    name="metering_quarantine",
    title="Quarantine",
    may=MAY,
    columns=(
        Column("hour", "Hour (UTC)", lambda row: hour_text(row.hour)),
        Column("reason", "What is the matter", lambda row: row.record.reason, "wide"),
        Column("excerpt", "Record", lambda row: row.record.excerpt, "code"),
        Column("line", "Line", lambda row: row.record.line, "whole"),
        Column("value", "Value", lambda row: row.record.value, "quantity"),
        Column("file", "File", lambda row: row.file.rpartition("/")[2], "id"),
        Column("stream", "Stream", lambda row: row.stream, on_page=False),
        Column("key", "Key", lambda row: row.file, on_page=False),
        Column("record", "Record number", lambda row: row.record.record, "whole", on_page=False),
        Column("start_byte", "From byte", lambda row: row.record.start_byte, "whole", on_page=False),
        Column("end_byte", "To byte", lambda row: row.record.end_byte, "whole", on_page=False),
    ),
    orders=(
        Order("newest", "the latest found first", "hour"),
        Order("oldest", "the earliest found first", "hour", descending=False),
    ),
    filters=(STREAM, DAY, Filter("window", "Window", read=_id, placeholder="a window's id")),
    rows=sheets.quarantine,
    href=lambda row: f"{DESK}/windows/{row.record.window_id}",
    empty="Every record could be used.",
    todo="A record without a dimension, or with a value that is no usable quantity, would stand here.",
)

UNBILLED: Listing[UnbilledRow] = Listing(
    name="metering_unbilled",
    title="Unbilled usage",
    may=MAY,
    columns=(
        Column("subscription", "Subscription", lambda row: row.subscription, "id"),
        Column("customer", "Customer", lambda row: row.organization or row.customer),
        Column("dimension", "Dimension", lambda row: row.dimension),
        Column("quantity", "Quantity", lambda row: row.quantity, "quantity"),
        Column("worth", "Worth", lambda row: row.worth, "money"),
        Column("records", "Records", lambda row: row.records, "whole"),
        Column("first_hour", "Since (UTC)", lambda row: hour_text(row.first_hour)),
        Column("last_hour", "Until (UTC)", lambda row: hour_text(row.last_hour), on_page=False),
        Column("stream", "Stream", lambda row: row.stream, on_page=False),
        Column("mail", "Mail address", lambda row: row.customer, on_page=False),
        Column("amount", "Exact worth", lambda row: row.amount, "quantity", on_page=False),
        Column("unpriced", "Quantity without a price", lambda row: row.unpriced, "quantity", on_page=False),
        Column("currency", "Currency", lambda row: row.currency, on_page=False),
    ),
    orders=(
        Order("worth", "the largest amount first", "worth"),
        Order("subscription", "by subscription", "subscription", descending=False),
    ),
    filters=(STREAM, SUBSCRIPTION, DIMENSION),
    rows=unbilled_sheets.unbilled,
    href=lambda row: to(
        "unbilled/hours", subscription=row.subscription, dimension=row.dimension, stream=row.stream
    ),
    empty="All usage has a contract.",
    todo="Usage whose records name no payer would stand here, with what it is worth.",
)

UNBILLED_HOURS: Listing[UnbilledPart] = Listing(
    name="metering_unbilled_hours",
    title="Unbilled usage, hour by hour",
    may=MAY,
    columns=(
        Column("hour", "Hour (UTC)", lambda row: hour_text(row.hour)),
        Column("subscription", "Subscription", lambda row: row.part.subscription, "id"),
        Column("dimension", "Dimension", lambda row: row.part.dimension),
        Column("quantity", "Quantity", lambda row: row.part.quantity, "quantity"),
        Column("worth", "Worth", lambda row: row.worth, "money"),
        Column("records", "Records", lambda row: row.part.records, "whole"),
        Column("folded", "Folded", lambda row: row.part.folded_records, "whole"),
        Column("file", "File", lambda row: row.file.rpartition("/")[2], "id"),
        Column("stream", "Stream", lambda row: row.stream, on_page=False),
        Column("customer", "Customer", lambda row: row.part.organization or row.part.customer, on_page=False),
        Column("key", "Key", lambda row: row.file, on_page=False),
    ),
    orders=(
        Order("newest", "the latest read first", "hour"),
        Order("oldest", "the earliest read first", "hour", descending=False),
    ),
    filters=(
        STREAM,
        SUBSCRIPTION,
        DIMENSION,
        Filter("window", "Window", read=_id, placeholder="a window's id"),
    ),
    rows=unbilled_sheets.unbilled_parts,
    href=lambda row: f"{DESK}/windows/{row.part.window_id}",
    empty="All usage has a contract.",
)

ADJUSTMENTS: Listing[AdjustmentRow] = Listing(
    name="metering_adjustments",
    title="Adjustments",
    may=MAY,
    columns=(
        Column("hour", "Hour (UTC)", lambda row: hour_text(row.hour)),
        Column("state", "State", lambda row: row.adjustment.state, "state"),
        Column("contract", "Contract", lambda row: row.adjustment.contract, "id"),
        Column("dimension", "Dimension", lambda row: row.adjustment.dimension),
        Column("before", "Was", lambda row: row.adjustment.before_quantity, "quantity"),
        Column("after", "Is now", lambda row: row.adjustment.after_quantity, "quantity"),
        Column("difference", "Difference", lambda row: row.adjustment.difference, "quantity"),
        Column("found_at", "Found", lambda row: row.adjustment.found_at, "instant"),
        Column("note", "Note", lambda row: row.adjustment.note, "wide"),
        Column("reason", "Reason", lambda row: row.adjustment.reason, on_page=False),
        Column("stream", "Stream", lambda row: row.stream, on_page=False),
        Column("ended_by", "Settled by", lambda row: row.adjustment.ended_by, on_page=False),
        Column("ended_at", "Settled", lambda row: row.adjustment.ended_at, "instant", on_page=False),
        Column("id", "Id", lambda row: row.id, "id", on_page=False),
    ),
    orders=(
        Order("newest", "the latest found first", "found_at"),
        Order("oldest", "the earliest found first", "found_at", descending=False),
    ),
    filters=(STREAM, Filter("state", "State", _one_of(*AdjustmentState)), CONTRACT),
    rows=sheets.adjustments,
    href=lambda row: f"{DESK}/windows/{row.adjustment.window_id}",
    empty="Nothing changed after it was taken.",
    todo="Where a file comes or changes after its hour was taken, the difference would wait here for you.",
)

REMAINDERS: Listing[RemainderRow] = Listing(
    name="metering_remainders",
    title="Remainders",
    may=MAY,
    columns=(
        Column("contract", "Contract", lambda row: row.remainder.contract, "id"),
        Column("dimension", "Dimension", lambda row: row.remainder.dimension),
        Column("carried", "Carried on", lambda row: row.remainder.carried, "quantity"),
        Column("stream", "Stream", lambda row: row.stream),
        Column("updated_at", "Changed", lambda row: row.remainder.updated_at, "instant"),
    ),
    orders=(
        Order("contract", "by stream and contract", "contract", descending=False),
        Order("contract_back", "by stream and contract, backwards", "contract"),
    ),
    filters=(STREAM, CONTRACT, DIMENSION),
    rows=sheets.remainders,
    href=lambda row: to(
        "entries", contract=row.remainder.contract, dimension=row.remainder.dimension, stream=row.stream
    ),
    empty="Nothing is carried on.",
    todo="Where a cloud takes whole numbers only, the exact rest of each contract and dimension stands here.",
)

ALL = (WINDOWS, ENTRIES, QUARANTINE, UNBILLED, UNBILLED_HOURS, ADJUSTMENTS, REMAINDERS)

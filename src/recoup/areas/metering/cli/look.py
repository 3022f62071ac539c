"""Commands that show how usage stands, down to the bytes behind a figure."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from recoup.areas.metering import provenance
from recoup.areas.metering.models import EntryState, WindowState
from recoup.areas.metering.queries import entry_rows, source_rows, standing_rows, stream_rows, window_rows
from recoup.areas.metering.schemas import (
    EntryShown,
    FileShown,
    QuarantinedShown,
    StreamShown,
    UnbilledShown,
    Why,
    WindowInFull,
    WindowShown,
)
from recoup.areas.metering.service import streams
from recoup.areas.metering.settings import MeteringSettings
from recoup.core.clock import hour_of, parse_instant
from recoup.core.ids import parse_id
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Before, Json, Limit
from recoup.web.wire import found, page_of

Stream = Annotated[str | None, Parameter(help="Only this one, as service:environment:plan.")]
Hour = Annotated[str | None, Parameter(help="Only this hour, such as 2025-07-24T16 (UTC).")]


class LookCommands:
    """Looking, changing nothing."""

    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def status(self, *, json: Json = False) -> None:
        """Show how each stream stands, and what waits for a person."""
        with self._opened() as system:
            configured = streams.configured(system.settings.section("metering", MeteringSettings))
            with system.sessions.begin() as db:
                page = page_of(
                    StreamShown, [standing_rows.standing(db, one) for one in stream_rows.streams(db)]
                )
        columns = {
            "STREAM": lambda one: one.stream,
            "TAKEN UNTIL": lambda one: one.taken_until or "nothing yet",
            "WINDOWS": lambda one: output.counts(one.windows),
            "ENTRIES": lambda one: output.counts(one.entries),
            "RECORDS": lambda one: f"{one.records:,}",
            "UNBILLED": lambda one: f"{one.unbilled_records:,}",
            "QUARANTINED": lambda one: f"{one.quarantined_records:,}",
            "NEXT DEADLINE": lambda one: one.next_deadline or "none",
            "FOR A PERSON": lambda one: one.for_a_person,
        }
        output.listing(page, columns, as_json=json, empty="No stream was exported yet.")
        known = {one.stream for one in page.items}
        for config in configured:
            if config.key not in known:
                output.note(f"{config.key} is configured, and was never exported.")
        if not configured:
            output.note("No stream is configured: set SERVICE_NAME, ENVIRONMENT_TYPE and PLAN_ID.")

    def windows(
        self,
        *,
        stream: Stream = None,
        state: Annotated[WindowState | None, Parameter(help="Only what stands there.")] = None,
        before: Before = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """List hours, the latest first."""
        start = parse_id(before) if before else None
        with self._opened() as system, system.sessions.begin() as db:
            rows = window_rows.windows(db, stream_key=stream, state=state, before=start, limit=limit + 1)
            page = page_of(WindowShown, [WindowShown.of(key, row) for key, row in rows], limit=limit)
        columns = {
            "HOUR": lambda one: one.hour,
            "STREAM": lambda one: one.stream,
            "STATE": lambda one: one.state,
            "RECORDS": lambda one: f"{one.records:,}",
            "DEADLINE": lambda one: one.deadline or "none",
            "REASON": lambda one: one.reason,
        }
        output.listing(page, columns, as_json=json, empty="There are no hours yet.")

    def window(
        self,
        stream: Annotated[str, Parameter(help="The stream, as service:environment:plan.")],
        hour: Annotated[str, Parameter(help="The hour, such as 2025-07-24T16 (UTC).")],
        *,
        json: Json = False,
    ) -> None:
        """Show one hour of a stream: how it stands, and the files that were read."""
        at = hour_of(parse_instant(hour))
        with self._opened() as system, system.sessions.begin() as db:
            what = f"window of {stream} at {at:%Y-%m-%d %H:00} UTC"
            row = found(window_rows.window_at(db, stream, at), what, see="metering windows")
            shown = WindowInFull(
                **WindowShown.of(stream, row).model_dump(),
                read=[FileShown.model_validate(file) for file in source_rows.files(db, row.id)],
                entries=entry_rows.entry_states(db, row.id),
            )
        if json:
            output.document(shown)
            return
        output.fields(shown.model_dump(exclude={"id", "read", "entries"}))
        output.fields({"entries": output.counts(shown.entries)})
        output.say("")
        columns = {
            "FILE": lambda file: file.key,
            "BYTES": lambda file: f"{file.size:,}",
            "RECORDS": lambda file: f"{file.records:,}",
            "QUARANTINED": lambda file: f"{file.quarantined:,}",
            "SHA256": lambda file: file.sha256,
        }
        output.table(columns, shown.read, empty="No file of it was read.")

    def entries(
        self,
        *,
        stream: Stream = None,
        hour: Hour = None,
        state: Annotated[EntryState | None, Parameter(help="Only what stands there.")] = None,
        contract: Annotated[str | None, Parameter(help="Only this contract.")] = None,
        before: Before = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """List what is submitted, newest first."""
        start, at = parse_id(before) if before else None, hour_of(parse_instant(hour)) if hour else None
        with self._opened() as system, system.sessions.begin() as db:
            rows = entry_rows.entries(
                db, stream_key=stream, hour=at, state=state, contract=contract, before=start, limit=limit + 1
            )
            names = {one.id: one.key for one in stream_rows.streams(db)}
            page = page_of(EntryShown, [EntryShown.of(names, row) for row in rows], limit=limit)
        columns = {
            "ID": lambda one: one.id,
            "HOUR": lambda one: one.hour,
            "CONTRACT": lambda one: one.contract,
            "DIMENSION": lambda one: one.dimension,
            "QUANTITY": lambda one: one.quantity,
            "CARRIED": lambda one: one.carried_out,
            "STATE": lambda one: one.state,
            "REASON": lambda one: one.reason,
        }
        output.listing(page, columns, as_json=json, empty="There are no entries.")

    def why(
        self,
        entry: Annotated[str, Parameter(help="The entry's id, from `recoup metering entries`.")],
        *,
        records: Annotated[bool, Parameter(help="Read the files again, and list the records.")] = True,
        most: Annotated[
            int, Parameter(validator=Number(gte=1, lte=1_000_000), help="Records listed at most.")
        ] = provenance.MOST_RECORDS,
        json: Json = False,
    ) -> None:
        """Show where a figure comes from: its files as they were read, and the bytes of each record."""
        wanted = parse_id(entry)
        with self._opened() as system:
            shown = provenance.why(system, wanted, with_records=records, most=most)
        if json:
            output.document(shown)
        else:
            _say_why(shown)

    def quarantine(
        self,
        *,
        stream: Stream = None,
        before: Annotated[int | None, Parameter(help="Go on with what is older than this id.")] = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """List records that could not be used, newest first, with their place and the reason."""
        with self._opened() as system, system.sessions.begin() as db:
            rows = source_rows.quarantine(db, stream_key=stream, before=before, limit=limit + 1)
            page = page_of(QuarantinedShown, [QuarantinedShown.of(row) for row in rows], limit=limit)
        columns = {
            "HOUR": lambda one: one.hour,
            "FILE": lambda one: one.file,
            "LINE": lambda one: one.line,
            "BYTES": lambda one: f"{one.start_byte}-{one.end_byte}",
            "REASON": lambda one: one.reason,
            "RECORD": lambda one: one.excerpt,
        }
        output.listing(page, columns, as_json=json, empty="Every record could be used.")

    def unbilled(self, *, stream: Stream = None, limit: Limit = 100, json: Json = False) -> None:
        """List usage that no contract pays for, in total, the largest amount first."""
        with self._opened() as system, system.sessions.begin() as db:
            page = page_of(UnbilledShown, source_rows.unbilled(db, stream_key=stream, limit=limit))
        columns = {
            "STREAM": lambda one: one.stream,
            "SUBSCRIPTION": lambda one: one.subscription,
            "CUSTOMER": lambda one: one.organization or one.customer,
            "DIMENSION": lambda one: one.dimension,
            "QUANTITY": lambda one: one.quantity,
            "WORTH": lambda one: one.amount,
            "SINCE": lambda one: one.first_hour,
        }
        output.listing(page, columns, as_json=json, empty="All usage has a contract.")


def _say_why(shown: Why) -> None:
    entry = shown.entry
    output.say(
        f"{entry.dimension} of {output.clean(entry.contract)}, {output.shown(entry.hour)}, {entry.stream}"
    )
    output.say(
        f"measured {output.shown(entry.measured)} + carried in {output.shown(entry.carried_in)} = "
        f"submitted {output.shown(entry.quantity)} + carried on {output.shown(entry.carried_out)}"
    )
    output.say(f"It is {entry.state}. {output.clean(entry.reason)}".rstrip())
    if shown.submission:
        output.say(f"It left with {shown.submission.key}: {shown.submission.state}.")
    if shown.formula:
        output.say(f"Computed as {shown.formula}.")
    output.say("")
    columns = {
        "FILE": lambda one: one.key,
        "SUBSCRIPTION": lambda one: one.subscription,
        "DIMENSION": lambda one: one.dimension,
        "QUANTITY": lambda one: one.quantity,
        "RECORDS": lambda one: one.records,
        "FOLDED": lambda one: one.folded_records,
        "SHA256": lambda one: one.sha256[:12],
    }
    output.table(columns, shown.sources, empty="No file holds anything of it.")
    if shown.records:
        output.say("")
        columns = {
            "FILE": lambda one: one.key,
            "LINE": lambda one: one.line,
            "BYTES": lambda one: f"{one.start}-{one.end}",
            "VALUE": lambda one: one.value,
            "COUNTS": lambda one: one.counted,
        }
        output.table(columns, shown.records, empty="")
        output.say(
            f"{len(shown.records):,} of {shown.records_total or 0:,} records; those that count add up to "
            f"{output.shown(shown.counted_sum)}."
        )
    if shown.remark:
        output.say(shown.remark)

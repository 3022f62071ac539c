"""The outbox's commands."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import cyclopts
from cyclopts import Parameter

from recoup.core.ids import parse_id
from recoup.office.outbox import queries, service
from recoup.office.outbox.models import State
from recoup.office.outbox.schemas import DeliveryInFull, Outbox
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Before, Json, Limit, Note
from recoup.web.wire import found

Id = Annotated[str, Parameter(help="Its id, from `recoup outbox list`.")]
Way = Literal["again", "accepted", "refused", "cancel"]


def commands(opened: OpenSystem) -> tuple[cyclopts.App, ...]:
    """Return the group ``outbox``."""
    these = _Commands(opened)
    group = cyclopts.App(
        name="outbox", help="Every effect on the outside world: planned, handed over once, proven."
    )
    group.command(these.listed, name="list")
    group.command(these.show)
    group.command(these.resolve)
    group.command(these.resume)
    return (group,)


class _Commands:
    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def listed(
        self,
        *,
        state: Annotated[State | None, Parameter(help="Only what stands there.")] = None,
        kind: Annotated[str | None, Parameter(help="Only this kind, such as metering.submission.")] = None,
        before: Before = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """List deliveries, newest first, and the channels that are stopped."""
        start = parse_id(before) if before else None
        with self._opened() as system, system.sessions.begin() as db:
            rows = queries.listed(db, state=state, kind=kind, before=start, limit=limit + 1)
            counts, stopped = queries.counts_by_state(db), queries.stopped_channels(db)
            page = Outbox.of(rows, limit=limit, counts=counts, stopped=stopped)
        columns = {
            "ID": lambda row: row.id,
            "STATE": lambda row: row.state,
            "CHANNEL": lambda row: row.channel,
            "ABOUT": lambda row: row.subject,
            "TAKEN": lambda row: row.handings,
            "REASON": lambda row: row.reason,
        }
        output.listing(page, columns, as_json=json, empty="Nothing was planned yet.")
        if json:
            return
        if page.counts:
            output.say(f"\n{output.counts(page.counts)}")
        for channel in page.stopped:
            output.say(
                f"Nothing leaves through {channel.channel} since {output.shown(channel.since)}: "
                f"{output.clean(channel.reason)}"
            )

    def show(
        self,
        delivery: Id,
        *,
        raw: Annotated[bool, Parameter(negative="", help="Print the exact bytes and nothing else.")] = False,
        json: Json = False,
    ) -> None:
        """Show a delivery with the exact bytes that leave, or left."""
        wanted = parse_id(delivery)
        with self._opened() as system, system.sessions.begin() as db:
            row = found(queries.by_id(db, wanted), f"delivery {wanted}", see="outbox list")
            shown = DeliveryInFull.model_validate(row)
        if json:
            output.document(shown)
            return
        if raw:
            _write(shown.payload)
            return
        output.fields(shown.model_dump(exclude={"payload", "payload_base64", "payload_text"}))
        output.say("")
        if sys.stdout.isatty():  # where bytes could steer the terminal
            for line in shown.payload.decode("utf-8", "replace").splitlines():
                output.say(output.clean(line))
        else:
            _write(shown.payload)
            output.say("")

    def resolve(
        self,
        delivery: Id,
        *,
        as_: Annotated[Way, Parameter(name="--as", help="What became of it, or what is to be done.")],
        note: Note = "",
        json: Json = False,
    ) -> None:
        """Settle as a person what the outbox may not settle by itself.

        `again` hands the same bytes over once more, `accepted` and `refused` say what the far side did, `cancel`
        gives it up.
        """
        wanted = parse_id(delivery)
        with self._opened() as system, system.sessions.begin() as db:
            row = service.resolve(
                db,
                wanted,
                as_,
                kinds=system.parts.deliveries,
                note=note,
                actor=output.actor(),
                now=system.clock(),
            )
            shown = DeliveryInFull.model_validate(row)
        if json:
            output.document(shown)
        else:
            output.say(f"{shown.key} is {shown.state} now.")

    def resume(
        self,
        channel: Annotated[str, Parameter(help="Its name, such as clazar or mail.")],
        *,
        json: Json = False,
    ) -> None:
        """Open a stopped channel again, because its credentials were mended."""
        with self._opened() as system, system.sessions.begin() as db:
            way_out = found(system.ports.channels.get(channel), f"channel {channel!r}", see="outbox list")
            service.resume(db, way_out.name, actor=output.actor(), now=system.clock())
        if json:
            output.document({"channel": channel, "stopped": False})
        else:
            output.say(f"Deliveries leave through {channel} again.")


def _write(payload: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(payload)

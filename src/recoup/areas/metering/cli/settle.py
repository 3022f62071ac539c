"""Commands with which a person settles what the export may not settle by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from recoup.areas.metering.jobs.export import chosen
from recoup.areas.metering.models import AdjustmentState
from recoup.areas.metering.queries import adjustment_rows, stream_rows, window_rows
from recoup.areas.metering.schemas import AdjustmentShown, EntryInFull
from recoup.areas.metering.service import adjustments as settling
from recoup.areas.metering.service import imports, state_files
from recoup.areas.metering.service.state_files import OldState
from recoup.areas.metering.settings import MeteringSettings
from recoup.core.clock import to_text
from recoup.core.errors import Invalid, NotFound
from recoup.core.ids import parse_id
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Before, Json, Limit, Note
from recoup.web.wire import found, page_of


def _flag(text: str) -> Parameter:
    return Parameter(negative="", help=text)


class SettleCommands:
    """Settling, as a person."""

    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def adjustments(
        self,
        *,
        state: Annotated[AdjustmentState | None, Parameter(help="Only what stands there.")] = None,
        before: Before = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """List differences found after an hour was taken, newest first."""
        start = parse_id(before) if before else None
        with self._opened() as system, system.sessions.begin() as db:
            rows = adjustment_rows.adjustments(db, state=state, before=start, limit=limit + 1)
            page = page_of(AdjustmentShown, [AdjustmentShown.of(*row) for row in rows], limit=limit)
        columns = {
            "ID": lambda one: one.id,
            "HOUR": lambda one: one.hour,
            "CONTRACT": lambda one: one.contract,
            "DIMENSION": lambda one: one.dimension,
            "TAKEN": lambda one: one.before_quantity,
            "NOW": lambda one: one.after_quantity,
            "DIFFERENCE": lambda one: one.difference,
            "STATE": lambda one: one.state,
        }
        output.listing(page, columns, as_json=json, empty="Nothing changed after it was taken.")

    def end(
        self,
        adjustment: Annotated[str, Parameter(help="Its id, from `recoup metering adjustments`.")],
        *,
        carry: Annotated[bool, _flag("Add the difference to what the next hour submits.")] = False,
        dismiss: Annotated[bool, _flag("Let the difference go.")] = False,
        note: Note = "",
        json: Json = False,
    ) -> None:
        """Settle an adjustment: --carry it into the next submission, or --dismiss it."""
        wanted = parse_id(adjustment)
        if carry == dismiss:
            raise Invalid("An adjustment is settled in one of two ways.", fix="Say --carry or --dismiss.")
        with self._opened() as system, system.sessions.begin() as db:
            actor, now = output.actor(), system.clock()
            row = settling.end(db, wanted, carry=carry, note=note, actor=actor, now=now)
            window = found(window_rows.window(db, row.window_id), "such window", see="metering status")
            names = {one.id: one.key for one in stream_rows.streams(db)}
            shown = AdjustmentShown.of(names[window.stream_id], window.hour, row)
        if json:
            output.document(shown)
        else:
            output.say(
                f"The difference of {output.shown(shown.difference)} {shown.dimension} is {shown.state}."
            )

    def retry(
        self,
        entry: Annotated[str, Parameter(help="Its id, from `recoup metering entries`.")],
        *,
        send: Annotated[
            bool, _flag("Submit the same for the same hour again (what happens without a flag).")
        ] = False,
        restamp: Annotated[
            bool, _flag("Too late for its hour: add it to what the next hour submits.")
        ] = False,
        accept: Annotated[bool, _flag("You know that the marketplace has it.")] = False,
        dismiss: Annotated[bool, _flag("Let it go.")] = False,
        note: Note = "",
        json: Json = False,
    ) -> None:
        """Settle an entry that waits for a person."""
        wanted = parse_id(entry)
        ways = {"send": send, "restamp": restamp, "accept": accept, "dismiss": dismiss}
        chosen_ways = [name for name, wished in ways.items() if wished] or ["send"]
        if len(chosen_ways) > 1:
            raise Invalid(
                f"An entry is settled in one way, not in {len(chosen_ways)}.", fix="Choose one flag."
            )
        with self._opened() as system, system.sessions.begin() as db:
            actor, now = output.actor(), system.clock()
            row = settling.retry(db, wanted, how=chosen_ways[0], note=note, actor=actor, now=now)
            db.flush()
            shown = EntryInFull.of({one.id: one.key for one in stream_rows.streams(db)}, row)
        if json:
            output.document(shown)
        else:
            output.say(
                f"{output.shown(shown.quantity)} {shown.dimension} of {shown.contract} is {shown.state} now."
            )

    def import_state(
        self,
        file: Annotated[Path, Parameter(help="The old script's state file, hourly or monthly.")],
        *,
        stream: Annotated[str | None, Parameter(help="The stream, where the file does not name it.")] = None,
        json: Json = False,
    ) -> None:
        """Go on where the old script stopped; what it could not submit is held for a person.

        A stream that was exported here already is refused: its own ledger knows better.
        """
        states = state_files.read(_text(file), stream=stream, name=str(file))
        with self._opened() as system, system.sessions.begin() as db:
            settings = system.settings.section("metering", MeteringSettings)
            wanted = [one for one in states if stream in {None, one.stream}]
            if not wanted:
                raise NotFound(f"{file} says nothing about {stream}.")
            for one in wanted:
                config = chosen(settings, one.stream)[0]
                imports.take_over(db, config, one, actor=output.actor(), now=system.clock())
        if json:
            output.document({"streams": [_document(one) for one in wanted]})
            return
        for one in wanted:
            _say(one)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise NotFound(f"{file} cannot be read: {reason}.") from None


def _document(state: OldState) -> dict[str, object]:
    errors = [
        {
            "contract": one.contract,
            "dimension": one.dimension,
            "start": to_text(one.start),
            "quantity": one.quantity,
            "reason": one.reason,
        }
        for one in state.errors
    ]
    last = to_text(state.last_hour)
    return {"stream": state.stream, "last_hour": last, "errors": errors, "warnings": list(state.warnings)}


def _say(state: OldState) -> None:
    output.say(f"{state.stream} goes on after {output.shown(state.last_hour)}.")
    for warning in state.warnings:
        output.note(warning)
    if state.errors:
        output.say(
            "What the old script could not submit is held; see `recoup metering entries --state held`:"
        )
        columns = {
            "CONTRACT": lambda one: one.contract,
            "DIMENSION": lambda one: one.dimension,
            "FROM": lambda one: one.start,
            "QUANTITY": lambda one: one.quantity,
            "REASON": lambda one: one.reason,
        }
        output.table(columns, state.errors, empty="")

"""`recoup metering export`: what a crontab calls in the place of the script that came before."""

from __future__ import annotations

import logging
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from recoup.areas.metering.jobs.export import ExportParams, chosen
from recoup.areas.metering.jobs.rehearsal import Rehearsal, rehearse
from recoup.areas.metering.queries import standing_rows, stream_rows
from recoup.areas.metering.schemas import PlannedShown, RehearsalShown, StreamShown
from recoup.areas.metering.settings import MeteringSettings
from recoup.core.errors import Conflict, Unavailable
from recoup.core.system import System
from recoup.office.jobs import service as jobs
from recoup.office.jobs.follow import went_well
from recoup.office.jobs.here import run_here
from recoup.office.jobs.models import Run, RunState
from recoup.office.jobs.schemas import RunShown
from recoup.office.outbox import handover
from recoup.office.outbox import queries as outbox
from recoup.web import logs, output
from recoup.web.area import OpenSystem
from recoup.web.output import Json

log = logging.getLogger("recoup.metering")

NEEDS_PERSON, CANCELLED = 1, 130


class ExportCommands:
    """Exporting, for real or to see what would happen."""

    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def export(
        self,
        *,
        dry_run: Annotated[
            bool, Parameter(negative="", help="Show what would be sent; change nothing.")
        ] = False,
        stream: Annotated[str | None, Parameter(help="Only this one, as service:environment:plan.")] = None,
        max_hours: Annotated[
            int | None, Parameter(validator=Number(gte=1, lte=10_000), help="New hours per stream, at most.")
        ] = None,
        json: Json = False,
    ) -> int:
        """Read every hour that is complete, add it up exactly, and submit it.

        Log lines go to stderr. Ends with 0 when all is well, 1 when anything needs a person, and 75 when another
        export is running. DRY_RUN=true in the settings is the same as --dry-run.
        """
        params = ExportParams(stream=stream, max_hours=max_hours)
        with self._opened() as system, logs.lines_of_the_script(level=system.settings.process.log_level):
            if dry_run or system.settings.section("metering", MeteringSettings).dry_run:
                return _show(rehearse(system, params), as_json=json)
            _refuse_a_second(system, params)
            job = jobs.find(system.parts.jobs, "metering.export")
            run = run_here(system, job, params.model_dump(), actor=output.actor())
            _hand_over_the_rest(system)
            if json:
                output.document({"run": RunShown.model_validate(run), "streams": _standings(system, params)})
            return _exit_code(run)


def _refuse_a_second(system: System, params: ExportParams) -> None:
    """Raise Conflict when every stream that is asked for is being exported already: nothing is left to do."""
    keys = [one.key for one in chosen(system.settings.section("metering", MeteringSettings), params.stream)]
    with system.sessions.begin() as db:
        busy = stream_rows.exporting(db, keys)
    if busy.issuperset(keys):
        raise Conflict(
            f"Another export of {', '.join(sorted(busy))} is running.",
            fix="This one has done nothing; the other goes on.",
        )


def _hand_over_the_rest(system: System) -> None:
    """Let mails leave, too: where a crontab is all that runs, nobody else would."""
    with system.sessions.begin() as db:
        channels = outbox.channels_with_work(db, now=system.clock())
    for channel in channels:
        try:
            handover.drain(system, channel)
        except Unavailable as error:
            log.warning("%s", error.sentence())


def _standings(system: System, params: ExportParams) -> list[StreamShown]:
    settings = system.settings.section("metering", MeteringSettings)
    keys = {one.key for one in chosen(settings, params.stream)}
    with system.sessions.begin() as db:
        rows = [standing_rows.standing(db, one) for one in stream_rows.streams(db) if one.key in keys]
    return [StreamShown.model_validate(row) for row in rows]


def _exit_code(run: Run) -> int:
    if run.counts.get("busy"):
        return Conflict.exit_code
    if run.state == RunState.CANCELLED:
        return CANCELLED
    return 0 if went_well(run) else NEEDS_PERSON


def _show(rehearsal: Rehearsal, *, as_json: bool) -> int:
    outcome = rehearsal.report.outcome()
    planned = [
        PlannedShown(key=one.key, subject=one.subject, payload=one.payload.decode("ascii"))
        for one in rehearsal.submissions
    ]
    if as_json:
        output.document(
            RehearsalShown(
                summary=outcome.summary,
                needs_person=outcome.needs_person,
                streams=[StreamShown.model_validate(one) for one in rehearsal.report.standings],
                submissions=planned,
            )
        )
    else:
        for one in planned:
            output.say(one.payload)
        columns = {"SUBMISSION": lambda one: one.key, "ABOUT": lambda one: one.subject}
        output.say("")
        output.table(columns, planned, empty="Nothing would be sent.")
    output.note(f"Dry run: {outcome.summary} Nothing was sent, and nothing was changed.")
    return NEEDS_PERSON if outcome.needs_person else 0

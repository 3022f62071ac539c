"""Commands on runs: what ran, what runs, and stopping it."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from recoup.core.ids import parse_id
from recoup.office.jobs import queries, service
from recoup.office.jobs.cli.tail import tail
from recoup.office.jobs.models import RunState
from recoup.office.jobs.schemas import RunShown
from recoup.office.jobs.shown import run_in_full
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Before, Json, Limit
from recoup.web.wire import found, page_of

Id = Annotated[str, Parameter(help="The run's id, from `recoup runs list`.")]


class RunCommands:
    """What a person can do with runs."""

    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def listed(
        self,
        *,
        job: Annotated[str | None, Parameter(help="Only runs of this job.")] = None,
        state: Annotated[RunState | None, Parameter(help="Only what stands there.")] = None,
        before: Before = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """List runs, newest first."""
        start = parse_id(before) if before else None
        with self._opened() as system, system.sessions.begin() as db:
            rows = queries.runs(db, job_name=job, state=state, before=start, limit=limit + 1)
            page = page_of(RunShown, rows, limit=limit)
        columns = {
            "ID": lambda run: run.id,
            "JOB": lambda run: run.job,
            "STATE": lambda run: f"{run.state}, needs a person" if run.needs_person else run.state,
            "STARTED": lambda run: run.started_at,
            "BY": lambda run: run.actor,
            "SUMMARY": lambda run: run.summary,
        }
        output.listing(page, columns, as_json=json, empty="Nothing ran yet.")

    def show(self, run_id: Id, *, json: Json = False) -> None:
        """Show a run: how it stands, what it counted, what it left behind."""
        wanted = parse_id(run_id)
        with self._opened() as system, system.sessions.begin() as db:
            run = found(queries.run(db, wanted), f"run {wanted}", see="runs list")
            shown = run_in_full(db, system, run, me=None, now=system.clock())
        if json:
            output.document(shown)
            return
        output.fields(shown.model_dump(exclude={"artifacts"}))
        for one in shown.artifacts:
            output.say(f"{one.name} ({one.size:,} bytes): {one.link}")

    def tail(self, run_id: Id, *, json: Json = False) -> int:
        """Follow a run's log until it ends; ends with 1 when it failed or needs a person."""
        wanted = parse_id(run_id)
        with self._opened() as system:
            return tail(system, wanted, as_json=json)

    def cancel(self, run_id: Id, *, json: Json = False) -> None:
        """Ask a run to stop: at once while it is queued, at its next step while it runs."""
        wanted = parse_id(run_id)
        with self._opened() as system, system.sessions.begin() as db:
            run = service.cancel(db, wanted, actor=output.actor(), now=system.clock())
            shown = RunShown.model_validate(run)
        if json:
            output.document(shown)
        elif shown.cancel_requested:
            output.say("It was asked to stop, and does at its next step; what was committed stays.")
        else:
            output.say("Cancelled before it started.")

    def looked_after(
        self,
        run_id: Id,
        *,
        note: Annotated[str, Parameter(help="What you found or did; it stands in the journal.")] = "",
        json: Json = False,
    ) -> None:
        """Say that somebody looked after a run that needed a person."""
        wanted = parse_id(run_id)
        with self._opened() as system, system.sessions.begin() as db:
            run = service.look_after(db, wanted, note=note, actor=output.actor(), now=system.clock())
            shown = RunShown.model_validate(run)
        if json:
            output.document(shown)
        else:
            output.say("Noted: somebody looked after this run.")

    def again(self, run_id: Id, *, json: Json = False) -> None:
        """Queue a new run with the parameters of one that is over."""
        wanted = parse_id(run_id)
        with self._opened() as system, system.sessions.begin() as db:
            actor, now = output.actor(), system.clock()
            shown = RunShown.model_validate(
                service.run_again(db, system.parts.jobs, wanted, actor=actor, now=now)
            )
        if json:
            output.document(shown)
        else:
            output.say(f"Queued as run {shown.id}. See it with `recoup runs tail {shown.id}`.")

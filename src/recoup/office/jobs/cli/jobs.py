"""Commands on jobs: what can run, when it does, and who is told."""

from __future__ import annotations

import json as codec
from typing import Annotated, Any

from cyclopts import Parameter

from recoup.core.errors import Invalid
from recoup.core.parts import Missed
from recoup.office.jobs import queries, service
from recoup.office.jobs.cli.tail import tail
from recoup.office.jobs.schemas import JobShown, RunShown
from recoup.office.jobs.shown import job_in_full
from recoup.office.messages import rules as messages
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Json
from recoup.web.wire import Page

Name = Annotated[str, Parameter(help="The job's name, from `recoup jobs list`.")]


class JobCommands:
    """What a person can do with jobs."""

    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def listed(self, *, json: Json = False) -> None:
        """List what can run, when it is due next, and how it went last."""
        with self._opened() as system, system.sessions.begin() as db:
            known = sorted(system.parts.jobs.values(), key=lambda job: job.name)
            jobs = [job_in_full(db, job, now=system.clock()) for job in known]
        columns = {
            "NAME": lambda job: job.name,
            "WHAT": lambda job: job.title,
            "SCHEDULE": lambda job: [f"{one.cron} {one.zone}" for one in job.schedules],
            "NEXT": _next,
            "LAST": _last,
        }
        output.listing(Page[JobShown](items=jobs), columns, as_json=json, empty="There are no jobs.")

    def run(
        self,
        name: Name,
        *,
        param: Annotated[
            tuple[str, ...], Parameter(help="A parameter, as name=value; may be repeated.")
        ] = (),
        wait: Annotated[bool, Parameter(negative="", help="Follow the run until it ends.")] = False,
        json: Json = False,
    ) -> int:
        """Run a job: a worker takes it at once.

        With --wait the command ends with 1 when the run failed or needs a person.
        """
        params = _parameters(param)
        with self._opened() as system:
            with system.sessions.begin() as db:
                job = service.find(system.parts.jobs, name)
                actor, now = output.actor(), system.clock()
                run = service.start(db, job, params, trigger="command", actor=actor, now=now)
                working = queries.workers_alive(db)
            if not working:
                output.note("No worker runs, so this waits for one: start `recoup up` or `recoup worker`.")
            if wait:
                return tail(system, run.id, as_json=json)
        if json:
            output.document(RunShown.model_validate(run))
        else:
            output.say(f"Queued as run {run.id}. See it with `recoup runs tail {run.id}`.")
        return 0

    def pause(self, name: Name, *, json: Json = False) -> None:
        """Stop what a job's schedules start. A person may still run it."""
        self._set_paused(name, paused=True, json=json)

    def resume(self, name: Name, *, json: Json = False) -> None:
        """Let a job's schedules start runs again."""
        self._set_paused(name, paused=False, json=json)

    def schedule(
        self,
        name: Name,
        *,
        cron: Annotated[str | None, Parameter(help="Five fields, such as '10 * * * *'.")] = None,
        zone: Annotated[
            str | None, Parameter(help="The time zone of the fields, such as Europe/Berlin.")
        ] = None,
        missed: Annotated[Missed | None, Parameter(help="What happens to slots while nothing runs.")] = None,
        json: Json = False,
    ) -> None:
        """Show when a job is due, with its next five slots; with options, change that first."""
        with self._opened() as system, system.sessions.begin() as db:
            job, now = service.find(system.parts.jobs, name), system.clock()
            if (cron, zone, missed) != (None, None, None):
                before = queries.schedules(db, job_name=name)
                if cron is None and not before:
                    raise Invalid(f"{name} has no schedule yet.", fix="Give it one with --cron.")
                service.change_schedule(
                    db,
                    job,
                    cron=cron or before[0].cron,
                    zone=zone or (before[0].zone if before else "UTC"),
                    missed=missed or (Missed(before[0].missed) if before else Missed.LATEST),
                    actor=output.actor(),
                    now=now,
                )
                db.flush()
            shown = job_in_full(db, job, now=now)
        if json:
            output.document(shown)
            return
        _say_schedules(shown)

    def notify(
        self,
        name: Name,
        *,
        success: Annotated[tuple[str, ...], Parameter(help="Who is told when a run goes well.")] = (),
        failure: Annotated[
            tuple[str, ...], Parameter(help="Who is told when one fails or needs a person.")
        ] = (),
        json: Json = False,
    ) -> None:
        """Say who gets a mail when runs end. Both lists are replaced; without addresses nobody is told."""
        told = [[messages.address(to).addr_spec for to in each] for each in (success, failure)]
        with self._opened() as system, system.sessions.begin() as db:
            job, now = service.find(system.parts.jobs, name), system.clock()
            service.notify(db, job, success=told[0], failure=told[1], actor=output.actor(), now=now)
            shown = job_in_full(db, job, now=now)
        if json:
            output.document(shown)
            return
        output.say(f"When {name} goes well: {output.shown(shown.notify_success) or 'nobody is told'}.")
        output.say(
            f"When it fails or needs a person: {output.shown(shown.notify_failure) or 'nobody is told'}."
        )

    def _set_paused(self, name: str, *, paused: bool, json: bool) -> None:
        with self._opened() as system, system.sessions.begin() as db:
            job, now = service.find(system.parts.jobs, name), system.clock()
            service.pause(db, job, paused=paused, actor=output.actor(), now=now)
            shown = job_in_full(db, job, now=now)
        if json:
            output.document(shown)
        else:
            output.say(f"{name} is {'paused: its schedules start nothing' if paused else 'scheduled again'}.")


def _say_schedules(shown: JobShown) -> None:
    if not shown.schedules:
        output.say(f"{shown.name} has no schedule.")
    for one in shown.schedules:
        output.say(f"{shown.name} is due at {one.cron} ({one.zone}); missed slots: {one.missed}.")
        if shown.paused:
            output.say("It is paused: these slots start nothing.")
        for at in one.next:
            output.say(f"  {output.shown(at)}")


def _next(job: JobShown) -> object:
    coming = [one.next[0] for one in job.schedules if one.enabled and one.next]
    return "paused" if job.paused else min(coming, default="")


def _last(job: JobShown) -> object:
    run = job.last_run
    return output.joined([run.state, run.finished_at or run.started_at]) if run else "never"


def _parameters(given: tuple[str, ...]) -> dict[str, Any]:
    """Read name=value; what is written as a JSON list or object is one, everything else is text."""
    params: dict[str, Any] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not (name and equals):
            raise Invalid(f"{one!r} is no parameter.", fix="Write it as name=value.")
        if text.startswith(("[", "{")):
            try:
                params[name] = codec.loads(text)
            except ValueError as error:
                raise Invalid(f"The parameter {name} is not JSON: {error}.") from None
        else:
            params[name] = text
    return params

"""`recoup rights download`, `process` and `sync`: what a crontab calls in the place of the scripts that came before."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from recoup.areas.rights.jobs.collect import NO_OWNER
from recoup.areas.rights.jobs.sync import SyncParams
from recoup.core.clock import parse_instant, to_text
from recoup.office.jobs import service as jobs
from recoup.office.jobs.follow import went_well
from recoup.office.jobs.here import run_here
from recoup.office.jobs.models import RunState
from recoup.office.jobs.schemas import RunShown
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Json

NEEDS_PERSON, CANCELLED = 1, 130
Owner = Annotated[str | None, Parameter(help="Only this content owner, by its external id.")]
MadeAfter = Annotated[
    str | None,
    Parameter(help="List reports that were made after this, such as 2022-10-01T00:00:00Z; else what is new."),
]


class SyncCommands:
    """Fetching and processing, here and now."""

    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def download(self, made_after: MadeAfter = None, /, *, owner: Owner = None, json: Json = False) -> int:
        """Fetch new reports whole, and keep them.

        Nothing new is a success. Ends with 0 when all is well, and with 1 when anything needs a person.
        """
        return self._run(
            {"steps": ["collect"], "made_after": _instant(made_after), "owner": owner}, as_json=json
        )

    def process(self, *, owner: Owner = None, json: Json = False) -> int:
        """Compare every report that was kept with the snapshot before it, write what changed, and tell.

        Ends with 0 when all is well, and with 1 when anything needs a person.
        """
        return self._run({"steps": ["process"], "owner": owner}, as_json=json)

    def sync(self, made_after: MadeAfter = None, /, *, owner: Owner = None, json: Json = False) -> int:
        """Download, then process.

        Ends with 0 when all is well, and with 1 when anything needs a person.
        """
        return self._run({"made_after": _instant(made_after), "owner": owner}, as_json=json)

    def _run(self, params: dict[str, Any], *, as_json: bool) -> int:
        asked = SyncParams(**{name: value for name, value in params.items() if value is not None})
        with self._opened() as system:
            if "collect" in asked.steps and system.ports.reports is None:
                raise NO_OWNER
            job = jobs.find(system.parts.jobs, "rights.sync")
            run = run_here(system, job, asked.model_dump(mode="json"), actor=output.actor())
            if as_json:
                output.document(RunShown.model_validate(run))
            else:
                output.say(run.summary or "")
            if run.state == RunState.CANCELLED:
                return CANCELLED
            return 0 if went_well(run) else NEEDS_PERSON


def _instant(text: str | None) -> str | None:
    return to_text(parse_instant(text)) if text else None

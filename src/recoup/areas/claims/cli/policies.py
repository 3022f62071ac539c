"""`recoup claims policies` and `recoup claims history`: what there is, and bringing in what others have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import UUID

from cyclopts import Parameter

from recoup.areas.claims import history, importing
from recoup.areas.claims.jobs.past import HISTORY, LayoutName, PastParams
from recoup.areas.claims.models import PolicyKind, PolicyStatus
from recoup.areas.claims.policy_schemas import ImportShown, PolicyHeld
from recoup.areas.claims.queries import policy_sheets
from recoup.areas.claims.service import policies
from recoup.core.errors import Invalid
from recoup.core.system import System
from recoup.office.files import service as files
from recoup.office.jobs.follow import went_well
from recoup.office.jobs.here import run_here
from recoup.office.jobs.models import RunState
from recoup.office.jobs.schemas import RunShown
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Json, Limit
from recoup.web.wire import Page

NEEDS_PERSON, CANCELLED = 1, 130
MOST_TOLD = 20
DryRun = Annotated[bool, Parameter(negative="", help="Say what would change, and change nothing.")]


class PolicyCommands:
    """Policies."""

    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def list_(
        self,
        *,
        text: Annotated[str | None, Parameter(help="A part of the number, or of the holder's name.")] = None,
        type: Annotated[PolicyKind | None, Parameter(help="Only of this sort.")] = None,  # noqa: A002 - as it is typed
        status: Annotated[PolicyStatus | None, Parameter(help="Only what stands there.")] = None,
        after: Annotated[str | None, Parameter(help="Go on where the page before ended.")] = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """List policies, the last added first."""
        with self._opened() as system, system.sessions.begin() as db:
            found = policy_sheets.page(db, text=text, kind=type, status=status, after=after, limit=limit)
            today = system.clock().date()
            items = [PolicyHeld.held(one, today=today) for one in found.rows]
        columns = {
            "NUMBER": lambda one: one.policy_number,
            "TYPE": lambda one: one.policy_type,
            "HOLDER": lambda one: one.holder_email,
            "NAME": lambda one: one.holder_name,
            "FROM": lambda one: one.start_date,
            "TO": lambda one: one.end_date,
            "PREMIUM": lambda one: f"{one.premium} {one.currency}",
            "SUM INSURED": lambda one: "" if one.sum_insured is None else f"{one.sum_insured}",
            "STATUS": lambda one: one.status,
            "ID": lambda one: one.id,
        }
        page = Page[PolicyHeld](items=items, next=found.next)
        output.listing(page, columns, as_json=json, empty="There are no policies.", go_on="--after")

    def bring_in(
        self,
        file: Annotated[Path, Parameter(help="CSV or .xlsx, with the columns that docs/claims.md names.")],
        *,
        dry_run: DryRun = False,
        json: Json = False,
    ) -> int:
        """Add and change policies as a sheet says; nothing is deleted. Say what would change with --dry-run.

        Ends with 0 when every line was taken, and with 1 when some were not; these are told, and the others stand.
        """
        with _opened(file) as body, self._opened() as system, system.sessions() as db:
            with importing.sheet(system, db, body, name=file.name) as read:
                if dry_run:
                    plan = policies.plan(db, read)
                else:
                    plan = policies.apply(
                        db,
                        system.ports.files,
                        read,
                        body=body,
                        media_type=importing.media_type(body),
                        actor=output.actor(),
                        now=system.clock(),
                    )
                    db.commit()
            shown = ImportShown.of(plan, applied=not dry_run)
        if json:
            output.document(shown)
        else:
            _say(shown)
        return NEEDS_PERSON if shown.rejected else 0


class PastCommands:
    """Claims that were decided elsewhere."""

    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def bring_in(
        self,
        file: Annotated[Path, Parameter(help="A CSV file in UTF-8.")],
        *,
        layout: Annotated[
            LayoutName,
            Parameter(help="Whose columns it has: FEMA's flood claims, or those that docs/claims.md names."),
        ],
        dry_run: DryRun = False,
        json: Json = False,
    ) -> int:
        """Load claims that were decided elsewhere, for the figures; what is there already is not loaded twice.

        Ends with 0 when all is well, and with 1 when it stopped; lines that are none are with the run.
        """
        with _opened(file) as body, self._opened() as system:
            kept = _kept(system, body, file.name)
            params = PastParams(file=kept, layout=layout, dry_run=dry_run)
            run = run_here(system, HISTORY, params.model_dump(mode="json"), actor=output.actor())
            if dry_run or run.state != RunState.SUCCEEDED:
                _given_up(system, kept)
        if json:
            output.document(RunShown.model_validate(run))
        else:
            output.say(run.summary or "")
        if run.state == RunState.CANCELLED:
            return CANCELLED
        return 0 if went_well(run) else NEEDS_PERSON


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise Invalid(f"{output.clean(str(path))} cannot be read: {error.strerror}.") from None


def _kept(system: System, body: BinaryIO, name: str) -> UUID:
    """Keep a file where whoever runs the job finds it."""
    with system.sessions.begin() as db:
        actor, now = output.actor(), system.clock()
        return history.keep(db, system.ports.files, body=body, name=name, actor=actor, now=now).id


def _given_up(system: System, file_id: UUID) -> None:
    with system.sessions.begin() as db:
        history.give_up(db, files.get(db, file_id), actor=output.actor(), now=system.clock())


def _say(shown: ImportShown) -> None:
    for note in shown.notes:
        output.note(note)
    for one in shown.rejections[:MOST_TOLD]:
        output.say(f"! line {one.line}: {output.clean(one.reason)}")
    if shown.rejected > MOST_TOLD:
        output.say(f"! and {shown.rejected - MOST_TOLD:,} more lines")
    for change in shown.changes[:MOST_TOLD]:
        told = [
            f"{each.column} {each.before or 'nothing'} → {each.after or 'nothing'}"
            for each in change.differences
        ]
        output.say(f"{output.clean(change.policy_number)}: {output.clean('; '.join(told))}")
    if shown.changed > MOST_TOLD:
        output.say(f"and {shown.changed - MOST_TOLD:,} more that change")
    for claim in shown.claims[:MOST_TOLD]:
        output.say(
            f"{claim.claim_number} of {claim.incident_date}, on {output.clean(claim.policy_number)}: {claim.why}"
        )
    does = "would be" if not shown.applied else "were"
    output.say(
        f"{shown.rows:,} lines: {shown.added:,} policies {does} added, {shown.changed:,} {does} changed, "
        f"{shown.same:,} stay, {shown.rejected:,} not taken; {shown.people:,} people {does} added."
    )

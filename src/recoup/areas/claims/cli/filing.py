"""`recoup claims file`: a claim that came by post or on the telephone, filed for a policy's holder."""

from __future__ import annotations

import mimetypes
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from cyclopts import Parameter
from sqlalchemy.orm import Session

from recoup.areas.claims import controls
from recoup.areas.claims.cli.common import by
from recoup.areas.claims.cli.look import ClaimListed
from recoup.areas.claims.models import Policy
from recoup.areas.claims.queries import policy_sheets
from recoup.areas.claims.rules import loss as losses
from recoup.areas.claims.rules.loss import Loss
from recoup.areas.claims.service import documents, filing
from recoup.areas.claims.service.documents import Ready
from recoup.core.errors import BadRequest, Invalid, NotFound
from recoup.core.system import System
from recoup.office.controls import service as house
from recoup.office.people.models import Person
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Json

FOLDER = "incoming"


class FileCommands:
    """Filing, for somebody else."""

    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def file(
        self,
        *files: Annotated[Path, Parameter(help="PDF, JPG, PNG, DOC or DOCX; 10 MB each.")],
        policy: Annotated[str, Parameter(help="The policy's number.")],
        type: Annotated[str, Parameter(help="What it is about, such as medical.")],  # noqa: A002 - as it is typed
        date: Annotated[str, Parameter(help="The day of the incident, such as 2026-02-05.")],
        amount: Annotated[str, Parameter(help="What is claimed, in the policy's currency.")],
        description: Annotated[str, Parameter(help="What happened.")],
        time: Annotated[str, Parameter(help="At what time, such as 14:30.")] = "",
        location: Annotated[str, Parameter(help="Where.")] = "",
        cause: Annotated[str, Parameter(help="By what.")] = "",
        police_report: Annotated[str, Parameter(help="The number of the police report.")] = "",
        reported: Annotated[str, Parameter(help="The day on which it was reported.")] = "",
        json: Json = False,
    ) -> None:
        """File a claim for a policy's holder, with its documents; they are examined as those that come in by the web.

        The holder gets the same mail as if they had filed it.
        """
        typed = {
            "claim_type": type,
            "incident_date": date,
            "description": description,
            "claim_amount": amount,
            "loss_time": time,
            "loss_location": location,
            "cause": cause,
            "police_report_no": police_report,
            "reported_at": reported,
        }
        if not files:
            raise BadRequest("At least one document is required.", fix="Name a bill, a photo or a report.")
        with self._opened() as system:
            with system.sessions.begin() as db:
                found, today = _policy(db, system, policy)
                loss = losses.checked(typed, currency=found.currency)
                filing.check_cover(found, loss, today=today)
                documents.check_count(house.value(db, controls.MOST_DOCUMENTS), 0, more=len(files))
            folder = system.home / FOLDER
            folder.mkdir(mode=0o700, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as own:
                ready = _examined(system, files, Path(own))
                claim = _filed(system, policy, loss, ready)
        if json:
            output.document(claim)
        else:
            output.say(
                f"{claim.claim_number} was filed for {claim.claimant}: {claim.claim_amount} {claim.currency}."
            )


def _policy(db: Session, system: System, number: str) -> tuple[Policy, date]:
    """Return a policy, and its holder's own day."""
    policy = policy_sheets.by_number(db, number.strip())
    if policy is None:
        raise NotFound(f"There is no policy {number[:64]}.", fix="See `recoup claims policies list`.")
    holder = db.get_one(Person, policy.person_id)
    return policy, system.clock().astimezone(ZoneInfo(holder.zone)).date()


def _examined(system: System, files: Sequence[Path], own: Path) -> list[Ready]:
    from recoup.areas.claims import receiving  # noqa: PLC0415 - no other command pays for the web

    ready = []
    for number, path in enumerate(files):
        if not path.is_file():
            raise Invalid(f"{output.clean(str(path))} is not a file.")
        declared = mimetypes.guess_type(path.name)[0] or ""
        into = own / f"{number}.out"
        ready.append(
            receiving.received(
                system,
                path,
                name=path.name,
                declared=declared,
                into=into,
                actor=by().actor,
                now=system.clock(),
            )
        )
    return ready


def _filed(system: System, number: str, loss: Loss, ready: Sequence[Ready]) -> ClaimListed:
    with system.sessions.begin() as db:
        policy, today = _policy(db, system, number)
        filed = filing.file(
            db,
            system.ports.files,
            policy,
            loss,
            ready=ready,
            today=today,
            actor=by().actor,
            now=system.clock(),
        )
        return ClaimListed.of(filed.claim)

"""Who may come in, for administrators: the list, invitations, and everything about one person."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from recoup.core.errors import RecoupError
from recoup.core.system import System
from recoup.office.people import shown
from recoup.office.people.here import portal_of
from recoup.office.people.lists import ACCESS, PEOPLE
from recoup.office.people.pages.doors import PEOPLE as HERE
from recoup.office.people.pages.doors import mails_leave, word
from recoup.office.people.permissions import Role
from recoup.office.people.secrets import Keys
from recoup.office.people.service import invitations
from recoup.office.people.service.invitations import MailPreview
from recoup.web import forms, pages
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running, Typed

LOOK, CHANGE = Depends(may("people.look")), Depends(may("people.change"))

router = Router(prefix="/desk")


class InviteForm(BaseModel):
    """Whom to invite, and as what."""

    address: str = Field(max_length=254, title="Mail address", description="Codes are mailed to it.")
    name: str = Field(default="", max_length=100, description="What they are called here; may stay empty.")
    role: Role = Field(default=Role.ANALYST, description="It can be changed at any time.")


@router.get("/people", dependencies=[LOOK])
def people(request: Request, db: Db) -> Response:
    """List who may come in."""
    return pages.listed(request, db, PEOPLE, template="people/people.html")


@router.get("/access", dependencies=[Depends(may("access.look"))])
def access(request: Request, db: Db) -> Response:
    """List who opened, downloaded or changed what."""
    return pages.listed(request, db, ACCESS, template="people/access.html")


@router.get("/people/invite", dependencies=[CHANGE])
def invitation(request: Request, db: Db, system: Running) -> Response:
    """Ask whom to invite."""
    return _invite_page(request, mails_leave(db, system), typed=forms.values_of(InviteForm))


@router.post("/people/invite", dependencies=[CHANGE])
def invite(*, request: Request, db: Db, system: Running, actor: Actor, now: Now, typed: Typed) -> Response:
    """Show the mail first; on a second look, invite."""
    leaves = mails_leave(db, system)
    given = {name: word(typed, name) for name in InviteForm.model_fields}
    asked, errors = forms.read(InviteForm, typed)
    if asked is None:
        return _invite_page(request, leaves, typed=given, errors=errors)
    what: dict[str, Any] = {"address": asked.address, "role": asked.role, "name": asked.name}
    how = mail_of(system) | {"actor": actor, "now": now}
    try:
        with db.begin_nested():
            if word(typed, "step") != "send" and leaves:
                preview = invitations.preview(db, **what, **how)
                return _invite_page(request, leaves, typed=given, preview=preview)
            invited = invitations.invite(db, **what, mails_leave=leaves, **how)
    except RecoupError as error:
        return _invite_page(request, leaves, typed=given, problem=error)
    person = invited.person
    if invited.printed is not None:
        return pages.render(
            request,
            "people/link_made.html",
            person=person,
            link=f"{portal_of(system.settings)}{invited.printed.path}",
            until=invited.printed.expires_at,
        )
    return pages.lead_on(f"{HERE}/{person.id}", f"{person.address} was added, and a mail is on its way.")


def mail_of(system: System) -> dict[str, Any]:
    """Return what a mail with a link needs to know of this installation."""
    return {
        "portal": portal_of(system.settings),
        "sealer": Keys.of(system.settings).sealer,
        "sender": system.settings.mail.sender,
    }


def _invite_page(
    request: Request,
    leaves: bool,
    *,
    typed: dict[str, Any],
    errors: dict[str, str] | None = None,
    problem: RecoupError | None = None,
    preview: MailPreview | None = None,
) -> Response:
    found = dict(errors or {})
    if problem is not None and ("address" in problem.sentence() or "known already" in problem.detail):
        found["address"] = problem.detail
    elif problem is not None and "cannot be a name" in problem.detail:
        found["name"] = problem.sentence()
    status = problem.status if problem else HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    return pages.render(
        request,
        "people/invite.html",
        status=status,
        fields=forms.fields_of(InviteForm),
        typed=typed,
        errors=found,
        problem=problem if problem and not found else None,
        preview=preview,
        mails_leave=leaves,
        roles=shown.ROLES,
    )

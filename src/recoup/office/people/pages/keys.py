"""One's own keys for programs: make one, see it once, revoke it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from recoup.core.errors import RecoupError
from recoup.core.system import Caller
from recoup.office.people import queries
from recoup.office.people.here import portal_of
from recoup.office.people.pages.account import Complete
from recoup.office.people.pages.doors import ACCOUNT
from recoup.office.people.service import keys
from recoup.web import forms, pages
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running, Typed

KEYS = f"{ACCOUNT}/keys"

router = Router(prefix=KEYS, dependencies=[Depends(may("account.change"))])

SCOPES = (("look", "only look"), ("all", "do all that I may"))
LASTS = {"30 days": 30, "90 days": 90, "a year": 365}


class KeyForm(BaseModel):
    """What a new key is."""

    name: str = Field(max_length=100, description="Which program will use it, such as “nightly report”.")
    scope: Literal["look", "all"] = Field(
        default="look", title="It may", description="Take the least that does."
    )
    lasts: Literal["30 days", "90 days", "a year", "until it is revoked"] = Field(
        default="90 days", title="It works for", description="A key that is forgotten ends by itself."
    )

    def expires_at(self, now: datetime) -> datetime | None:
        """Return when it ends."""
        days = LASTS.get(self.lasts)
        return now + timedelta(days=days) if days else None


@router.get("")
def own_keys(request: Request, db: Db, me: Complete) -> Response:
    """List one's keys."""
    return _page(request, db, me)


@router.post("")
def make_key(*, request: Request, db: Db, system: Running, me: Complete, now: Now, typed: Typed) -> Response:
    """Make a key, and show it once."""
    asked, errors = forms.read(KeyForm, typed)
    if asked is None:
        return _page(request, db, me, typed=dict(typed), errors=errors)
    try:
        with db.begin_nested():
            made = keys.make_key(
                db,
                caller=me,
                name=asked.name,
                scope=asked.scope,
                expires_at=asked.expires_at(now),
                now=now,
            )
    except RecoupError as error:
        in_field = {"name": error.sentence()} if "name" in error.sentence() else {}
        return _page(
            request,
            db,
            me,
            typed=dict(typed),
            errors=in_field,
            problem=None if in_field else error,
        )
    return pages.render(
        request, "people/key_made.html", key=made.key, secret=made.secret, portal=portal_of(system.settings)
    )


@router.post("/{key_id}/revoke")
def revoke_key(db: Db, me: Complete, actor: Actor, now: Now, key_id: UUID) -> Response:
    """Revoke a key at once."""
    keys.revoke_key(db, key_id, of=me.person, actor=actor, now=now)
    return pages.lead_on(KEYS, "The key was revoked; programs that use it are refused from now on.")


def _with_words(one: forms.Field) -> forms.Field:
    return replace(one, choices=SCOPES) if one.name == "scope" else one


def _page(
    request: Request,
    db: Session,
    me: Caller,
    *,
    typed: dict[str, str | list[str]] | None = None,
    errors: dict[str, str] | None = None,
    problem: RecoupError | None = None,
) -> Response:
    status = problem.status if problem else 422 if errors else 200
    return pages.render(
        request,
        "people/keys.html",
        status=status,
        keys=queries.keys_of(db, me.person) if me.person else [],
        fields=[_with_words(one) for one in forms.fields_of(KeyForm)],
        typed=typed or forms.values_of(KeyForm),
        errors=errors or {},
        problem=problem,
    )

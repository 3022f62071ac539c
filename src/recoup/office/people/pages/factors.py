"""One's own second factors: set up an authenticator app, add passkeys, take them away."""

from __future__ import annotations

import json
from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.core.errors import Forbidden, RecoupError
from recoup.core.system import Caller
from recoup.office.people import entrance, queries, shown
from recoup.office.people.api.house import From, OneSelf
from recoup.office.people.here import relying_party
from recoup.office.people.pages.doors import FACTORS, id_in, keep_session, onward, path_with, word
from recoup.office.people.pages.factor import answer_in, portal_elsewhere
from recoup.office.people.pages.sign_in import LONGEST_NEXT
from recoup.office.people.permissions import NEEDS_SECOND_FACTOR
from recoup.office.people.secrets import Keys
from recoup.office.people.service import factors, own, passkeys
from recoup.web import pages
from recoup.web.auth import may
from recoup.web.deps import Db, Now, Router, Running, Typed

ISSUER = "Recoup"

router = Router(prefix=FACTORS, dependencies=[Depends(may("account.look"))])

Next = Annotated[str, Query(alias="next", max_length=LONGEST_NEXT)]


@router.get("")
def own_factors(request: Request, db: Db, me: OneSelf, now: Now, wanted: Next = "") -> Response:
    """Show which second factors one has; who has one and did not show it yet does that first."""
    if me.missing == "factor":
        return pages.lead_on(onward(me.missing, wanted))
    return _page(request, db, me, now=now, wanted=wanted)


@router.post("/app")
def begin_app(*, request: Request, db: Db, system: Running, me: OneSelf, now: Now, typed: Typed) -> Response:
    """Make a new secret for an authenticator app."""
    wanted = word(typed, "next")
    try:
        with db.begin_nested():
            sealer = Keys.of(system.settings).sealer
            factors.begin_totp(db, caller=me, sealer=sealer, now=now)
    except RecoupError as error:
        return _page(request, db, me, now=now, wanted=wanted, problem=error)
    return pages.lead_on(path_with(f"{FACTORS}/app", wanted))


@router.get("/app")
def app(*, request: Request, db: Db, system: Running, me: OneSelf, now: Now, wanted: Next = "") -> Response:
    """Show what the authenticator app needs, until a code of it was shown."""
    secret = own.offered_secret(db, caller=me, sealer=Keys.of(system.settings).sealer, now=now)
    if secret is None:
        return pages.lead_on(path_with(FACTORS, wanted))
    return _app_page(request, me, secret, wanted=wanted)


@router.post("/app/confirm")
def confirm_app(
    *, request: Request, system: Running, me: OneSelf, now: Now, client: From, typed: Typed
) -> Response:
    """Let the app count from now on; showing its code is showing the second factor."""
    wanted, keys = word(typed, "next"), Keys.of(system.settings)
    try:
        opened = entrance.confirm_totp(
            system.sessions,
            keys,
            caller=me,
            code=word(typed, "code"),
            sender=system.settings.mail.sender,
            client=client,
            now=now,
        )
    except RecoupError as error:
        with system.sessions.begin() as db:
            secret = own.offered_secret(db, caller=me, sealer=keys.sealer, now=now)
        if secret is None:
            return pages.lead_on(path_with(FACTORS, wanted), error.sentence(), tone="bad")
        return _app_page(request, me, secret, wanted=wanted, problem=error)
    said = "Your authenticator app is set up. From now on it is asked for when you sign in."
    to = pages.path_here(wanted, otherwise=FACTORS)
    return keep_session(pages.lead_on(to, said), system, opened, now=now)


@router.post("/app/remove")
def remove_app(*, db: Db, system: Running, me: OneSelf, now: Now, client: From) -> Response:
    """Take the app away."""
    factors.remove_totp(db, caller=me, sender=system.settings.mail.sender, client=client, now=now)
    return pages.lead_on(FACTORS, "Your authenticator app was removed.")


@router.get("/passkey")
def passkey(
    *, request: Request, db: Db, system: Running, me: OneSelf, now: Now, wanted: Next = ""
) -> Response:
    """Have the browser make a passkey."""
    party = relying_party(system.settings)
    to_sign = passkeys.begin_enrolment(db, caller=me, party=party, now=now)
    return pages.render(
        request,
        "people/passkey.html",
        to_sign=to_sign,
        options=json.dumps(to_sign.options),
        elsewhere=portal_elsewhere(request, party),
        suggested=shown.device(client_agent(request)),
        wanted=pages.path_here(wanted, otherwise=""),
    )


@router.post("/passkey")
def add_passkey(*, system: Running, me: OneSelf, now: Now, client: From, typed: Typed) -> Response:
    """Keep the passkey that the browser made; making it is showing the second factor."""
    wanted = word(typed, "next")
    try:
        opened = entrance.enrol_passkey(
            system.sessions,
            caller=me,
            challenge=id_in(typed, "challenge"),
            answer=answer_in(typed),
            name=word(typed, "name"),
            party=relying_party(system.settings),
            sender=system.settings.mail.sender,
            client=client,
            now=now,
        )
    except RecoupError as error:
        return pages.lead_on(path_with(FACTORS, wanted), error.sentence(), tone="bad")
    to = pages.path_here(wanted, otherwise=FACTORS)
    return keep_session(pages.lead_on(to, "Your passkey was added."), system, opened, now=now)


@router.post("/passkeys/{passkey_id}/remove")
def remove_passkey(
    *, db: Db, system: Running, me: OneSelf, now: Now, client: From, passkey_id: UUID
) -> Response:
    """Take a passkey away."""
    sender = system.settings.mail.sender
    passkeys.remove_passkey(db, passkey_id, caller=me, sender=sender, client=client, now=now)
    return pages.lead_on(FACTORS, "The passkey was removed.")


def client_agent(request: Request) -> str:
    """Return what the browser calls itself."""
    return request.headers.get("user-agent", "")


def _page(
    request: Request,
    db: Session,
    me: Caller,
    *,
    now: datetime,
    wanted: str,
    problem: RecoupError | None = None,
) -> Response:
    person = queries.by_id(db, me.person) if me.person else None
    found = queries.totp(db, me.person) if me.person else None
    session = queries.session(db, me.session) if me.session else None
    cannot: RecoupError | None = None
    try:
        factors.may_enrol(db, me, now=now)
    except Forbidden as error:
        cannot = error
    return pages.render(
        request,
        "people/factors.html",
        status=problem.status if problem else HTTPStatus.OK,
        app=found if found is not None and found.confirmed_at is not None else None,
        passkeys=queries.passkeys_of(db, me.person) if me.person else [],
        is_needed=me.role in NEEDS_SECOND_FACTOR or (person is not None and person.factor_policy == "always"),
        shown_by=session.factor if session else "none",
        cannot=cannot,
        problem=problem,
        wanted=pages.path_here(wanted, otherwise=""),
    )


def _app_page(
    request: Request, me: Caller, secret: str, *, wanted: str, problem: RecoupError | None = None
) -> Response:
    uri = own.address_of(secret, name=me.name, issuer=ISSUER)
    return pages.render(
        request,
        "people/app.html",
        status=problem.status if problem else HTTPStatus.OK,
        picture=shown.picture(uri),
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        bare_secret=secret,
        error=problem.sentence() if problem else "",
        wanted=pages.path_here(wanted, otherwise=""),
    )

"""The second step of the way in: a code of the authenticator app, or a passkey."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from recoup.core.errors import Invalid, RecoupError, TooMany
from recoup.core.system import Caller, System
from recoup.office.people import entrance, queries
from recoup.office.people.api.house import From, OneSelf, note
from recoup.office.people.here import RelyingParty, relying_party
from recoup.office.people.pages.doors import FACTORS, id_in, keep_session, onward, path_with, word
from recoup.office.people.pages.sign_in import LONGEST_NEXT
from recoup.office.people.rules.limits import Client
from recoup.office.people.secrets import Keys
from recoup.office.people.service import passkeys
from recoup.office.people.service.sessions import Opened
from recoup.web import pages
from recoup.web.auth import may
from recoup.web.deps import Now, Running, Typed

LONGEST_ANSWER = 20_000

router = APIRouter(prefix="/desk", dependencies=[Depends(may("account.look"))])


@router.get("/sign-in/factor")
def factor(
    request: Request,
    system: Running,
    me: OneSelf,
    now: Now,
    wanted: Annotated[str, Query(alias="next", max_length=LONGEST_NEXT)] = "",
) -> Response:
    """Ask for the second factor; who lacks none, or has none, is led on."""
    if me.missing != "factor":
        return pages.lead_on(onward(me.missing, wanted))
    return _page(request, system, me, now=now, wanted=wanted)


@router.post("/sign-in/factor")
def show_factor(
    *, request: Request, system: Running, me: OneSelf, now: Now, client: From, typed: Typed
) -> Response:
    """Renew the session with the factor that was shown."""
    wanted = word(typed, "next")
    by_passkey = bool(word(typed, "answer"))
    try:
        opened = (_by_passkey if by_passkey else _by_code)(system, me, typed, client=client, now=now)
    except RecoupError as error:
        return _page(request, system, me, now=now, wanted=wanted, problem=error, in_field=not by_passkey)
    how = "passkey" if by_passkey else "totp"
    note(request, system, client, "signed in", caller=me, how=how, status=HTTPStatus.SEE_OTHER)
    return keep_session(pages.lead_on(onward(opened.missing, wanted)), system, opened, now=now)


def _by_code(
    system: System, me: Caller, typed: Mapping[str, Any], *, client: Client, now: datetime
) -> Opened:
    keys = Keys.of(system.settings)
    return entrance.show_totp(
        system.sessions, keys, caller=me, code=word(typed, "code"), client=client, now=now
    )


def _by_passkey(
    system: System, me: Caller, typed: Mapping[str, Any], *, client: Client, now: datetime
) -> Opened:
    return entrance.show_passkey(
        system.sessions,
        caller=me,
        challenge=id_in(typed, "challenge"),
        answer=answer_in(typed),
        party=relying_party(system.settings),
        client=client,
        now=now,
    )


def answer_in(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a browser answered about a passkey; raise Invalid where it is no such answer."""
    text = word(typed, "answer")
    try:
        found = json.loads(text) if len(text) <= LONGEST_ANSWER else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Invalid("The browser's answer cannot be read.", fix="Try again.")
    return found


def portal_elsewhere(request: Request, party: RelyingParty) -> str | None:
    """Return where passkeys work, if not at the address that this page was opened at."""
    here = {f"{scheme}://{request.headers.get('host', '')}" for scheme in ("http", "https")}
    return None if here & set(party.origins) else party.origins[0]


def _page(
    request: Request,
    system: System,
    me: Caller,
    *,
    now: datetime,
    wanted: str,
    problem: RecoupError | None = None,
    in_field: bool = False,
) -> Response:
    party = relying_party(system.settings)
    with system.sessions.begin() as db:
        app = queries.totp(db, me.person) if me.person else None
        has_passkeys = bool(queries.passkeys_of(db, me.person)) if me.person else False
        to_sign = passkeys.begin_showing(db, caller=me, party=party, now=now) if has_passkeys else None
    too_many = problem if isinstance(problem, TooMany) else None
    field_error = problem.sentence() if problem and in_field and not too_many else ""
    answer = pages.render(
        request,
        "people/factor.html",
        status=problem.status if problem else HTTPStatus.OK,
        wanted=pages.path_here(wanted, otherwise=""),
        has_app=app is not None and app.confirmed_at is not None,
        to_sign=to_sign,
        options=json.dumps(to_sign.options) if to_sign else "",
        elsewhere=portal_elsewhere(request, party),
        error=field_error,
        problem=problem if problem and not field_error else None,
        again=path_with(FACTORS, wanted),
    )
    if too_many is not None:
        answer.headers["Retry-After"] = str(too_many.retry_after)
    return answer

"""What the pages of people share: forms, the two cookies of the way in, and where somebody goes from there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.core.errors import Invalid
from recoup.core.ids import parse_id
from recoup.core.system import Caller, System
from recoup.office.messages import outgoing
from recoup.office.people.api.house import note
from recoup.office.people.rules.limits import Client
from recoup.office.people.rules.sessions import Missing
from recoup.office.people.service import sessions
from recoup.office.people.service.sessions import Opened
from recoup.web import pages
from recoup.web.auth import cookie_name

SIGN_IN = "/desk/sign-in"
FACTOR = "/desk/sign-in/factor"
ACCOUNT = "/desk/account"
FACTORS = "/desk/account/factors"
PEOPLE = "/desk/people"


AnswerT = TypeVar("AnswerT", bound=Response)


def word(typed: Mapping[str, str | list[str]], name: str) -> str:
    """Return one field of a form, without blanks around it; nothing where it is missing or stands there twice."""
    found = typed.get(name, "")
    return found.strip() if isinstance(found, str) else ""


def id_in(typed: Mapping[str, str | list[str]], name: str) -> UUID:
    """Return the id in a hidden field; raise Invalid for anything else."""
    try:
        return parse_id(word(typed, name))
    except Invalid:
        raise Invalid("This form is not ours, or no longer.", fix="Load the page again.") from None


def path_with(path: str, wanted: str) -> str:
    """Return a path of the way in that remembers where somebody wanted to go."""
    kept = pages.path_here(wanted, otherwise="")
    return f"{path}?{urlencode({'next': kept})}" if kept else path


def onward(missing: Missing, wanted: str) -> str:
    """Return where somebody goes who just came in: to what is still missing, else to where they wanted to go."""
    if missing == "factor":
        return path_with(FACTOR, wanted)
    if missing == "enrolment":
        return path_with(FACTORS, wanted)
    return pages.path_here(wanted)


# ---------------------------------------------------------------- cookies


def attempt_cookie(system: System) -> str:
    """Return the name of the cookie that binds a code to the browser that asked for it."""
    return "__Secure-recoup-attempt" if system.settings.web.is_secure else "recoup_attempt"


def keep_attempt(answer: Response, system: System, attempt: str, *, seconds: int) -> None:
    """Give the browser what it has to show with the code; only the pages of the way in ever see it."""
    answer.set_cookie(
        attempt_cookie(system),
        attempt,
        max_age=seconds,
        path=SIGN_IN,
        httponly=True,
        secure=system.settings.web.is_secure,
        samesite="strict",
    )


def forget_attempt(answer: Response, system: System) -> None:
    """Take it away again."""
    answer.delete_cookie(
        attempt_cookie(system),
        path=SIGN_IN,
        httponly=True,
        secure=system.settings.web.is_secure,
        samesite="strict",
    )


def keep_session(answer: AnswerT, system: System, opened: Opened, *, now: datetime) -> AnswerT:
    """Give the browser its session.

    SameSite is Lax and not Strict: a click on a link in one of our mails comes from another site, and Strict would show
    the sign-in to somebody who is signed in. A change that another site asks for is refused by the guard in any case.
    """
    answer.set_cookie(
        cookie_name(system),
        opened.token,
        max_age=max(1, int((opened.expires_at - now).total_seconds())),
        path="/",
        httponly=True,
        secure=system.settings.web.is_secure,
        samesite="lax",
    )
    return answer


def forget_session(answer: Response, system: System) -> None:
    """Take the session's cookie away."""
    answer.delete_cookie(
        cookie_name(system), path="/", httponly=True, secure=system.settings.web.is_secure, samesite="lax"
    )


# ---------------------------------------------------------------- coming in


def came_in(
    request: Request,
    system: System,
    opened: Opened,
    *,
    how: str,
    was: Caller | None,
    client: Client,
    wanted: str,
    now: datetime,
) -> Response:
    """Answer who just came in: a new session in the cookie, the one it had before is over."""
    if was is not None and was.session is not None:
        with system.sessions.begin() as db:
            sessions.sign_out(db, was.session, actor=f"{was.by}:{was.name}", now=now)
    who = Caller(opened.address, "session", person=opened.person, session=opened.session)
    note(request, system, client, "signed in", caller=who, how=how, status=303)
    answer = keep_session(pages.lead_on(onward(opened.missing, wanted)), system, opened, now=now)
    forget_attempt(answer, system)
    return answer


def mail_folder(request: Request, system: System) -> str | None:
    """Return where mails lie, for somebody who sits at this machine and has set up no mail server."""
    if system.settings.web.address is not None:
        return None
    try:
        is_here = request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return None
    if not is_here:
        return None
    with system.sessions.begin() as db:
        return None if mails_leave(db, system) else str(system.home / "mail")


def mails_leave(db: Session, system: System) -> bool:
    """Say whether mails leave this installation; else they are written into a folder."""
    return outgoing.holding(db, system.settings).host is not None

"""The way in: a mail address, the code that was mailed to it, and out again.

Every page is the same for every address, and so is what it costs: nobody learns here who may come in.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.core.errors import Invalid, RecoupError, TooMany, Unauthorised
from recoup.core.system import System
from recoup.office.people import entrance, queries_pages
from recoup.office.people.api.house import From, HouseDb, note
from recoup.office.people.models import Challenge
from recoup.office.people.pages.doors import (
    SIGN_IN,
    attempt_cookie,
    came_in,
    forget_attempt,
    forget_session,
    keep_attempt,
    mail_folder,
    onward,
    path_with,
    word,
)
from recoup.office.people.rules import limits, secrets
from recoup.office.people.secrets import Keys
from recoup.office.people.service import codes, links, sessions
from recoup.web import pages
from recoup.web.auth import Identity
from recoup.web.deps import Now, Running, Typed
from recoup.web.shown import duration

LONGEST_NEXT = 2_000

router = APIRouter(prefix="/desk")

Next = Annotated[str, Query(alias="next", max_length=LONGEST_NEXT)]


@router.get("/sign-in")
def sign_in(
    request: Request, system: Running, me: Identity, wanted: Next = "", out: Annotated[str, Query()] = ""
) -> Response:
    """Ask for a mail address; who is signed in goes on."""
    if me is not None and me.session is not None:
        return pages.lead_on(onward(me.missing, wanted))
    return _address_page(request, system, wanted=wanted, is_out=bool(out))


@router.post("/sign-in")
def ask_for_code(
    *, request: Request, system: Running, db: HouseDb, now: Now, client: From, typed: Typed
) -> Response:
    """Have a code mailed, if the address may sign in, and lead to where it is typed."""
    address, wanted = word(typed, "email"), word(typed, "next")
    attempt = request.cookies.get(attempt_cookie(system))
    try:
        asked = codes.request_code(db, address=address, attempt=attempt, client=client, now=now)
    except TooMany as error:
        known = _open(db, request, system, now=now)
        if known is not None and word(typed, "again"):
            return _code_page(request, system, known, now=now, wanted=wanted, problem=error)
        return _address_page(
            request, system, wanted=wanted, address=address, problem=error, has_code=known is not None
        )
    except Invalid as error:
        return _address_page(request, system, wanted=wanted, address=address, error=error)
    said = "Another code is on its way." if word(typed, "again") else ""
    answer = pages.lead_on(path_with(f"{SIGN_IN}/code", wanted), said)
    keep_attempt(answer, system, asked.attempt, seconds=int((asked.expires_at - now).total_seconds()))
    return answer


@router.get("/sign-in/code")
def code(request: Request, system: Running, db: HouseDb, now: Now, wanted: Next = "") -> Response:
    """Ask for the code that was mailed."""
    known = _open(db, request, system, now=now)
    if known is None:
        return pages.lead_on(
            path_with(SIGN_IN, wanted), "Ask for a code first; an earlier one is over.", tone="calm"
        )
    return _code_page(request, system, known, now=now, wanted=wanted)


@router.post("/sign-in/code")
def show_code(
    *, request: Request, system: Running, now: Now, client: From, was: Identity, typed: Typed
) -> Response:
    """Open a session for the right code in the right browser."""
    wanted, keys = word(typed, "next"), Keys.of(system.settings)
    attempt = request.cookies.get(attempt_cookie(system), "")
    try:
        opened = entrance.verify_code(
            system.sessions, keys, attempt=attempt, code=word(typed, "code"), client=client, now=now
        )
    except Unauthorised as error:
        with system.sessions.begin() as db:
            known = _open(db, request, system, now=now)
        if known is None:
            answer = pages.lead_on(path_with(SIGN_IN, wanted), error.sentence(), tone="bad")
            note(request, system, client, "refused", status=HTTPStatus.UNAUTHORIZED, detail=error.detail)
            return answer
        return _code_page(request, system, known, now=now, wanted=wanted, problem=error)
    return came_in(request, system, opened, how="mail code", was=was, client=client, wanted=wanted, now=now)


@router.get("/welcome/{token}")
def welcome(request: Request, token: str, me: Identity) -> Response:
    """Ask for a click: what only opens links, such as a mail scanner, must not use them up."""
    return pages.render(request, "people/welcome.html", token=token[: secrets.LONGEST_TOKEN], signed_in=me)


@router.post("/welcome/{token}")
def redeem(
    *, request: Request, system: Running, now: Now, client: From, was: Identity, token: str
) -> Response:
    """Open a session for who holds the link; it works once."""
    try:
        with system.sessions.begin() as db:
            opened = links.redeem_welcome(db, token, client=client, now=now)
    except Unauthorised as error:
        request.state.caller = None  # the page before the door, whoever is signed in
        return pages.render(request, "people/welcome.html", status=error.status, token=None, signed_in=None)
    return came_in(request, system, opened, how="link", was=was, client=client, wanted="", now=now)


@router.post("/sign-out")
def sign_out(
    *, request: Request, system: Running, db: HouseDb, now: Now, client: From, me: Identity
) -> Response:
    """End the session in the database, and have the browser forget what it kept."""
    if me is not None and me.session is not None:
        sessions.sign_out(db, me.session, actor=f"{me.by}:{me.name}", now=now)
        note(request, system, client, "signed out", caller=me, status=HTTPStatus.SEE_OTHER)
    answer = pages.lead_on(f"{SIGN_IN}?out=yes")
    forget_session(answer, system)
    forget_attempt(answer, system)
    if system.settings.web.is_secure:
        answer.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    return answer


# ---------------------------------------------------------------- pages


def _open(db: Session, request: Request, system: System, *, now: datetime) -> Challenge | None:
    """Return what this browser asked for, if a code of it can still be shown."""
    attempt = request.cookies.get(attempt_cookie(system))
    return queries_pages.open_attempt(db, secrets.token_hash(attempt), now=now) if attempt else None


def _address_page(
    request: Request,
    system: System,
    *,
    wanted: str,
    address: str = "",
    error: Invalid | None = None,
    problem: TooMany | None = None,
    has_code: bool = False,
    is_out: bool = False,
) -> Response:
    refused: RecoupError | None = error or problem
    answer = pages.render(
        request,
        "people/sign_in.html",
        status=refused.status if refused else HTTPStatus.OK,
        wanted=pages.path_here(wanted, otherwise=""),
        address=address,
        error=error.sentence() if error else "",
        too_many=problem,
        wait_words=_in_words(problem.retry_after) if problem else "",
        has_code=has_code,
        is_out=is_out,
        folder=mail_folder(request, system),
    )
    return _retry_after(answer, problem)


def _code_page(
    request: Request,
    system: System,
    known: Challenge,
    *,
    now: datetime,
    wanted: str,
    problem: RecoupError | None = None,
) -> Response:
    again_at = known.created_at + limits.RESEND_AFTER
    wait = limits.seconds_until(again_at, now=now) if again_at > now else 0
    too_many = problem if isinstance(problem, TooMany) else None
    answer = pages.render(
        request,
        "people/code.html",
        status=problem.status if problem else HTTPStatus.OK,
        wanted=pages.path_here(wanted, otherwise=""),
        address=known.address,
        minutes=max(1, round((known.expires_at - now).total_seconds() / 60)),
        wait=max(wait, too_many.retry_after if too_many else 0),
        wait_words=_in_words(max(wait, too_many.retry_after if too_many else 0)),
        error=problem.sentence() if problem and not too_many else "",
        too_many=too_many,
        folder=mail_folder(request, system),
    )
    return _retry_after(answer, too_many)


def _retry_after(answer: Response, problem: TooMany | None) -> Response:
    if problem is not None:
        answer.headers["Retry-After"] = str(problem.retry_after)
    return answer


def _in_words(seconds: int) -> str:
    return duration(timedelta(seconds=seconds))

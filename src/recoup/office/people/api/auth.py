"""The routes of signing in, and of one's own sessions and keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from uuid import UUID

from fastapi import Depends, Request, Response

from recoup.core.errors import Forbidden, RecoupError, TooMany, Unauthorised
from recoup.core.system import Caller, System
from recoup.office.people import entrance, queries
from recoup.office.people.api.house import From, HouseDb, OneSelf, note
from recoup.office.people.rules.limits import Client
from recoup.office.people.schemas import (
    CodeAsked,
    CodePromised,
    CodeShown,
    KeyAsked,
    KeyMade,
    KeyShown,
    Me,
    RefreshAsked,
    SessionShown,
    TokensShown,
    TotpShown,
)
from recoup.office.people.secrets import Keys
from recoup.office.people.service import codes, keys, sessions, tokens
from recoup.office.people.service.sessions import Opened
from recoup.office.people.service.tokens import Replayed
from recoup.web.auth import Actor, SignedIn, may, nobody
from recoup.web.deps import Db, Now, Router, Running
from recoup.web.wire import Page, page_of

router = Router(prefix="/auth", tags=["auth"])

LOOK, CHANGE = Depends(may("account.look")), Depends(may("account.change"))


# ---------------------------------------------------------------- signing in


@router.post("/code", summary="Have a sign-in code mailed", status_code=202)
def code(db: HouseDb, now: Now, client: From, asked: CodeAsked) -> CodePromised:
    """Answer the same for every address; a mail leaves where the address may sign in."""
    found = codes.request_code(db, address=asked.email, attempt=asked.attempt, client=client, now=now)
    return CodePromised(
        attempt=found.attempt,
        expires_in=int((found.expires_at - now).total_seconds()),
        resend_in=int((found.resend_at - now).total_seconds()),
    )


@router.post("/token", summary="Change a mailed code for tokens")
def token(request: Request, system: Running, now: Now, client: From, shown: CodeShown) -> TokensShown:
    """Open a program's session; the code is used up, whatever becomes of the second factor."""
    with _refusals_noted(request, system, client):
        opened = entrance.verify_code(
            system.sessions,
            Keys.of(system.settings),
            attempt=shown.attempt,
            code=shown.code,
            client=client,
            now=now,
            kind="program",
        )
        if shown.totp is not None:
            opened = _with_factor(system, opened, shown.totp, client=client)
    note(
        request, system, client, "signed in", caller=_as_caller(opened), how="mail code", status=HTTPStatus.OK
    )
    return _tokens(system, opened)


@router.post("/factor", summary="Show a second factor, for new tokens")
def factor(
    request: Request, system: Running, caller: SignedIn, client: From, shown: TotpShown
) -> TokensShown:
    """Renew a program's session with the second factor; its earlier tokens end."""
    if caller.by != "token":
        raise Forbidden("This is for programs with an access token.", fix="Show it in the portal.")
    with _refusals_noted(request, system, client, caller=caller):
        opened = entrance.show_totp(
            system.sessions,
            Keys.of(system.settings),
            caller=caller,
            code=shown.totp,
            client=client,
            now=system.clock(),
        )
    note(request, system, client, "signed in", caller=caller, how="totp", status=HTTPStatus.OK)
    return _tokens(system, opened)


@router.post("/refresh", summary="Change a refresh token for new tokens")
def refresh(request: Request, system: Running, now: Now, client: From, asked: RefreshAsked) -> TokensShown:
    """Give the next pair of tokens. A refresh token that comes a second time ends the whole session."""
    found = entrance.refresh(system.sessions, Keys.of(system.settings), asked.refresh_token, now=now)
    if isinstance(found, tokens.Tokens):
        return TokensShown.model_validate(found)
    said = "A refresh token was shown twice; its session was ended." if isinstance(found, Replayed) else ""
    name = found.name if isinstance(found, Replayed) else ""
    note(request, system, client, "refused", name=name, status=HTTPStatus.UNAUTHORIZED, detail=said)
    raise nobody()  # the same answer as for any other token that does not hold


@router.post("/sign-out", summary="End this session", status_code=204)
def sign_out(
    *, request: Request, db: HouseDb, system: Running, caller: OneSelf, actor: Actor, now: Now, client: From
) -> Response:
    """End the session that asks; browsers forget what they keep of it."""
    if caller.session is None:
        raise Forbidden("A key has no session to end.", fix="Revoke it at /auth/keys.")
    sessions.sign_out(db, caller.session, actor=actor, now=now)
    note(request, system, client, "signed out", caller=caller, status=HTTPStatus.NO_CONTENT)
    return Response(
        status_code=HTTPStatus.NO_CONTENT, headers={"Clear-Site-Data": '"cache", "cookies", "storage"'}
    )


# ---------------------------------------------------------------- one's own


@router.get("/me", summary="Who you are here, and what you may do")
def me(caller: SignedIn) -> Me:
    """Return who is asking."""
    return Me(
        name=caller.name,
        by=caller.by,
        role=caller.role,
        person=caller.person,
        session=caller.session,
        zone=caller.zone,
        permissions=sorted(caller.permissions),
        missing=caller.missing,
    )


@router.get("/sessions", summary="Your sessions", dependencies=[LOOK])
def own_sessions(db: Db, caller: OneSelf) -> Page[SessionShown]:
    """Return where you are signed in, newest first."""
    return page_of(SessionShown, queries.sessions_of(db, _person(caller)))


@router.delete(
    "/sessions/{session_id}", summary="End one of your sessions", status_code=204, dependencies=[LOOK]
)
def end_session(db: Db, caller: OneSelf, actor: Actor, now: Now, session_id: UUID) -> None:
    """End a session of yours at once."""
    sessions.end_session(db, session_id, of=_person(caller), actor=actor, now=now)


@router.get("/keys", summary="Your keys", dependencies=[LOOK])
def own_keys(db: Db, caller: OneSelf) -> Page[KeyShown]:
    """Return your keys that hold, newest first."""
    return page_of(KeyShown, queries.keys_of(db, _person(caller)))


@router.post("/keys", summary="Make a key for a program", status_code=201, dependencies=[CHANGE])
def make_key(db: Db, caller: OneSelf, now: Now, asked: KeyAsked) -> KeyMade:
    """Make a key; its secret is in this answer and nowhere else."""
    made = keys.make_key(
        db, caller=caller, name=asked.name, scope=asked.scope, expires_at=asked.expires_at, now=now
    )
    return KeyMade(**KeyShown.model_validate(made.key).model_dump(), secret=made.secret)


@router.delete("/keys/{key_id}", summary="Revoke one of your keys", status_code=204, dependencies=[CHANGE])
def revoke_key(db: Db, caller: OneSelf, actor: Actor, now: Now, key_id: UUID) -> None:
    """Revoke a key of yours at once."""
    keys.revoke_key(db, key_id, of=_person(caller), actor=actor, now=now)


# ---------------------------------------------------------------- helpers


def _person(caller: Caller) -> UUID:
    if caller.person is None:  # pragma: no cover - asked for before
        raise Unauthorised("Nobody is asking.")
    return caller.person


def _as_caller(opened: Opened) -> Caller:
    return Caller(opened.address, "token", person=opened.person, session=opened.session)


def _with_factor(system: System, opened: Opened, code: str, *, client: Client) -> Opened:
    now, caller = system.clock(), _as_caller(opened)
    try:
        return entrance.show_totp(
            system.sessions, Keys.of(system.settings), caller=caller, code=code, client=client, now=now
        )
    except RecoupError:
        with system.sessions.begin() as db:  # nobody holds anything of this session
            sessions.end_session(db, opened.session, of=None, actor="the second factor was wrong", now=now)
        raise


def _tokens(system: System, opened: Opened) -> TokensShown:
    with system.sessions.begin() as db:
        made = tokens.issue(
            db,
            Keys.of(system.settings).signer,
            session=opened.session,
            person=opened.person,
            missing=opened.missing,
            now=system.clock(),
        )
    return TokensShown.model_validate(made)


@contextmanager
def _refusals_noted(
    request: Request, system: System, client: Client, *, caller: Caller | None = None
) -> Iterator[None]:
    try:
        yield
    except (Unauthorised, TooMany) as error:
        note(request, system, client, "refused", caller=caller, status=error.status, detail=error.detail)
        raise

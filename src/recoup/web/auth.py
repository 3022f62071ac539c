"""Who is asking, and whether they may: checked in dependencies of the routes, never by a request's path.

A browser shows its session in a cookie, a program a key or a token as a bearer. What either may do stands in one
table in ``office/people``; a route names the permission that it needs.

Dependencies that wait for nothing are coroutines, here and in ``deps``: each plain function is a trip to a thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from recoup.core.errors import Forbidden, Unauthorised
from recoup.core.system import Caller, Presented, System

LONGEST_SECRET = 4_096
LONGEST_AGENT = 300

_bearer = HTTPBearer(
    auto_error=False, description="An access token, a personal key, or this installation's key."
)


def cookie_name(system: System) -> str:
    """Return the name of the session's cookie: bound to this host and to TLS, except on loopback."""
    return "__Host-recoup" if system.settings.web.is_secure else "recoup"


def address_of(request: Request) -> str:
    """Return the client's IP address; what a stranger writes into a header is not it."""
    return request.client.host if request.client else ""


def presented(request: Request, given: HTTPAuthorizationCredentials | None) -> Presented | None:
    """Return what the request shows: a bearer where it has one, else the cookie."""
    system: System = request.app.state.system
    agent = "".join(c for c in request.headers.get("user-agent", "") if c.isprintable())[:LONGEST_AGENT]
    if given is not None:
        return Presented(given.credentials[:LONGEST_SECRET], "bearer", address_of(request), agent)
    cookie = request.cookies.get(cookie_name(system))
    return Presented(cookie[:LONGEST_SECRET], "cookie", address_of(request), agent) if cookie else None


def identity(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None
) -> Caller | None:
    """Return who is asking, or None; asked once per request."""
    system: System = request.app.state.system
    shown = presented(request, given)
    caller = system.authenticate(shown, now=system.clock()) if shown is not None else None
    request.state.caller = caller
    return caller


Identity = Annotated[Caller | None, Depends(identity)]
"""Who is asking, where a route is open to anybody."""


def nobody() -> Unauthorised:
    """Return the refusal of whoever shows nothing that holds; it does not say what was wrong with it."""
    return Unauthorised(
        "This needs a sign-in.",
        fix="Programs send a key as `Authorization: Bearer …`; one is in secrets/api.key in RECOUP_HOME.",
    )


async def signed_in(caller: Identity) -> Caller:
    """Return who is asking; raise Unauthorised where that is nobody."""
    if caller is None:
        raise nobody()
    return caller


SignedIn = Annotated[Caller, Depends(signed_in)]
"""Who is asking; refused where that is nobody."""


def may(permission: str) -> Callable[[Caller], Awaitable[Caller]]:
    """Return the dependency of a route that needs ``permission``: ``Depends(may("jobs.run"))``."""

    async def permitted(caller: SignedIn) -> Caller:
        return permit(caller, permission)

    return permitted


def permit(caller: Caller, permission: str) -> Caller:
    """Return the caller if they may; raise Forbidden with what to do."""
    if caller.may(permission):
        return caller
    if caller.missing == "factor":
        raise Forbidden("This needs your second factor.", fix="Show it at /desk/sign-in/factor.")
    if caller.missing == "enrolment":
        raise Forbidden(
            "This needs a second factor, and you have none yet.", fix="Set one up at /desk/account/factors."
        )
    raise Forbidden("You may not do this.", fix="Ask an administrator of this installation.")


async def actor_of(caller: SignedIn) -> str:
    """Return the caller's name for the journal."""
    return f"{caller.by}:{caller.name}"


Actor = Annotated[str, Depends(actor_of)]
"""Who is asking, as the journal writes it."""

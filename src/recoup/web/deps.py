"""What routes ask for by name: the running system, and a transaction on it."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from inspect import iscoroutinefunction
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from sqlalchemy.orm import Session

from recoup.core.db import acting
from recoup.core.errors import Invalid
from recoup.core.system import System
from recoup.web.auth import Identity

MOST_FIELDS = 500
"""Fields that a form of ours may have."""


async def system_of(request: Request) -> System:
    """Return the system that the application was made with."""
    system: System = request.app.state.system
    return system


Running = Annotated[System, Depends(system_of)]
"""The running system."""


async def transaction(system: Running, caller: Identity) -> AsyncIterator[Session]:
    """Give one request its transaction, which sees what the caller may see; a failure rolls it back.

    It begins with its first statement, in the thread of whoever asks it; ``Route`` ends it there, too. This only sees
    to it for routes of another kind, and where something failed.
    """
    db = system.sessions()
    acting(db, role=caller.role if caller else "", person=caller.person if caller else None)
    try:
        yield db
    except BaseException:
        await run_in_threadpool(db.close)
        raise
    if db.in_transaction():
        await run_in_threadpool(_committed, db)


def _committed(db: Session) -> None:
    try:
        db.commit()
    finally:
        db.close()


class Route(APIRoute):
    """A route that commits its transaction in the thread that its function ran in, before the answer is made of it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(
            path, endpoint if iscoroutinefunction(endpoint) else _committing(endpoint), **options
        )


Router = functools.partial(APIRouter, route_class=Route)
"""Makes a router whose routes are of that kind."""


def _committing(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(endpoint)
    def through(**given: Any) -> Any:
        answer = endpoint(**given)
        for value in given.values():
            if isinstance(value, Session):
                value.commit()
        return answer

    return through


Db = Annotated[Session, Depends(transaction, scope="function")]
"""A transaction that is committed before the answer leaves: what the caller reads is what stands."""


async def now_of(system: Running) -> datetime:
    """Ask the clock, once per request."""
    return system.clock()


Now = Annotated[datetime, Depends(now_of)]
"""The instant of the request."""


async def typed_into(request: Request) -> Mapping[str, str | list[str]]:
    """Return what was typed into a form, by field; what stands there several times is a list.

    Raise Invalid for what no field of a browser gives, and Postgres does not keep.
    """
    form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    typed: dict[str, str | list[str]] = {}
    for name in form:
        values = [str(value) for value in form.getlist(name)]
        if any("\0" in text for text in (name, *values)):
            raise Invalid("What was typed holds a character that cannot be kept.", fix="Type it again.")
        typed[name] = values[0] if len(values) == 1 else values
    return typed


Typed = Annotated[Mapping[str, str | list[str]], Depends(typed_into)]
"""What was typed into a form."""

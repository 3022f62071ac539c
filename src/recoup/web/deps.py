"""What routes ask for by name: the running system, and a transaction on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from recoup.core.db import act_as
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


def transaction(system: Running, caller: Identity) -> Iterator[Session]:
    """Open a transaction for one request, which sees what the caller may see; a failure rolls it back."""
    with system.sessions.begin() as db:
        act_as(db, role=caller.role if caller else "", person=caller.person if caller else None)
        yield db


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

"""What routes ask for by name: the running system, and a transaction on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from recoup.core.db import act_as
from recoup.core.system import System
from recoup.web.auth import Identity


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

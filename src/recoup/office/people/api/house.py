"""What the routes of people ask for besides the usual: a transaction of the house, and where a request is from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from recoup.core.errors import Forbidden
from recoup.core.system import Caller, Visit
from recoup.office.people import access
from recoup.office.people.rules.limits import Client
from recoup.web.auth import LONGEST_AGENT, SignedIn, address_of
from recoup.web.deps import Running


def client_of(request: Request) -> Client:
    """Return where a request comes from, and what the program calls itself."""
    agent = "".join(char for char in request.headers.get("user-agent", "") if char.isprintable())
    return Client(address_of(request), agent[:LONGEST_AGENT])


From = Annotated[Client, Depends(client_of)]
"""Where the request comes from."""


def transaction(system: Running) -> Iterator[Session]:
    """Open a transaction of the house, for who is nobody yet: row security shows a stranger nothing."""
    with system.sessions.begin() as db:
        yield db


HouseDb = Annotated[Session, Depends(transaction, scope="function")]
"""A transaction in which the house itself acts; committed before the answer leaves."""


def person_of(caller: SignedIn) -> Caller:
    """Return who is asking, where that is a person; raise Forbidden for this installation's own key."""
    if caller.person is None:
        raise Forbidden("This key belongs to no person.", fix="Sign in at /auth/code with a mail address.")
    return caller


OneSelf = Annotated[Caller, Depends(person_of)]
"""Who is asking, where that is a person."""


def note(
    request: Request,
    system: Running,
    client: Client,
    action: str,
    *,
    caller: Caller | None = None,
    name: str = "",
    how: str = "",
    status: int,
    detail: str = "",
) -> None:
    """Write into the access log what happened at the door; the guard does not write it again."""
    request.state.noted = True
    access.noted(
        system,
        Visit(
            at=system.clock(),
            action=action,  # type: ignore[arg-type]
            subject=request.scope["route"].path,
            name=caller.name if caller else name,
            person=caller.person if caller else None,
            how=how or (caller.by if caller else ""),
            address=client.address,
            agent=client.agent,
            method=request.method,
            status=status,
            detail=detail,
        ),
    )

"""Who is asking: a bearer key, checked by the running system in a dependency of every route that is not open."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from recoup.core.errors import Unauthorised
from recoup.core.system import Caller
from recoup.web.deps import Running

_bearer = HTTPBearer(auto_error=False, description="This installation's key: secrets/api.key in RECOUP_HOME.")


def signed_in(
    system: Running, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """Return who holds the key that was presented; raise Unauthorised without saying what was wrong with it."""
    caller = system.authenticate(given.credentials) if given is not None else None
    if caller is None:
        raise Unauthorised(
            "This needs the API key.",
            fix="Send it as `Authorization: Bearer …`; it is in secrets/api.key in RECOUP_HOME.",
        )
    return caller


def actor_of(caller: Annotated[Caller, Depends(signed_in)]) -> str:
    """Return the caller's name for the journal."""
    return f"{caller.by}:{caller.name}"


Actor = Annotated[str, Depends(actor_of)]
"""Who is asking, as the journal writes it."""

"""What of a request is worth a line in the access log: decided from its outside, when its answer starts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Literal

from starlette.datastructures import Headers
from starlette.types import Scope

from recoup.core.system import Caller, System, Visit

log = logging.getLogger("recoup.web")

Action = Literal["opened", "downloaded", "changed", "refused"]

REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
SENT = frozenset({HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT})
LONGEST_PART = 36
"""Of a path: as long as an id. Whatever is longer may be a secret, as in the link of an invitation."""
LONGEST_AGENT = 300


def watcher(system: System) -> Callable[[Scope, int], None]:
    """Return what the guard calls for every answer that starts."""

    def seen(scope: Scope, status: int) -> None:
        try:
            action = action_of(scope, status)
            if action is not None:
                system.noted(visit_of(scope, status, action, now=system.clock()))
        except Exception:  # an answer must not fail for what is written about it
            log.exception("A visit could not be written down")

    return seen


def action_of(scope: Scope, status: int) -> Action | None:
    """Say what was done, where that is to be written down.

    Reloading a part of a page (htmx, server-sent events) is not another visit, and what a door wrote down itself
    (``request.state.noted``), such as a sign-in, is not written twice.
    """
    state = scope.get("state") or {}
    if state.get("noted"):
        return None
    if status in REFUSED:
        return "refused"
    path, known = scope["path"], state.get("caller") is not None
    if scope["method"] == "GET":
        if status in SENT and path.startswith("/files/"):
            return "downloaded"
        is_page = path == "/desk" or path.startswith("/desk/")
        return "opened" if is_page and known and status in SENT and not _is_part(scope) else None
    is_change = scope["method"] not in {"HEAD", "OPTIONS"} and known
    return "changed" if is_change and status < HTTPStatus.BAD_REQUEST else None


def visit_of(scope: Scope, status: int, action: Action, *, now: datetime) -> Visit:
    """Return the line: the route as declared, the ids that stood in its place, who, from where. No query, no secret."""
    caller: Caller | None = (scope.get("state") or {}).get("caller")
    route, client = scope.get("route"), scope.get("client")
    agent = Headers(scope=scope).get("user-agent", "")
    return Visit(
        at=now,
        action=action,
        subject=getattr(route, "path", None) or _without_secrets(scope["path"]),
        name=caller.name if caller else "",
        person=caller.person if caller else None,
        how=caller.by if caller else "",
        address=client[0] if client else "",
        agent=agent[:LONGEST_AGENT],
        method=scope["method"],
        status=status,
        detail=_places(scope.get("path_params") or {}) if route is not None else "",
    )


def _is_part(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "hx-request" in headers or "text/event-stream" in headers.get("accept", "")


def _places(params: Mapping[str, object]) -> str:
    """Write what stood in the places of a route: ``run_id 0198…``."""
    kept = {name: str(value) for name, value in params.items() if len(str(value)) <= LONGEST_PART}
    return ", ".join(f"{name} {value}" for name, value in kept.items())


def _without_secrets(path: str) -> str:
    return "/".join(part if len(part) <= LONGEST_PART else "…" for part in path.split("/"))

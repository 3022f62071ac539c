"""Routes found by the beginning of their path, so that a server with hundreds of them does not try them all.

FastAPI tries one route after the other, which came to a quarter of the processor time of a short request.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

DESK = "desk"
_CHOSEN = "recoup.route"


def indexed(routes: Sequence[BaseRoute]) -> list[BaseRoute]:
    """Return routes that answer as the given ones do, in their order, grouped by the beginning of their paths.

    What begins with a parameter, or says nothing of its paths, stays in every group.
    """
    beginnings = [_beginning_of(one) for one in routes]
    groups = {
        each: [one for one, found in zip(routes, beginnings, strict=True) if found in {None, each}]
        for each in {found for found in beginnings if found is not None}
    }
    anywhere = [one for one, found in zip(routes, beginnings, strict=True) if found is None]
    return [_Index(groups, anywhere)]


class _Index(BaseRoute):
    """One route that stands for all."""

    def __init__(self, groups: dict[str, list[BaseRoute]], anywhere: list[BaseRoute]) -> None:
        self._groups, self._anywhere = groups, anywhere

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Try the routes of the path's group."""
        partial: tuple[Match, Scope] | None = None
        for route in self._groups.get(beginning(scope.get("path", "")), self._anywhere):
            match, child_scope = route.matches(scope)
            if match == Match.FULL:
                return match, {**child_scope, _CHOSEN: route}
            if match == Match.PARTIAL and partial is None:
                partial = match, {**child_scope, _CHOSEN: route}
        return partial or (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the route answer that was found."""
        route: BaseRoute = scope.pop(_CHOSEN)
        await route.handle(scope, receive, send)


def beginning(path: str) -> str:
    """Return the first part of a path; of the portal's pages the first two."""
    _, _, rest = path.partition("/")
    first, _, rest = rest.partition("/")
    return f"{first}/{rest.partition('/')[0]}" if first == DESK else first


def _beginning_of(route: BaseRoute) -> str | None:
    """Return how the paths of a route begin; None where that can be anything."""
    each = beginning(getattr(route, "path", "/{path}"))
    return None if "{" in each else each

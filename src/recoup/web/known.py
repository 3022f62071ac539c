"""Queries that ask for something that a route does not know are refused, not ignored: a misspelt filter shows all."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from recoup.core.errors import Invalid


async def only_known(request: Request) -> None:
    """Refuse a query parameter that the route does not take; a dependency for routers of lists."""
    dependant = request.scope["route"].dependant
    known = {field.alias for field in dependant.query_params}
    for one in _below(dependant):
        known |= {field.alias for field in one.query_params}
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        takes = f"It takes {', '.join(sorted(known))}." if known else "It takes none."
        raise Invalid(f"There is no parameter {unknown[0][:60]!r} here.", fix=takes)


def _below(dependant: Any) -> list[Any]:
    found: list[Any] = []
    for one in dependant.dependencies:
        found += [one, *_below(one)]
    return found

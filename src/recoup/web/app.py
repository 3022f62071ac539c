"""The API put together: routes of the parts, behind the guard, with one way to answer failures."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import JSONResponse

from recoup.core.system import System
from recoup.web import errors, health
from recoup.web.auth import signed_in
from recoup.web.guard import LOOPBACK_HOSTS, Guard
from recoup.web.health import Checks

ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to

Tags = Sequence[Mapping[str, str]]
"""What the groups of routes are called, and for."""


def described(
    routers: Iterable[APIRouter],
    *,
    tags: Tags = (),
    ready: Sequence[Checks] = (),
    detail: Sequence[Checks] = (),
) -> FastAPI:
    """Return the API without a system behind it: enough to describe it."""
    api = FastAPI(
        title="Recoup",
        version=version("recoup"),
        summary="One server for everything a company is owed.",
        openapi_tags=[dict(tag) for tag in tags],
        openapi_url=None,  # the description is behind the key, as everything is
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=errors.RESPONSES,
    )
    errors.install(api)
    for router in (health.router(ready=ready, detail=detail), *routers):
        api.include_router(router)

    @api.get("/openapi.json", summary="This description", tags=["health"], dependencies=[Depends(signed_in)])
    def openapi() -> JSONResponse:
        return JSONResponse(schema_of(api))

    return api


def create_app(
    system: System,
    *,
    routers: Iterable[APIRouter],
    tags: Tags = (),
    ready: Sequence[Checks] = (),
    detail: Sequence[Checks] = (),
) -> FastAPI:
    """Return the API of a running system.

    ``ready`` are the checks without which the server can do nothing; ``detail`` are those that /healthz adds to the
    parts' own.
    """
    api = described(routers, tags=tags, ready=ready, detail=detail)
    api.state.system = system
    api.add_middleware(Guard, hosts=hosts_of(system.settings.process.host))
    return api


def hosts_of(host: str) -> set[str]:
    """Return the names that a server listening on ``host`` answers to; the machine's own where that is any address."""
    own = socket.gethostname() if host in ANY_ADDRESS else host
    return {*LOOPBACK_HOSTS, own}


def schema_of(api: FastAPI) -> dict[str, Any]:
    """Return the description of the API (OpenAPI 3.1)."""
    schema = api.openapi()
    schema.setdefault("components", {}).setdefault("schemas", {})["Problem"] = errors.SCHEMA
    return schema

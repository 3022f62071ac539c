"""The API put together: routes of the parts, behind the guard, with one way to answer failures."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import JSONResponse
from starlette.routing import BaseRoute

from recoup.core.system import System
from recoup.web import errors, health, pages, routing, static_files, visits
from recoup.web.area import Area, opened
from recoup.web.auth import signed_in
from recoup.web.guard import LOOPBACK_HOSTS, Guard, networks
from recoup.web.health import Checks

ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to

Tags = Sequence[Mapping[str, str]]
"""What the groups of routes are called, and for."""


class Api(FastAPI):
    """The API: its routes are described as FastAPI puts them together, and found by the beginning of their path."""

    described_by: Callable[[], list[BaseRoute]] | None = None

    @property
    def routes(self) -> list[BaseRoute]:
        """Return the routes as they are described."""
        return self.router.routes if self.described_by is None else self.described_by()


def described(
    areas: Sequence[Area],
    *,
    tags: Tags = (),
    ready: Sequence[Checks] = (),
    detail: Sequence[Checks] = (),
) -> Api:
    """Return the API without a system behind it: enough to describe it."""
    api = _empty(tags)
    for router, is_described in _routers(areas, ready=ready, detail=detail):
        api.include_router(router, include_in_schema=is_described)
    return api


def create_app(
    system: System,
    *,
    areas: Sequence[Area],
    tags: Tags = (),
    ready: Sequence[Checks] = (),
    detail: Sequence[Checks] = (),
) -> FastAPI:
    """Return the API of a running system.

    ``ready`` are the checks without which the server can do nothing; ``detail`` are those that /healthz adds to the
    parts' own.
    """
    api = _empty(tags)
    # What includes a router makes each of its routes anew, which takes seconds, and changes only how it is described.
    routers = [*(router for router, _ in _routers(areas, ready=ready, detail=detail)), static_files.router]
    api.router.routes.extend(routing.indexed([route for router in routers for route in router.routes]))
    api.described_by = lambda: described(areas, tags=tags, ready=ready, detail=detail).router.routes
    api.state.system = system
    api.state.ending = threading.Event()
    api.state.templates = pages.environment(areas)
    settings = system.settings
    api.add_middleware(
        Guard,
        hosts=hosts_of(settings.process.host, address=settings.web.address),
        proxies=networks(settings.web.trusted_proxies),
        is_secure=settings.web.is_secure,
        seen=visits.watcher(system),
    )
    return api


def _empty(tags: Tags) -> Api:
    """Return an API that describes itself, and has nothing else yet."""
    api = Api(
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

    @api.get("/openapi.json", summary="This description", tags=["health"], dependencies=[Depends(signed_in)])
    def openapi() -> JSONResponse:
        return JSONResponse(schema_of(api))

    return api


def _routers(
    areas: Sequence[Area], *, ready: Sequence[Checks], detail: Sequence[Checks]
) -> Iterator[tuple[APIRouter, bool]]:
    """Yield every router, and whether it is described; routes are tried in this order."""
    yield from ((opened(door), False) for area in areas for door in area.pages)
    yield health.router(ready=ready, detail=detail), True
    yield from ((opened(door), True) for area in areas for door in area.routers)


def hosts_of(host: str, *, address: str | None = None) -> set[str]:
    """Return the names that a server listening on ``host`` answers to; the machine's own where that is any address.

    ``address`` is what people type, where that is something else.
    """
    own = socket.gethostname() if host in ANY_ADDRESS else host
    typed = urlsplit(address).hostname if address is not None else None
    return {*LOOPBACK_HOSTS, own, *([typed] if typed else [])}


def schema_of(api: FastAPI) -> dict[str, Any]:
    """Return the description of the API (OpenAPI 3.1)."""
    schema = api.openapi()
    schema.setdefault("components", {}).setdefault("schemas", {})["Problem"] = errors.SCHEMA
    return schema

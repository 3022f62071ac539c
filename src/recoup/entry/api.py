"""The API with the routes of every part."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from recoup import app
from recoup.core.system import System
from recoup.entry import health
from recoup.office.jobs.health import queue
from recoup.web import app as web

READY = (health.database, queue)
"""Without these this server can do nothing."""

DETAIL = (health.clock, health.disk)


def create_app(system: System) -> FastAPI:
    """Return the API of a running system."""
    return web.create_app(system, routers=_routers(), ready=READY, detail=DETAIL)


def described_api() -> FastAPI:
    """Return the API without a system behind it: enough to describe it."""
    return web.described(_routers())


def _routers() -> list[APIRouter]:
    return [router for area in app.ALL for router in area.routers]

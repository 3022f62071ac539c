"""The API with the routes of every part."""

from __future__ import annotations

from fastapi import FastAPI

from recoup import app
from recoup.core.system import System
from recoup.entry import health
from recoup.office.jobs.health import queue
from recoup.web import app as web

TAGS = [
    {"name": "health", "description": "Whether it lives, whether it is ready, how everything stands."},
    {"name": "jobs", "description": "What can run, what runs, what ran."},
    {"name": "outbox", "description": "Every effect on the outside world, with its receipt."},
    {"name": "messages", "description": "Mails that left or wait, and the templates they are made of."},
    {"name": "journal", "description": "What happened, to what, by whom; sealed, and verifiable."},
    {"name": "owed", "description": "Sums owed to us, and when they lapse."},
    {"name": "controls", "description": "What an administrator may change while everything runs."},
    {"name": "setup", "description": "The three JSON files of the old program: bring in, give back."},
    {"name": "files", "description": "Stored bytes."},
    {"name": "lists", "description": "Every list of the portal as a file: CSV, Excel, Parquet."},
    {"name": "metering", "description": "Usage: windows, entries, and what waits for a person."},
]

READY = (health.database, queue)
"""Without these this server can do nothing."""

DETAIL = (health.clock, health.disk)


def create_app(system: System) -> FastAPI:
    """Return the API of a running system."""
    return web.create_app(system, areas=app.ALL, tags=TAGS, ready=READY, detail=DETAIL)


def described_api() -> FastAPI:
    """Return the API without a system behind it: enough to describe it."""
    return web.described(app.ALL, tags=TAGS)

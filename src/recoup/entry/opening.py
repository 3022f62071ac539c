"""How commands start: settings read, logs open, and the system where they need it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from recoup import app
from recoup.core.errors import Misconfigured
from recoup.core.system import System
from recoup.settings import Settings
from recoup.web import logs


def ready_settings(*, threads: int | None = None, console: str | None = None) -> Settings:
    """Read the settings and open the logs.

    ``console``: what stderr shows, from this level up (None: as LOG_LEVEL says). ``threads`` stands in for
    RECOUP_WORKER_THREADS. Raise Misconfigured for what cannot be used.
    """
    given = {} if threads is None else {"RECOUP_WORKER_THREADS": str(threads)}
    settings = app.read_settings(environ={**os.environ, **given})
    level = settings.process.log_level
    try:
        logs.set_up(settings.home, level=level, console=console or level)
    except OSError as error:
        raise Misconfigured(
            f"{error.filename or settings.home} cannot be written ({error.strerror}).",
            fix="Give the account that runs Recoup its folder, or set RECOUP_HOME to another.",
        ) from None
    return settings


@contextmanager
def opened() -> Iterator[System]:
    """Open the system for a command that answers and ends: stderr shows warnings only."""
    with app.running(ready_settings(console="warning")) as system:
        yield system

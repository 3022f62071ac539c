"""What routes ask for by name: the running system."""

from __future__ import annotations

from fastapi import Request

from recoup.core.system import System


def system_of(request: Request) -> System:
    """Return the system that the application was made with."""
    system: System = request.app.state.system
    return system

"""Where the engine comes in: empty a channel."""

from __future__ import annotations

from recoup.core.system import System
from recoup.office.outbox import handover


def drain_task(system: System, *, channel: str) -> None:
    """Hand over what is due on a channel."""
    handover.drain(system, channel)

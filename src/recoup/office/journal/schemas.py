"""The journal as it is shown."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from recoup.web.wire import Instant, Shown


class EventShown(Shown):
    """One event: at ``at``, ``actor`` did ``kind`` to ``subject``."""

    id: UUID
    at: Instant
    actor: str
    kind: str
    subject: str
    detail: dict[str, Any]


class VerificationShown(Shown):
    """What verifying found."""

    ok: bool = Field(description="The journal is what it was.")
    events: int
    seals: int
    waiting: int = Field(description="Events that no seal covers yet.")
    head: str = Field(
        description="The hash of the last seal; keep it elsewhere to see later that nothing was cut."
    )
    problems: list[str]

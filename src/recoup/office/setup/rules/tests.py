"""Decisions about tests of what this server talks to: what the journal's last word on one means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

STARTED, ENDED = "setup.test_started", "setup.test_ended"
GIVEN_UP = timedelta(seconds=25)
"""A test that has not ended by then never will: it is bounded, so its process went away."""

Standing = Literal["", "running", "ok", "warn", "fail", "none"]


@dataclass(frozen=True, slots=True)
class LastTest:
    """How a test stands, and who asked for it."""

    standing: Standing
    detail: str = ""
    fix: str = ""
    at: datetime | None = None
    by: str = ""


NEVER = LastTest("")


def judged(kind: str, detail: Mapping[str, Any], *, at: datetime, actor: str, now: datetime) -> LastTest:
    """Return what an event says of a test."""
    if kind == ENDED:
        status = detail.get("status", "none")
        standing: Standing = status if status in get_args(Standing) else "none"
        return LastTest(standing, str(detail.get("detail", "")), str(detail.get("fix", "")), at, actor)
    if now - at < GIVEN_UP:
        return LastTest("running", "It is being tested.", "", at, actor)
    return LastTest("fail", "The test did not come back.", "Test it again.", at, actor)


def subject(name: str) -> str:
    """Return what the journal calls a test."""
    return f"setup/test/{name}"

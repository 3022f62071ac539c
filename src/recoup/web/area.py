"""What a part plugs into Recoup: one ``Area`` per part, collected in the one list of ``app.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime

import cyclopts
from fastapi import APIRouter
from sqlalchemy.orm import Session

from recoup.core.parts import Check, DeliveryKind, Job
from recoup.core.system import System
from recoup.settings import Section

OpenSystem = Callable[[], AbstractContextManager[System]]
"""Opens the running system for a command, and closes it afterwards."""


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the office or a business area, as the composition root sees it."""

    name: str
    settings: Mapping[str, type[Section]] = field(default_factory=dict)
    jobs: tuple[Job, ...] = ()
    deliveries: tuple[DeliveryKind, ...] = ()
    tasks: Mapping[str, Callable[..., None]] = field(default_factory=dict)
    sweeps: tuple[Callable[[Session, datetime], None], ...] = ()
    ticks: tuple[Callable[[System, datetime], None], ...] = ()
    checks: tuple[Callable[[System], list[Check]], ...] = ()
    routers: tuple[APIRouter, ...] = ()
    commands: Callable[[OpenSystem], cyclopts.App] | None = None

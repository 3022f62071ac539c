"""What a part plugs into Recoup: one ``Area`` per part, collected in the one list of ``app.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

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
    """Asked often: they look at our own rows and folders only."""
    probes: tuple[Callable[[System], list[Check]], ...] = ()
    """Asked by ``doctor`` only: they knock at doors outside, or take their time."""
    controls: tuple[Any, ...] = ()
    """What an administrator may change while Recoup runs: ``Control``s of office/controls."""
    routers: tuple[APIRouter, ...] = ()
    commands: Callable[[OpenSystem], tuple[cyclopts.App, ...]] | None = None
    """Makes the groups of commands; ``entry/cli.py`` lists them by name, so that --help need not make them."""

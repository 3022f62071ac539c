"""A running Recoup as doors see it: transactions, ports, settings, clock, and what the parts plugged in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy.orm import Session, sessionmaker

from recoup.core.clock import Clock
from recoup.core.parts import Parts
from recoup.core.ports import BlobStore, Channel, OpenStore
from recoup.settings import Settings


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside world, as this process reaches it."""

    files: BlobStore
    """Where office/files keeps its bytes."""
    open_store: OpenStore
    """Opens any other store by address, for instance the producer's bucket."""
    channels: Mapping[str, Channel]
    """The ways out of the house, by name."""


class Alert(Protocol):
    """Tells the administrators, once per ``key`` until it is told again after ``now``'s day."""

    def __call__(self, db: Session, *, key: str, title: str, text: str, now: datetime) -> None:
        """Plan the message in the caller's transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: a name for the journal, and whether by key, session or command line."""

    name: str
    by: str


@dataclass(frozen=True, slots=True)
class System:
    """One composition: built by ``app.py`` for real, and by tests with stand-ins at the ports."""

    settings: Settings
    sessions: sessionmaker[Session]
    clock: Clock
    ports: Ports
    parts: Parts
    worker: str
    """The name under which this process leases work: host, process id and start."""
    alert: Alert
    authenticate: Callable[[str], Caller | None]
    """Answers who holds an API key, or None."""
    conninfo: str
    """libpq connection string of the same database, for the engine."""

    @property
    def home(self) -> Path:
        """The folder that holds everything this installation wrote."""
        return self.settings.home

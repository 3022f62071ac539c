"""A running Recoup as doors see it: transactions, ports, settings, clock, and what the parts plugged in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from recoup.core.clock import Clock
from recoup.core.parts import Parts
from recoup.core.ports import (
    BlobStore,
    Channel,
    DocumentExaminer,
    OpenStore,
    ReportSource,
    Scanner,
    SignIn,
)
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
    reports: ReportSource | None = None
    """Where reports of rights claims come from; None where no content owner is set up."""
    sign_in: SignIn | None = None
    """How a person signs in there."""
    documents: DocumentExaminer | None = None
    """Reads documents that strangers send; None in programs that take none."""
    scanner: Scanner | None = None
    """The virus scanner; None where none is set up."""


class Alert(Protocol):
    """Tells the administrators, once per ``key`` until it is told again after ``now``'s day."""

    def __call__(self, db: Session, *, key: str, title: str, text: str, now: datetime) -> None:
        """Plan the message in the caller's transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request shows of who sends it: a bearer's text or a session's cookie, and where it comes from."""

    secret: str = field(repr=False)
    how: Literal["bearer", "cookie"]
    address: str
    """The client's IP address, as this server believes it (see ``web/guard.py``)."""
    agent: str
    """What the program calls itself, shortened."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: a name for the journal, how they showed it, and what they may do."""

    name: str
    by: Literal["session", "token", "key"]
    """By a browser's session, an access token, or a key: a person's, or this installation's own."""
    permissions: frozenset[str] = frozenset()
    """What they may do, such as ``jobs.run``; already without what they must show a second factor for."""
    role: str = ""
    person: UUID | None = None
    """None: nobody in particular, but the holder of this installation's key."""
    session: UUID | None = None
    zone: str = "UTC"
    """The time zone that they read instants in."""
    missing: Literal["", "factor", "enrolment"] = ""
    """What stands between them and what their role may do: to show a second factor, or to set one up first."""

    def may(self, permission: str) -> bool:
        """Say whether they may."""
        return permission in self.permissions


@dataclass(frozen=True, slots=True)
class Visit:
    """What somebody did here, as the access log keeps it: no query, no body, nothing that opens a door."""

    at: datetime
    action: Literal["opened", "downloaded", "changed", "signed in", "signed out", "refused"]
    subject: str
    """The route as it is declared, such as ``/files/{file_id}``, or what a person would call it."""
    name: str = ""
    """Who: an address, or the name of a key; nothing where nobody knows."""
    person: UUID | None = None
    how: str = ""
    """By what they came in: ``session``, ``token``, ``key``, or what they showed at the door."""
    address: str = ""
    agent: str = ""
    method: str = ""
    status: int | None = None
    detail: str = ""


class Authenticate(Protocol):
    """Answers who shows this, or None; office/people decides it, app.py puts it in."""

    def __call__(self, presented: Presented, *, now: datetime) -> Caller | None:
        """Look it up in a transaction of its own, and note that it was used."""
        ...


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
    authenticate: Authenticate
    noted: Callable[[Visit], None]
    """Writes a visit into the access log, soon and without waiting; office/people keeps it."""
    conninfo: str
    """libpq connection string of the same database, for the engine."""

    @property
    def home(self) -> Path:
        """The folder that holds everything this installation wrote."""
        return self.settings.home

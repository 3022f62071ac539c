"""What a part plugs into a running Recoup below its doors: jobs, kinds of deliveries, tasks, sweeps, checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from recoup.core.system import System

# ---------------------------------------------------------------- jobs


class Missed(StrEnum):
    """What happens to slots that passed while nothing ran."""

    ALL = "all"
    LATEST = "latest"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class DefaultSchedule:
    """The schedule that a job has until a person changes it: cron fields read in the time zone ``zone``."""

    cron: str
    zone: str = "UTC"
    missed: Missed = Missed.LATEST


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: one sentence, and whether a person has to look."""

    summary: str
    needs_person: bool = False


class RunningRun(Protocol):
    """What a job's code sees of its own run."""

    id: UUID
    attempt: int
    system: System

    def log(self, text: str, *, level: str = "info") -> None:
        """Add a line to the live log."""
        ...

    def progress(self, done: int, total: int | None = None, label: str = "") -> None:
        """Say how far the run is."""
        ...

    def count(self, name: str, by: int = 1) -> None:
        """Add to a named counter of the run."""
        ...

    def transaction(self, *, late: bool = False) -> AbstractContextManager[Session]:
        """Open a transaction that commits only while this attempt still holds the run; else raise Lost.

        ``late``: that is looked at in the end only, so that a long transaction does not keep its own run from telling
        how far it is, and from renewing its lease.
        """
        ...

    def checkpoint(self) -> None:
        """Raise Lost when another worker took the run, and Cancelled when a person asked it to stop."""
        ...

    def artifact(self, name: str, body: bytes | BinaryIO, *, media_type: str, may: str = "") -> UUID:
        """Keep a file with the run, a large one from where it lies; return the file's id.

        ``may``: the permission that opening it needs beyond looking at the run.
        """
        ...


class Cancelled(Exception):
    """A person asked this run to stop, and it stopped between two steps."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a person can run or schedule. ``run`` gets the run and its checked parameters."""

    name: str
    title: str
    help: str
    params: type[BaseModel]
    run: Callable[[RunningRun, Any], Outcome]
    schedule: DefaultSchedule | None = None
    max_attempts: int = 3
    lease: timedelta = timedelta(seconds=60)
    by_hand: bool = True
    """False: a page or route of its own starts it, which checks who asks for what; not any form with parameters."""


# ---------------------------------------------------------------- deliveries


@dataclass(frozen=True, slots=True)
class Go:
    """Hand the delivery over now."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Do not hand the delivery over: it is cancelled (for good) or held (for a person), with the reason."""

    reason: str
    hold: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a delivery: ``accepted``, ``refused``, ``unknown``, ``held`` or ``cancelled``.

    ``handings`` counts the hand-overs begun so far, this one included; ``answer`` is the far side's evidence.
    """

    state: str
    reason: str
    handings: int
    answer: Mapping[str, Any] = field(default_factory=dict)


class Planned(Protocol):
    """A delivery as the part that planned it sees it."""

    id: UUID
    key: str
    kind: str
    subject: str
    payload: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryKind:
    """One sort of delivery: the last look before its hand-over, and what its result changes.

    Both run inside the outbox's transaction, under the delivery's row lock, and never commit.
    """

    name: str
    before: Callable[[Session, Planned, datetime], Go | Stop]
    after: Callable[[Session, Planned, Result, datetime], None]


# ---------------------------------------------------------------- health


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``doctor``: ``ok`` is None where the check does not apply here; ``fix`` says what to do."""

    name: str
    ok: bool | None
    detail: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """A door outside that can be knocked at: what it is called, what knocking does, and the knock.

    Making probes is cheap and knocks nowhere; ``doctor`` knocks at all of them, a page at the one that was chosen.
    """

    name: str
    help: str
    knock: Callable[[], Check]
    """May raise a RecoupError, whose sentence is then the finding."""
    seconds: float | None = 15
    """How long a knock may take; None: as long as there is to look at, so that only ``doctor`` asks."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that the parts plugged in, merged once by app.py."""

    jobs: Mapping[str, Job] = field(default_factory=dict)
    deliveries: Mapping[str, DeliveryKind] = field(default_factory=dict)
    tasks: Mapping[str, Callable[..., None]] = field(default_factory=dict)
    """Engine tasks by name; each is called with the system and the arguments that were deferred."""
    sweeps: tuple[Callable[[Session, datetime], None], ...] = ()
    """Called once a minute by one worker: defer again what should be moving and is not."""
    ticks: tuple[Callable[[System, datetime], None], ...] = ()
    """Called every few seconds by every worker, so each must be harmless when it runs twice at once."""
    checks: tuple[Callable[[System], list[Check]], ...] = ()
    controls: Mapping[str, Any] = field(default_factory=dict)
    """What an administrator may change, by name: ``Control``s of office/controls, which this module does not know."""
    desk: tuple[Any, ...] = ()
    """The parts in the order of the portal's menu: ``Area``s of web/area, which this module does not know."""

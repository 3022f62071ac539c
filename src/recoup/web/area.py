"""What a part plugs into Recoup: one ``Area`` per part, collected in the one list of ``app.py``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy.orm import Session

from recoup.core.parts import Check, DeliveryKind, Job, Probe
from recoup.core.system import System
from recoup.settings import Section

if TYPE_CHECKING:  # a worker opens no doors, so it must not pay for what they are made of
    from fastapi import APIRouter

    Door = str | APIRouter

OpenSystem = Callable[[], AbstractContextManager[System]]
"""Opens the running system for a command, and closes it afterwards."""


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A line of the portal's menu, for those who have the permission ``may``."""

    title: str
    href: str
    icon: str
    may: str
    group: Literal["", "Business", "Work", "House"] = ""
    """The heading that it stands below; within one, the order of parts in ``app.py`` is the order of the menu."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure on the overview: what it counts, how it stands, and where it leads."""

    title: str
    figure: str
    note: str
    href: str
    icon: str
    tone: Literal["", "ok", "warn", "bad"] = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits for a person: one sentence, and where to settle it."""

    text: str
    href: str
    tone: Literal["warn", "bad"] = "warn"
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that a search found."""

    title: str
    kind: str
    href: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do first on a fresh installation; ``text`` says how, ``href`` leads there."""

    title: str
    text: str
    href: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A card that a part puts on somebody's own account page, made for who looks at it.

    ``template`` finds in ``card`` what the function that ``made_by`` names (``package.module:function``) returns,
    given the system, the page's transaction, who looks, and the time.
    """

    template: str
    made_by: str


def opened(door: Door) -> APIRouter:
    """Return a router, loaded where it was named."""
    return behind(door) if isinstance(door, str) else door


def behind(name: str) -> Any:
    """Load what ``package.module:attribute`` names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


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
    probes: tuple[Callable[[System], list[Probe]], ...] = ()
    """What can be knocked at outside, or takes its time: by ``doctor``, and one at a time by a page."""
    controls: tuple[Any, ...] = ()
    """What an administrator may change while Recoup runs: ``Control``s of office/controls."""
    routers: tuple[Door, ...] = ()
    """Routers, or where each is: ``recoup.office.jobs.api:router``."""
    pages: tuple[Door, ...] = ()
    """Routes of the portal, under /desk; they are not part of the API's description."""
    mails: tuple[Any, ...] = ()
    """Templates of mails that it sends: ``Declared``s of office/messages/catalogue."""
    templates: str = ""
    """The package that holds this part's ``templates``, which pages name ``<part>/<file>``."""
    menu: tuple[MenuItem, ...] = ()
    lists: tuple[Any, ...] = ()
    """``Listing``s of web/lists, which the desk can also export."""
    tiles: Callable[[Session, datetime], list[Tile]] | None = None
    waiting: Callable[[Session, datetime], list[Waiting]] | None = None
    search: Callable[[Session, str], list[Hit]] | None = None
    """Finds what has an id or a name; asked only for those who may ``look`` (the permission of the first menu item)."""
    finds: Callable[[System, str], list[Hit]] | None = None
    """As ``search``, for what stands in no table: what was declared, or set before the start."""
    first: Callable[[System, Session], list[Step]] | None = None
    """What to do first, shown on the overview until something has run."""
    events: Mapping[str, str] = field(default_factory=dict)
    """How its events read, by kind: a sentence with details in braces, ``Run of {job} failed: {summary}``."""
    leads: Mapping[str, str | Callable[[str], str]] = field(default_factory=dict)
    """Where its subjects lead: ``jobs/run`` to ``/desk/runs/{}``, or to what a function makes of the rest."""
    account: tuple[Card, ...] = ()
    """What stands on somebody's own account page besides what office/people shows there."""
    commands: str = ""
    """Where the function is that makes the groups of commands, given ``OpenSystem``.

    ``entry/cli.py`` lists them by name, so that --help need not make them.
    """

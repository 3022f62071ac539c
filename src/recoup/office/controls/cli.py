"""The controls' commands."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated, Any

import cyclopts
from cyclopts import Parameter
from sqlalchemy.orm import Session

from recoup.core.errors import Conflict
from recoup.core.sealing import sealer_of
from recoup.core.system import System
from recoup.office.controls import queries, rules, service
from recoup.office.controls.rules import Control
from recoup.office.controls.schemas import ControlInFull, ControlShown
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Json, Note
from recoup.web.wire import Page, found

Name = Annotated[str, Parameter(help="The control's name, from `recoup controls list`.")]


def commands(opened: OpenSystem) -> tuple[cyclopts.App, ...]:
    """Return the group ``controls``."""
    these = _Commands(opened)
    group = cyclopts.App(
        name="controls", help="What can be changed while everything runs, with every version kept."
    )
    group.command(these.listed, name="list")
    group.command(these.show)
    group.command(these.set)
    group.command(these.undo)
    return (group,)


class _Commands:
    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def listed(self, *, json: Json = False) -> None:
        """List what can be changed, and what holds."""
        with self._opened() as system, system.sessions.begin() as db:
            known = system.parts.controls
            current = queries.current(db, known.keys())
            controls = [ControlShown.of(known[name], current.get(name)) for name in sorted(known)]
        columns = {
            "NAME": lambda one: one.name,
            "VALUE": lambda one: rules.to_text(one.value),
            "VERSION": lambda one: one.version or "default",
            "WHAT": lambda one: one.problem or one.help,
        }
        page = Page[ControlShown](items=controls)
        output.listing(page, columns, as_json=json, empty="Nothing can be changed this way yet.")

    def show(self, name: Name, *, json: Json = False) -> None:
        """Show a control: what holds, what fits, and its history."""
        with self._opened() as system, system.sessions.begin() as db:
            shown = _in_full(db, _control(system, name))
        _say(shown, as_json=json)

    def set(
        self,
        name: Name,
        value: Annotated[
            str,
            Parameter(
                allow_leading_hyphen=True,
                help="The new value; a list is written with commas, - reads it from the terminal.",
            ),
        ],
        *,
        note: Note = "",
        expected_version: Annotated[int | None, Parameter(help="Refuse when another version holds.")] = None,
        json: Json = False,
    ) -> None:
        """Set a control."""
        with self._opened() as system, system.sessions.begin() as db:
            control = _control(system, name)
            service.change(
                db,
                control,
                rules.read(control, _typed(control) if value == "-" else value),
                expected_version=_version(db, name) if expected_version is None else expected_version,
                actor=output.actor(),
                now=system.clock(),
                note=note,
                sealer=sealer_of(system.settings),
            )
            shown = _in_full(db, control)
        _say(shown, as_json=json)

    def undo(
        self,
        name: Name,
        *,
        to: Annotated[int | None, Parameter(help="A version from its history; 0 is the default.")] = None,
        note: Note = "",
        json: Json = False,
    ) -> None:
        """Set a control to what it was before its last change, or at --to."""
        with self._opened() as system, system.sessions.begin() as db:
            control, version = _control(system, name), _version(db, name)
            if not version and to is None:
                raise Conflict(f"{name} was never changed: there is nothing to undo.")
            service.undo(
                db,
                control,
                to_version=version - 1 if to is None else to,
                expected_version=version,
                actor=output.actor(),
                now=system.clock(),
                note=note,
            )
            shown = _in_full(db, control)
        _say(shown, as_json=json)


def _control(system: System, name: str) -> Control[Any]:
    return found(system.parts.controls.get(name), f"control {name!r}", see="controls list")


def _typed(control: Control[Any]) -> str:
    """Read a value that is not to stand among the words of a command, where others see it."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{control.name}: ")
    return sys.stdin.readline().rstrip("\r\n")


def _version(db: Session, name: str) -> int:
    latest = queries.latest(db, name)
    return latest.version if latest else 0


def _in_full(db: Session, control: Control[Any]) -> ControlInFull:
    return ControlInFull.with_history(control, queries.history(db, control.name))


def _say(shown: ControlInFull, *, as_json: bool) -> None:
    if as_json:
        output.document(shown)
        return
    output.say(f"{shown.name} is {output.clean(rules.to_text(shown.value))}. {shown.help}")
    output.say(f"It can be {shown.fits}; the default is {rules.to_text(shown.default)}.")
    if shown.problem:
        output.say(shown.problem)
    if shown.history:
        columns = {
            "VERSION": lambda one: one.version,
            "VALUE": lambda one: rules.to_text(one.value),
            "AT": lambda one: one.changed_at,
            "BY": lambda one: one.changed_by,
            "WHY": lambda one: one.note,
        }
        output.table(columns, shown.history, empty="")

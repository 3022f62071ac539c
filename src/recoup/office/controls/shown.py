"""Gathers what pages show of controls: by part, with what holds, what wins over it, and a field to change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from recoup.core.system import System
from recoup.office.controls import queries, rules
from recoup.office.controls.models import ControlVersion
from recoup.office.controls.rules import Control
from recoup.office.controls.schemas import ControlShown
from recoup.settings import Explained, Settings
from recoup.web.area import Hit
from recoup.web.forms import Field

HISTORY_ROWS = 25
LONG_TEXT = 80
_TITLES = {"mail": "Mail", "people": "People and signing in", "setup": "Setup files"}


@dataclass(frozen=True, slots=True)
class Line:
    """A control as the list shows it."""

    control: Control[Any]
    shown: ControlShown
    fixed: Explained | None
    """The setting that wins over it, where the process was started with one."""

    @property
    def title(self) -> str:
        """What a person calls it."""
        return rules.title_of(self.control.name)


@dataclass(frozen=True, slots=True)
class Group:
    """The controls of one part."""

    name: str
    title: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class InFull:
    """A control with a page of its history, newest first; ``older`` continues it."""

    line: Line
    history: list[ControlVersion]
    older: int | None


def groups(db: Session, system: System, *, text: str) -> list[Group]:
    """Return the controls that ``text`` finds, by part, with what holds."""
    found = rules.matching(system.parts.controls.values(), text)
    current = queries.current(db, [one.name for one in found])
    winning = fixed(system.settings, found)
    lines = [Line(one, ControlShown.of(one, current.get(one.name)), winning.get(one.name)) for one in found]
    return [
        Group(part, part_title(part), list(those))
        for part, those in groupby(lines, key=lambda line: rules.part_of(line.control.name))
    ]


def in_full(db: Session, system: System, control: Control[Any], *, before: int | None = None) -> InFull:
    """Return one control with what holds and a page of its history."""
    rows = queries.history(db, control.name, before=before, limit=HISTORY_ROWS + 1)
    latest = queries.latest(db, control.name) if before is not None else next(iter(rows), None)
    line = Line(
        control, ControlShown.of(control, latest), fixed(system.settings, [control]).get(control.name)
    )
    return InFull(
        line, list(rows[:HISTORY_ROWS]), rows[HISTORY_ROWS - 1].version if rows[HISTORY_ROWS:] else None
    )


def fixed(settings: Settings, controls: Iterable[Control[Any]]) -> Mapping[str, Explained]:
    """Return, by control, the settings that the process was started with and that win."""
    wanted = {one.setting: one.name for one in controls if one.setting in settings.origins}
    return {wanted[row.name]: row for row in settings.explain() if row.name in wanted} if wanted else {}


def part_title(part: str) -> str:
    """Write the name of a part as a heading."""
    return _TITLES.get(part, part.replace("_", " ").capitalize())


def as_text(value: object) -> str:
    """Write a kept value as a page shows it."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "empty"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return rules.to_text(value) or "empty"


def field_of(control: Control[Any]) -> Field:
    """Return the field that changes a control."""
    made: dict[str, Any] = {"name": "value", "title": rules.title_of(control.name), "help": _hint(control)}
    if control.secret:
        return Field(**made, kind="secret")
    if control.choices and control.type is not list[str]:
        choices = tuple((rules.to_text(one), rules.to_text(one)) for one in control.choices)
        return Field(**made, kind="choice", choices=choices, required=True)
    if control.type is int:
        return Field(**made, kind="whole", least=_whole(control.minimum), most=_whole(control.maximum))
    if control.type is bool:
        return Field(**made, kind="yes")
    if control.type == list[str]:
        return Field(**made, kind="list", rows=5)
    is_long = control.type is str and (len(str(control.default)) > LONG_TEXT or "\n" in str(control.default))
    return Field(**made, kind="lines" if is_long else "text", rows=6)


def typed_of(control: Control[Any], value: object) -> str:
    """Write what holds as it stands in the field; of a secret nothing does."""
    if control.secret:
        return ""
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return rules.to_text(value)


def hits(system: System, text: str) -> list[Hit]:
    """Find controls by name and help."""
    return [
        Hit(rules.title_of(one.name), "control", f"/desk/controls/{one.name}", one.help)
        for one in rules.matching(system.parts.controls.values(), text)
    ]


def _hint(control: Control[Any]) -> str:
    if control.secret:
        return "What is set is never shown. What you type takes its place."
    if control.type is bool:
        return ""
    lines = " One on each line." if control.type == list[str] else ""
    fits = rules.expectation(control)
    return f"{fits[:1].upper()}{fits[1:]}.{lines}"


def _whole(bound: int | Decimal | None) -> int | None:
    return None if bound is None else int(bound)

"""Gathers what pages show of settings, tests and files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy.orm import Session

from recoup.core.parts import Probe
from recoup.core.system import System
from recoup.office.setup import queries
from recoup.office.setup.rules import layout
from recoup.office.setup.rules.tests import NEVER, LastTest
from recoup.office.setup.service import tests
from recoup.office.setup.service.files import House
from recoup.settings_sections import DEFAULT, PROCESS, env_names
from recoup.web.area import Hit

_TITLES = {PROCESS: "The process", "mail": "Mail", "files": "Stored files", "web": "How people reach it"}
_OF_CODE = re.compile(r"``([^`]*)``")


@dataclass(frozen=True, slots=True)
class SettingLine:
    """One setting: its value, where that comes from, and how to change it."""

    name: str
    value: str
    origin: str
    help: str
    names: tuple[str, ...]
    """Environment names, the strongest first."""
    toml: str
    control: str
    """The control that changes it while everything runs, where there is one."""

    @property
    def is_set(self) -> bool:
        """Whether it is more than a default."""
        return self.origin != DEFAULT


@dataclass(frozen=True, slots=True)
class SettingGroup:
    """The settings of one section."""

    name: str
    title: str
    lines: list[SettingLine]


@dataclass(frozen=True, slots=True)
class TestLine:
    """Something that can be tested, and how that went last."""

    probe: Probe
    last: LastTest

    @property
    def title(self) -> str:
        """What a person calls it."""
        known = {"door mail": "Mail server", "files": "Stored files", "door clazar": "Clazar"}
        name = known.get(self.probe.name, self.probe.name.removeprefix("door "))
        return f"{name[:1].upper()}{name[1:]}"


@dataclass(frozen=True, slots=True)
class FileLine:
    """One of the three files, and when it was brought in last."""

    name: str
    about: str
    at: datetime | None
    by: str

    @property
    def file_name(self) -> str:
        """What it is called on disk."""
        return layout.file_name(self.name)


def house_of(system: System) -> House:
    """Return what files are about in this system."""
    return House(system.parts.controls, system.parts.jobs, system.settings)


def groups(system: System, *, text: str = "", set_only: bool = False) -> list[SettingGroup]:
    """Return the settings by section, or those that have every word of ``text``."""
    words = text.casefold().split()
    lines = [
        line
        for line in _lines(system)
        if (line.is_set or not set_only)
        and all(word in f"{line.name} {line.help} {' '.join(line.names)}".casefold() for word in words)
    ]
    return [
        SettingGroup(section, _TITLES.get(section, section.replace("_", " ").capitalize()), list(those))
        for section, those in groupby(lines, key=lambda line: line.name.partition(".")[0])
    ]


def probes(system: System) -> dict[str, Probe]:
    """Return what can be tested by a page, by name."""
    made = (probe for area in system.parts.desk for offered in area.probes for probe in offered(system))
    return {probe.name: probe for probe in made if probe.seconds is not None}


def test_lines(db: Session, system: System, *, now: datetime) -> list[TestLine]:
    """Return everything that can be tested, with how it went last."""
    known = probes(system)
    last = tests.last(db, list(known), now=now)
    return [TestLine(probe, last.get(name, NEVER)) for name, probe in known.items()]


def file_lines(db: Session) -> list[FileLine]:
    """Return the three files."""
    events = queries.latest_events(db, [f"setup/file/{name}" for name in layout.FILES])
    lines = []
    for name in layout.FILES:
        event = events.get(f"setup/file/{name}")
        at, by = (event.at, event.actor) if event else (None, "")
        lines.append(FileLine(name, layout.ABOUT[name], at, by))
    return lines


def hits(system: System, text: str) -> list[Hit]:
    """Find settings and setup files by name and help."""
    found = [
        Hit(line.name, "setting", f"/desk/settings#{line.name}", line.help)
        for group in groups(system, text=text)
        for line in group.lines
    ]
    words = text.casefold().split()
    for name, about in layout.ABOUT.items():
        if words and all(word in f"{name} {about} setup file".casefold() for word in words):
            found.append(Hit(layout.file_name(name), "setup file", "/desk/setup", about))
    return found


def _lines(system: System) -> Iterator[SettingLine]:
    settings = system.settings
    controls = {one.setting: name for name, one in system.parts.controls.items() if one.setting}
    for row in settings.explain():
        section, _, rest = row.name.partition(".")
        field, _, deeper = rest.partition(".")
        info = type(settings.sections[section]).model_fields[field]
        yield SettingLine(
            row.name,
            row.value,
            row.origin,
            _plain(info.description or "") if not deeper else "",
            () if deeper else tuple(env_names(section, field, info)),
            f"[[{section}.{field}]] {deeper.partition('.')[2]}" if deeper else f"[{section}] {field}",
            controls.get(row.name, ""),
        )


def _plain(text: str) -> str:
    return " ".join(_OF_CODE.sub(r"\1", text).split())

"""What files would change: a line for each of their values, from what to what, and nothing where anything is wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from ipaddress import ip_address
from typing import Any, Literal

from recoup.core.errors import Invalid
from recoup.office.controls import rules as controls
from recoup.office.controls.rules import Control
from recoup.office.messages import rules as messages
from recoup.office.setup.controls import KEPT
from recoup.office.setup.rules.kept import Kept
from recoup.office.setup.rules.layout import FILES, MONTHLY, file_name
from recoup.office.setup.rules.reading import Problem, Read

TLS_PORT = 465
SECRET = "mail.password"  # noqa: S105 - the name of a control
Change = Literal["changes", "kept", "same"]

_WHAT_FOR = {
    "paths": "for the revenue part",
    "schedule": f"for the job {MONTHLY}",
    "scripts": "for the record: this program runs none of them",
    "notifications": f"for the job {MONTHLY}",
    "reconcile_tolerance": "for the revenue part",
}


@dataclass(frozen=True, slots=True)
class Holding:
    """What holds before: values and versions by control, what is kept, and the settings that win over controls."""

    values: Mapping[str, Any]
    """Of a secret only whether it is set."""
    versions: Mapping[str, int]
    kept: Kept
    fixed: Mapping[str, str] = field(default_factory=dict)
    """By control, where the setting comes from that wins over it."""
    has_job: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One value of a file and what becomes of it."""

    path: str
    change: Change
    was: str
    becomes: str
    control: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What one file would change, and what is wrong with it."""

    name: str
    lines: tuple[Line, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What all files together would change."""

    files: tuple[FilePlan, ...]
    changes: Mapping[str, Any]
    """New values by control."""
    kept: Kept | None
    """What is kept afterwards, where that changes."""
    digest: str
    """Says whether two plans do the same to the same."""

    @property
    def problems(self) -> int:
        """How many things are wrong; a plan with any is not applied."""
        return sum(len(one.problems) for one in self.files)

    @property
    def does(self) -> int:
        """How many controls and kept values change."""
        return sum(line.change != "same" for one in self.files for line in one.lines)


def plan(reads: Sequence[Read], holding: Holding, known: Mapping[str, Control[Any]]) -> Plan:
    """Plan what the files change; later files must not contradict earlier ones."""
    changes: dict[str, Any] = {}
    kept: dict[str, Any] = dict(holding.kept.values)
    files: list[FilePlan] = []
    for read in reads:
        lines: list[Line] = []
        problems = list(read.problems)
        if any(one.name == read.name for one in files):
            problems.append(Problem("", f"{file_name(read.name)} is given twice."))
        for paths, name, value in _wanted(read, holding, problems):
            try:
                fitting = controls.checked(known[name], value)
                _agree(changes.get(name, fitting), fitting)
            except Invalid as error:
                problems.append(Problem(paths[0], error.sentence()))
                continue
            made = _line(paths, known[name], fitting, holding)
            if made.change == "changes":
                changes[name] = fitting
            lines.append(made)
        lines += _keep(read, holding, kept)
        files.append(FilePlan(read.name, tuple(lines), tuple(problems)))
    new = _new_kept(kept, holding)
    return Plan(tuple(files), changes, new, _digest(changes, new, holding))


def holds_password(read: Read) -> bool:
    """Say whether a file brings a password."""
    return bool(read.values.get("smtp.password"))


def _wanted(
    read: Read, holding: Holding, problems: list[Problem]
) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """Yield paths, control and value for what sets a control; several paths may make one value."""
    values = read.values
    for entry in FILES[read.name]:
        if entry.path not in values or not entry.control:
            continue
        match entry.path:
            case "smtp.password":
                if values[entry.path]:
                    yield (entry.path,), entry.control, values[entry.path]
            case "smtp.use_tls":
                security, problem = _security(values, holding)
                if problem is not None:
                    problems.append(problem)
                else:
                    yield (entry.path,), entry.control, security
            case "sender.name" | "sender.email":
                if entry.path == "sender.name" and "sender.email" in values:
                    continue  # told once, with the address
                yield (entry.path,), entry.control, _sender(values, holding)
            case _:
                yield (entry.path,), entry.control, values[entry.path]


def _security(values: Mapping[str, Any], holding: Holding) -> tuple[str, Problem | None]:
    """Return how the connection is secured: the file says whether, the port says how."""
    port = values.get("smtp.port", holding.values["mail.port"])
    host = values.get("smtp.host", holding.values["mail.host"])
    if values["smtp.use_tls"]:
        now = holding.values["mail.security"]
        if now != "none" and port == holding.values["mail.port"]:
            return now, None
        return ("tls" if port == TLS_PORT else "starttls"), None
    if host and not _is_this_machine(host):
        sentence = f"Mails would travel to {host} in the clear, and the password with them. Set it to true."
        return "none", Problem("smtp.use_tls", sentence)
    return "none", None


def _sender(values: Mapping[str, Any], holding: Holding) -> str:
    """Return the author of mails, of what the file says and else of what holds."""
    now = messages.mailbox(str(holding.values["mail.sender"]))
    name = values.get("sender.name", now.display_name)
    address = values.get("sender.email", now.addr_spec)
    return f"{name} <{address}>" if name else address


def _line(paths: tuple[str, ...], control: Control[Any], value: Any, holding: Holding) -> Line:
    held = holding.values[control.name]
    note = f"{holding.fixed[control.name]} wins over it." if control.name in holding.fixed else ""
    if control.secret:
        return Line(paths[0], "changes", "set" if held else "not set", "a new one", control.name, note)
    is_same = held == value
    was, becomes = _shown(held), _shown(value)
    return Line(paths[0], "same" if is_same else "changes", was, becomes, control.name, note)


def _keep(read: Read, holding: Holding, kept: dict[str, Any]) -> Iterator[Line]:
    for entry in FILES[read.name]:
        if entry.control or entry.path not in read.values:
            continue
        value, was = read.values[entry.path], holding.kept.values.get(entry.path)
        kept[entry.path] = value
        is_same = was == value and entry.path in holding.kept.values
        of_job = entry.section in {"schedule", "notifications"}
        change: Change = "same" if is_same else "changes" if of_job and holding.has_job else "kept"
        note = "" if change == "changes" else f"Kept {_WHAT_FOR[entry.section]}."
        yield Line(entry.path, change, _shown(was), _shown(value), "", note)


def _new_kept(kept: Mapping[str, Any], holding: Holding) -> Kept | None:
    if kept == holding.kept.values:
        return None
    of_job = {path: value for path, value in kept.items() if path.startswith(("schedule.", "notifications."))}
    before = {path: holding.kept.values.get(path) for path in of_job}
    return Kept(kept, waiting=holding.kept.waiting or of_job != before)


def _agree(before: Any, now: Any) -> None:
    if before != now:
        raise Invalid(f"Another of these files sets it to {_shown(before)}.", fix="Make them agree.")


def _digest(changes: Mapping[str, Any], kept: Kept | None, holding: Holding) -> str:
    """Return what differs whenever another thing would be done, or something changed meanwhile."""
    names = sorted({*changes, *([KEPT.name] if kept is not None else [])})
    parts = [[name, holding.versions.get(name, 0)] for name in names]
    text = json.dumps([parts, sorted(holding.fixed)])
    return hashlib.sha256(text.encode()).hexdigest()


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return ", ".join(value) or "nobody"
    if isinstance(value, Decimal):
        return str(value)
    return controls.to_text(value) or "empty"


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"

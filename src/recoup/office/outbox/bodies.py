"""The bytes of a delivery as a person reads them: a mail with its parts, JSON in lines, or text."""

from __future__ import annotations

import email
import email.policy
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

LARGEST_SHOWN = 200_000
"""Characters of a text that a page shows; the rest is in the download."""
MOST_HEADERS = 40
MOST_FACTS = 200
MOST_FILES = 100
LONGEST_FILE_NAME = 200
DEEPEST = 6
MOST_COLUMNS = 10
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file that goes with a mail: what it is called there, and how many bytes it has."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail: its headers, its body in both forms where it has them, and the files that go with it."""

    headers: Sequence[tuple[str, str]]
    text: str
    html: str
    files: Sequence[AttachedFile] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """What a page shows of bytes. ``suffix`` is what a download of them is called by."""

    size: int
    suffix: str
    text: str | None
    """The exact text, where the bytes are text; cut where it is very long."""
    is_cut: bool = False
    pretty: str | None = None
    """The same JSON in lines: every digit as it stands."""
    mail: Mail | None = None


def read(payload: bytes, headers: Mapping[str, Any]) -> Body:
    """Look at the bytes of a delivery; ``headers`` tell a mail by its envelope."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return Body(len(payload), "bin", None)
    cut = len(text) > LARGEST_SHOWN
    shown = text[:LARGEST_SHOWN]
    if "from" in headers and "to" in headers:
        return Body(len(payload), "eml", shown, cut, mail=mail_of(payload))
    pretty = in_lines(text) if not cut and is_json(text) else None
    return Body(len(payload), "json" if pretty is not None else "txt", shown, cut, pretty)


def mail_of(payload: bytes) -> Mail | None:
    """Read a mail, or return None where it is none."""
    try:
        message = email.message_from_bytes(payload, policy=email.policy.default)
        if not isinstance(message, EmailMessage):  # pragma: no cover - the policy makes no other
            return None
        headers = [(name, str(value)) for name, value in message.items()][:MOST_HEADERS]
        return Mail(headers, _part(message, "plain"), _part(message, "html"), _files(message))
    except (ValueError, LookupError, AttributeError, TypeError):  # what the library raises on malformed mails
        return None


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    content = part.get_content() if part is not None else ""
    return content if isinstance(content, str) else ""


def _files(message: EmailMessage) -> list[AttachedFile]:
    found: list[AttachedFile] = []
    try:
        for part in itertools.islice(message.iter_attachments(), MOST_FILES):
            content = part.get_payload(decode=True)
            size = (
                len(content) if isinstance(content, bytes) else len(part.as_bytes())
            )  # a mail within the mail
            found.append(AttachedFile(_visible(part.get_filename() or "") or "without a name", size))
    except (
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
    ):  # as above; what can be read of the mail is shown
        return found
    return found


def _visible(name: str) -> str:
    shown = name[:LONGEST_FILE_NAME]
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in shown)


def is_json(text: str) -> bool:
    """Say whether a text is a JSON document of more than one value."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return False
    return True


def in_lines(text: str) -> str:
    """Break a JSON document into lines without reading its numbers, so that no digit changes."""
    out: list[str] = []
    depth, opened = 0, False
    for mark in _TOKEN.findall(text):
        if mark in {"}", "]"}:
            depth -= 1
            out.append(mark if opened else f"\n{'  ' * depth}{mark}")
            opened = False
            continue
        if opened:
            out.append(f"\n{'  ' * depth}")
        opened = mark in {"{", "["}
        depth += opened
        out.append(f",\n{'  ' * depth}" if mark == "," else ": " if mark == ":" else mark)
    return "".join(out)


@dataclass(frozen=True, slots=True)
class Table:
    """A list of things that have the same names, as the far side sent it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(answer: Mapping[str, Any]) -> list[Table]:
    """Return what the far side said in lists of things, as tables."""
    return [_table(name, value) for name, value in answer.items() if _is_table(value)]


def facts(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write what else the far side said as pairs of a name and a value, however it is nested."""
    rows: list[tuple[str, str]] = []
    for name, value in answer.items():
        if not _is_table(value):
            _flatten(rows, name, value, 1)
    return rows


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and one for one in value)


def _table(title: str, things: list[dict[str, Any]]) -> Table:
    names = list(dict.fromkeys(name for one in things for name in one if one[name] not in (None, "", [], {})))
    columns = names[:MOST_COLUMNS]
    rows = [[_written(one[name]) if name in one else "" for name in columns] for one in things[:MOST_FACTS]]
    return Table(title, columns, rows)


def _flatten(rows: list[tuple[str, str]], name: str, value: Any, depth: int) -> None:
    if len(rows) >= MOST_FACTS:
        return
    if depth < DEEPEST and isinstance(value, dict) and value:
        for key, one in value.items():
            _flatten(rows, f"{name} · {key}", one, depth + 1)
    elif depth < DEEPEST and isinstance(value, list) and value:
        for number, one in enumerate(value, 1):
            _flatten(rows, f"{name} {number}", one, depth + 1)
    else:
        rows.append((name, _written(value)))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

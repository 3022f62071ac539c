"""Events as sentences: the parts say how theirs read and where their subjects lead, whatever else happened is named."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from recoup.office.journal.models import Event

LONGEST_SENTENCE = 300
LONGEST_VALUE = 200
A_TITLE = 3
"""``part/thing/id``: what follows the second stroke names the one thing."""

Lead = str | Callable[[str], str]


class Tells(Protocol):
    """What this needs of a part."""

    @property
    def events(self) -> Mapping[str, str]:
        """Kinds to sentences."""
        ...

    @property
    def leads(self) -> Mapping[str, Lead]:
        """Subjects to addresses."""
        ...


class Telling:
    """Writes events as sentences and finds where their subjects lead."""

    def __init__(self, parts: Iterable[Tells]) -> None:
        self._sentences: dict[str, str] = {}
        self._leads: dict[str, Lead] = {}
        for part in parts:
            self._sentences.update(part.events)
            self._leads.update(part.leads)

    def sentence(self, event: Event) -> str:
        """Return what happened; what no part has words for is told by its kind."""
        pattern = self._sentences.get(event.kind)
        if pattern is not None:
            part, thing, name = parts_of(event.subject)
            known = {"subject": event.subject, "part": part, "thing": thing, "name": name}
            try:
                text = _WRITER.vformat(pattern, (), _Texts(known | event.detail))
            except (KeyError, IndexError, ValueError):
                text = ""
            if text:
                return _cut(" ".join(text.split()), LONGEST_SENTENCE)
        _, _, what = event.kind.rpartition(".")
        return f"{(what or event.kind).replace('_', ' ').capitalize()}."

    def href(self, subject: str) -> str | None:
        """Return where a subject has a page."""
        part, thing, name = parts_of(subject)
        lead = self._leads.get(f"{part}/{thing}")
        if lead is None or not name:
            return None
        return lead(name) if callable(lead) else lead.format(quote(name, safe=""))


def parts_of(subject: str) -> tuple[str, str, str]:
    """Split ``part/thing/id``; an id may hold strokes of its own."""
    pieces = subject.split("/", 2)
    part, thing, name = (*pieces, "", "")[:A_TITLE]
    return part, thing, name


def title_of(subject: str) -> str:
    """Write a subject for a person: ``run 01985f3c…9a1b``, ``stream cdn/eu/gold``."""
    _, thing, name = parts_of(subject)
    short = f"{name[:8]}…{name[-4:]}" if _ID.fullmatch(name) else name
    return f"{thing} {short}".strip() or subject


def text_of(value: Any) -> str:
    """Write a detail for a person."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case list() | tuple():
            return ", ".join(map(text_of, value))
        case dict():
            return ", ".join(f"{name}: {text_of(each)}" for name, each in value.items())
    return str(value)


def who(actor: str) -> str:
    """Write who did it for a person: a name, what ran on time, or the process that worked."""
    how, colon, name = actor.partition(":")
    if not colon:
        return {"schedule": "the schedule"}.get(actor, actor)
    if "/" in how:  # host/place:process:start, see core/workers
        return "a worker"
    known = {"key": f"the key {name}", "token": f"{name}, by token", "command": f"{name}, by command"}
    return known.get(how, name) or actor


def spellings(name: str) -> list[str]:
    """Return how the journal may have written somebody who is asked for by name."""
    return [name, *(f"{how}:{name}" for how in ("session", "person", "token", "key", "command"))]


_ID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class _Texts(Mapping[str, str]):
    """Details as texts: a sentence can take nothing else out of them."""

    def __init__(self, detail: Mapping[str, Any]) -> None:
        self._detail = detail

    def __getitem__(self, name: str) -> str:
        return _cut(text_of(self._detail[name]), LONGEST_VALUE)

    def __iter__(self) -> Any:
        return iter(self._detail)

    def __len__(self) -> int:
        return len(self._detail)


_WRITER = string.Formatter()


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"

"""Reads the text of a file: JSON and nothing else, each value checked, a sentence for everything that is wrong."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from recoup.core.errors import Invalid
from recoup.office.setup.rules import layout

LARGEST = 100_000
MOST_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place of a file; an empty path is the file as a whole."""

    path: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Read:
    """What a file says: checked values by path, and everything that is wrong with it."""

    name: str
    values: Mapping[str, Any]
    problems: tuple[Problem, ...]


def decoded(content: bytes) -> str:
    """Return the text of an uploaded file; raise Invalid where it is too large, or no text."""
    if len(content) > LARGEST:
        raise Invalid(f"The file has {len(content):,} bytes; these files have {LARGEST:,} at most.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Invalid(f"The file is not text in UTF-8 (line {line}).", fix="Save it as UTF-8.") from None


def decoded_all(files: Iterable[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """Return the texts of files that somebody gave, by what they are called; raise Invalid where there is none."""
    texts = [(called, decoded(content)) for called, content in files]
    if not texts:
        raise Invalid("No file was given.", fix="Choose one, or paste its text.")
    return texts


def read(text: str, *, called: str = "") -> Read:
    """Read one file; ``called`` is its file name, where there is one. Raise Invalid where it is none of the three."""
    document = _document(text)
    name = layout.named(called) or layout.meant_by(document)
    if name is None:
        known = ", ".join(map(layout.file_name, layout.FILES))
        raise Invalid(f"This is none of {known}.", fix="Give it one of these names.")
    entries = {one.path: one for one in layout.FILES[name]}
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for path, value in _flat(document, {one.section for one in entries.values() if "." in one.path}):
        if path not in entries:
            problems.append(Problem(shown(path), _unknown(path, value, entries)))
            continue
        try:
            values[path] = entries[path].read(value)
        except Invalid as error:
            sentence = error.sentence()
            problems.append(Problem(path, f"{sentence[:1].upper()}{sentence[1:]}"))
    return Read(name, values, tuple(problems[:MOST_PROBLEMS]))


def read_all(files: Iterable[tuple[str, str]]) -> tuple[list[Read], tuple[Problem, ...]]:
    """Read files by what they are called; what cannot be read at all is a problem under that name."""
    reads, problems = [], []
    for called, text in files:
        try:
            reads.append(read(text, called=called))
        except Invalid as error:
            problems.append(Problem(shown(called) or "what was pasted", error.sentence()))
    return reads, tuple(problems)


def shown(text: str) -> str:
    """Write what stands in a file so that a line of a page or a terminal can hold it."""
    visible = "".join(char if char.isprintable() else "�" for char in text)
    return visible if len(visible) <= 80 else f"{visible[:79]}…"  # noqa: PLR2004 - one line of a page


def _document(text: str) -> Mapping[str, Any]:
    if len(text) > LARGEST:
        raise Invalid(f"The text has {len(text):,} characters; these files have {LARGEST:,} at most.")
    try:
        found = json.loads(text, parse_float=_exact, parse_constant=_no_number, object_pairs_hook=_each_once)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Invalid(f"This is not JSON ({where}): {error.msg}.", fix="Mend it there.") from None
    except RecursionError:
        raise Invalid("This is nested too deeply to be one of the files.") from None
    except ValueError:  # Python reads no whole number of more than 4,300 digits
        raise Invalid("A number in it is too long.") from None
    if not isinstance(found, dict):
        raise Invalid("The file must be one object in braces { }.")
    return found


def _flat(document: Mapping[str, Any], sections: set[str]) -> Iterator[tuple[str, Any]]:
    """Yield each value by its path; a section that is no object is yielded as what it is."""
    for name, value in document.items():
        if name in sections and isinstance(value, dict):
            yield from ((f"{name}.{key}", each) for key, each in value.items())
        else:
            yield name, value


def _unknown(path: str, value: Any, entries: Mapping[str, layout.Entry]) -> str:
    if any(one.startswith(f"{path}.") for one in entries) and not isinstance(value, dict):
        return "This must be an object in braces { }."
    near = difflib.get_close_matches(path, list(entries), n=1, cutoff=0.6)
    return "This is not known here." + (f" Is {near[0]} meant?" if near else " Take it out.")


def _exact(text: str) -> Decimal:
    found = Decimal(text)
    if not found.is_finite() or len(text) > 60 or abs(found.adjusted()) > 60:  # noqa: PLR2004 - no sum is longer
        raise Invalid(f"{shown(text)} is not a number that can be kept.")
    return found


def _no_number(text: str) -> Any:
    raise Invalid(f"{text} is not a number in JSON.", fix="Write digits.")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Invalid(f"{shown(name)!r} stands twice in one object.", fix="Keep one of the two.")
        found[name] = value
    return found

"""Where settings are read from: the process environment, KEY=VALUE files, NAME_FILE secrets, and recoup.toml."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

LIMIT_BYTES = 1_000_000
"""No settings file, and no file behind a NAME_FILE, is larger than this."""

ENV_FILES = (".env", "config.env")
"""Read in the working directory, the stronger first."""

CONFIG = "RECOUP_CONFIG"
"""Names another file than recoup.toml."""

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)")
_QUOTED = re.compile(r"""\s*(?:'([^']*)'|"((?:[^"\\]|\\.)*)")\s*(?:(?<=\s)#.*)?""")
_ESCAPE = re.compile(r'\\(["\\$`])')
_COMMENT = re.compile(r"\s#.*")


class SettingsError(ValueError):
    """What is set cannot be used: ``detail`` says what and where, ``fix`` what to do about it."""

    def __init__(self, detail: str, *, fix: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the place it stands: ``environment (NAME)`` or ``config.env line 4``."""

    text: str = field(repr=False)  # may be a secret
    origin: str


class Layers:
    """The environment and the KEY=VALUE files, the strongest first. An empty value is as good as none."""

    def __init__(self, cwd: Path, environ: Mapping[str, str]) -> None:
        """Read the files in ``cwd``; raise SettingsError for one that cannot be read."""
        self._cwd = cwd
        process = {name: Found(text, f"environment ({name})") for name, text in environ.items()}
        layers = [process, *(_read_env_file(cwd / name) for name in ENV_FILES)]
        self._layers = [{name: found for name, found in each.items() if found.text} for each in layers]

    def find(self, names: Sequence[str]) -> Found | None:
        """Return the value in the strongest layer that has one; within a layer the earlier name wins."""
        for layer in self._layers:
            for name in names:
                if (found := self._in_layer(layer, name)) and found.text:
                    return found
        return None

    def family(self, pattern: re.Pattern[str]) -> list[dict[str, Found]]:
        """Gather names that match: group 1 numbers and orders the tables, group 2 is the key, in lower case."""
        names = {name for layer in self._layers for name in layer}
        names |= {name.removesuffix("_FILE") for name in names}
        tables: dict[tuple[int, str], dict[str, Found]] = {}
        for match in filter(None, map(pattern.fullmatch, sorted(names))):
            if found := self.find([match[0]]):
                tables.setdefault((int(match[1]), match[1]), {})[match[2].lower()] = found
        return [tables[number] for number in sorted(tables)]

    def strangers(self, prefix: str, known: Iterable[str]) -> Iterator[str]:
        """Yield a sentence for each name that starts with ``prefix`` and is none of ``known``."""
        known = {CONFIG, *known}
        for layer in self._layers:
            for name, found in layer.items():
                if name.startswith(prefix) and not {name, name.removesuffix("_FILE")} & known:
                    near = did_you_mean(name, known, likeness=0.85)  # the prefix alone makes any two alike
                    yield f"{name}, set in {found.origin}, is no setting{near}."

    def _in_layer(self, layer: Mapping[str, Found], name: str) -> Found | None:
        value, pointer = layer.get(name), layer.get(f"{name}_FILE")
        if pointer is None:
            return value
        if value is not None:
            raise SettingsError(
                f"Both {name} ({value.origin}) and {name}_FILE ({pointer.origin}) are set.",
                fix="Keep one of the two.",
            )
        text = _read(self._cwd / pointer.text, asked_by=f"{name}_FILE ({pointer.origin})", needed=True)
        return Found(text.removesuffix("\n").removesuffix("\r"), pointer.origin)


def read_toml(cwd: Path, named: Found | None) -> tuple[str, dict[str, Any]]:
    """Return the name and content of recoup.toml, or of the file that RECOUP_CONFIG names; numbers stay exact.

    Raise SettingsError when the named file is not there, or when it is not TOML.
    """
    name = named.text if named else "recoup.toml"
    asked_by = f"{CONFIG} ({named.origin})" if named else None
    text = _read(cwd / name, asked_by=asked_by, needed=named is not None)
    try:
        return name, tomllib.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise SettingsError(f"{name} is not TOML: {error}.") from None


def parse_env(text: str, *, name: str) -> dict[str, Found]:
    r"""Read lines of ``[export ]KEY=VALUE``; the last line for a key wins, as in a shell.

    In single quotes everything stands for itself; in double quotes ``\"``, ``\\``, ``\$`` and a backslash
    before a backquote stand for the second sign, as a shell reads them. Nothing is interpolated. A ``#`` starts a
    comment at the beginning of a line and after a blank outside quotes. A line that is none of this raises
    SettingsError with its number, and without its text, which may be a secret.
    """
    found: dict[str, Found] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        value = _value(match[2]) if match else None
        if match is None or value is None:
            why = "has a quote that does not close at the end of its value" if match else "is not KEY=VALUE"
            raise SettingsError(
                f"{name} line {number} {why}.",
                fix="Write KEY=VALUE, with quotes round a value that has blanks or #; "
                "a value of several lines goes into a file of its own that KEY_FILE names.",
            )
        found[match[1]] = Found(value, f"{name} line {number}")
    return found


def did_you_mean(name: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """Return the words that suggest the nearest known name, or nothing where none is near."""
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=likeness)
    return f" (did you mean {near[0]}?)" if near else ""


def _value(raw: str) -> str | None:
    if not raw.lstrip().startswith(("'", '"')):
        return _COMMENT.sub("", raw, count=1).strip()
    match = _QUOTED.fullmatch(raw)
    if match is None:
        return None
    return match[1] if match[1] is not None else _ESCAPE.sub(r"\1", match[2])


def _read_env_file(path: Path) -> dict[str, Found]:
    return parse_env(_read(path, asked_by=None, needed=False), name=path.name)


def _read(path: Path, *, asked_by: str | None, needed: bool) -> str:
    """Return a file's text, or nothing where it is missing and not ``needed``."""
    where = f"{path}, which {asked_by} names," if asked_by else str(path)
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT_BYTES + 1)
        if len(content) > LIMIT_BYTES:
            raise SettingsError(f"{where} is larger than {LIMIT_BYTES} bytes.")
        if b"\0" in content:  # UTF-16, or no text at all
            raise SettingsError(f"{where} is not UTF-8 text.")
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        if needed:
            raise SettingsError(f"{where} is not there.") from None
        return ""
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{where} is not UTF-8 text (line {line}).") from None
    except OSError as error:
        raise SettingsError(f"{where} cannot be read: {error.strerror}.") from None

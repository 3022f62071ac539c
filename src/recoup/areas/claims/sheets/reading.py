"""Reading a sheet of policies from outside: a child is started, watched, and what it found is read back."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from recoup.areas.claims.rules.policies import PolicyRow, Rejected
from recoup.areas.claims.sheets.child import END, LARGEST, LIMITS, TOO_MUCH_MEMORY, Head, Refused
from recoup.core.errors import Invalid, RecoupError, TooLarge, Unavailable

COMMAND = (sys.executable, "-m", "recoup.areas.claims.sheets.child")
FOLDER = "incoming"
PORTION = 1 << 18
_KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
)
_SIMPLER = "Save the sheet as CSV (UTF-8), without what is not needed."
_REFUSALS: dict[str, type[RecoupError]] = {one.__name__: one for one in (Invalid, TooLarge)}
_head: msgspec.json.Decoder[Head | Refused] = msgspec.json.Decoder(Head | Refused)
_policy = msgspec.json.Decoder(PolicyRow)
_rejected = msgspec.json.Decoder(Rejected)


@dataclass(frozen=True, slots=True)
class Reading:
    """A sheet that was read; it can be used while its context lasts. ``sha256`` is of the file as it came."""

    name: str
    sha256: str
    head: Head
    _found: BinaryIO

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what of the file was read, and what was not."""
        return self.head.notes

    @property
    def header(self) -> tuple[str, ...]:
        """The titles of its columns."""
        return self.head.header

    @property
    def has_sum_insured(self) -> bool:
        """Whether it has that column."""
        return "sum_insured" in self.head.columns

    @property
    def rows(self) -> int:
        """How many lines it has below its titles."""
        return self.head.policies + self.head.rejected

    def policies(self) -> Iterator[PolicyRow]:
        """Yield every policy, in the order of the lines."""
        return map(_policy.decode, self._lines(0, self.head.policies))

    def rejected(self) -> Iterator[Rejected]:
        """Yield every line that is none, in their order."""
        return map(_rejected.decode, self._lines(self.head.policies, self.head.rejected))

    def _lines(self, after: int, count: int) -> Iterator[bytes]:
        self._found.seek(0)
        for _ in range(1 + after):
            self._found.readline()
        for _ in range(count):
            yield self._found.readline()


@contextmanager
def read(home: Path, source: BinaryIO, *, name: str, currency: str) -> Iterator[Reading]:
    """Read a sheet from a file that lies on disk; ``currency`` is that of lines which name none.

    Raise Invalid or TooLarge with a sentence for what is no sheet of policies, Unavailable where reading could not be
    begun. It takes a minute at most; a sheet of a few thousand lines takes a second.
    """
    folder = home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    source.seek(0, os.SEEK_END)
    if source.tell() > LARGEST:
        raise TooLarge(
            f"{name} is larger than {LARGEST // (1 << 20)} MB.", fix="Bring it in as several files."
        )
    source.seek(0)
    sha256 = _sha256(source)
    source.seek(0)
    with tempfile.TemporaryFile(dir=folder) as found:
        _run(source, found, currency=currency, name=name)
        yield Reading(name, sha256, _first(found, name), found)


def _sha256(source: BinaryIO) -> str:
    total = hashlib.sha256()
    while portion := source.read(PORTION):
        total.update(portion)
    return total.hexdigest()


def _run(source: BinaryIO, found: BinaryIO, *, currency: str, name: str) -> None:
    request = msgspec.json.encode({"currency": currency}).decode()
    try:
        # What it can see of us is what it reads: no settings, no secrets, and nobody's terminal.
        ended = subprocess.run(  # noqa: S603 - our own program; what is read goes in by descriptor
            [*COMMAND, request],
            stdin=source,
            stdout=found,
            stderr=subprocess.DEVNULL,
            env={kept: os.environ[kept] for kept in _KEPT if kept in os.environ},
            timeout=LIMITS.clock,
            start_new_session=True,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        raise Invalid(f"{name} took too long to read.", fix=_SIMPLER) from None
    except OSError as error:
        raise Unavailable(
            f"No process could be started to read {name}: {error.strerror}.", fix="Try again."
        ) from None
    if ended == 0:
        return
    if ended in {TOO_MUCH_MEMORY, -signal.SIGABRT, -signal.SIGKILL}:  # what runs out of memory in Rust aborts
        raise Invalid(f"{name} needs too much memory to be read.", fix=_SIMPLER)
    if ended in {-signal.SIGXCPU, -signal.SIGALRM}:
        raise Invalid(f"{name} took too long to read.", fix=_SIMPLER)
    raise Invalid(f"{name} cannot be read: it is damaged, or made in an unusual way.", fix=_SIMPLER)


def _first(found: BinaryIO, name: str) -> Head:
    found.seek(-len(END), os.SEEK_END)
    is_whole = found.read() == END
    found.seek(0)
    said = _head.decode(found.readline()) if is_whole else None
    if isinstance(said, Refused):
        raise _REFUSALS.get(said.kind, Invalid)(said.detail, fix=said.fix)
    if said is None:
        raise Invalid(f"{name} cannot be read: it is damaged, or made in an unusual way.", fix=_SIMPLER)
    return said

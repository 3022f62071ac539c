"""What the Clazar stand-in has accepted: its ledger, in memory and, when asked for, in a file that only grows."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from recoup.core import clock

Key = tuple[str, str, datetime]
"""Contract, dimension, and the clock hour in which the record starts: only one record may have it."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """One record that will be billed; ``quantity`` is the text that was sent, ``at`` when it was accepted."""

    id: str
    cloud: str
    contract_id: str
    dimension: str
    start_time: datetime
    end_time: datetime
    quantity: str
    custom_properties: Mapping[str, Any]
    at: datetime

    @property
    def key(self) -> Key:
        """What makes a second record a duplicate."""
        return self.contract_id, self.dimension, clock.hour_of(self.start_time)

    def to_line(self) -> bytes:
        """Write as one line of JSON."""
        times = {name: clock.to_text(getattr(self, name)) for name in ("start_time", "end_time", "at")}
        return json.dumps(asdict(self) | times).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Read one line; raise ValueError on half a line."""
        fields = json.loads(line)
        for name in ("start_time", "end_time", "at"):
            fields[name] = clock.parse_instant(fields[name])
        return cls(**fields)


class Ledger:
    """Accepted records, at most one per key. The caller holds a lock around ``has`` and ``add``."""

    def __init__(self, file: Path | None = None) -> None:
        self._rows = read_ledger(file) if file and file.exists() else []
        self._keys = {row.key for row in self._rows}
        # Each line goes out in one write to a file opened for appending: a process that dies loses no earlier line.
        self._out = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if file else None
        if self._out is not None and file and (torn := _torn_bytes(file)):
            os.ftruncate(self._out, os.fstat(self._out).st_size - torn)

    def has(self, key: Key) -> bool:
        """Say whether a record with that key was accepted."""
        return key in self._keys

    def add(self, row: Accepted) -> None:
        """Keep an accepted record."""
        if self._out is not None:
            os.write(self._out, row.to_line())
        self._keys.add(row.key)
        self._rows.append(row)

    def rows(self) -> list[Accepted]:
        """Return every accepted record, oldest first."""
        return list(self._rows)

    def close(self) -> None:
        """Close the file."""
        if self._out is not None:
            os.close(self._out)
            self._out = None


def read_ledger(file: Path) -> list[Accepted]:
    """Read a ledger file, also while a stand-in writes to it: half a line at its end is left out."""
    return [
        Accepted.from_line(line)
        for line in file.read_bytes().splitlines(keepends=True)
        if line.endswith(b"\n")
    ]


def _torn_bytes(file: Path) -> int:
    body = file.read_bytes()
    return len(body) - (body.rfind(b"\n") + 1)

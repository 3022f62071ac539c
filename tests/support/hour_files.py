"""Hour files as tests make them up: records of all sorts, in every form that the producer writes, whole or cut."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from hypothesis import strategies as st

from recoup.core.clock import to_text
from recoup.sandbox.usage import put

PREFIX = "omnistrate-metering"
MARKER = f"{PREFIX}/last_success_export.json"
FORMS = ("json", "ndjson", "json.gz", "ndjson.gz")


@dataclass(frozen=True, slots=True)
class Usage:
    """One record. ``value`` and ``price`` are JSON as written; ``payer`` None is left out."""

    payer: str | None = "alice"
    dimension: str = "cpu_core_hours"
    value: str = "1"
    price: str | None = None
    subscription: str = "sub-1"
    pod: str = "pod-0"

    def text(self) -> str:
        """Return the record as JSON."""
        fields = {
            "timestamp": "2025-07-24T22:02:40Z",
            "subscriptionId": self.subscription,
            "externalPayerId": self.payer,
            "instanceId": "instance-1",
            "podName": self.pod,
            "hostName": "host-1",
            "dimension": self.dimension,
        }
        if self.payer is None:
            del fields["externalPayerId"]
        price = "" if self.price is None else f',"pricePerUnit":{self.price}'
        return f'{json.dumps(fields)[:-1]},"value":{self.value}{price}}}'


BAD = (
    "null",
    '"a record was here"',
    '{"externalPayerId":"alice","dimension":"cpu_core_hours","value":"7"}',
    '{"externalPayerId":"alice","dimension":"cpu_core_hours","value":-1.5}',
    '{"externalPayerId":"alice","dimension":"cpu_core_hours","value":1e400}',
    '{"externalPayerId":"alice","dimension":"cpu_core_hours"}',
    '{"externalPayerId":"alice","value":2.25}',
    '{"externalPayerId":"alice","dimension":"cpu_core_hours","value":1e-19}',
)
"""Records that nobody can use; two of them have a value that can be read."""

VALUES = (
    "0",
    "1",
    "2.5",
    "0.000000000000000001",
    "0.999999999999999999",
    "1e3",
    "2.50E-1",
    "10737418240",
    "123456789012345678901234567890",
)


def usages(payers: Iterable[str | None], dimensions: Iterable[str]) -> st.SearchStrategy[Usage]:
    """Draw records: few names, so that repeats happen; exact numbers, so that a lost digit shows."""
    plain = st.decimals(min_value=0, max_value=50, places=3).map(lambda value: format(value, "f"))
    return st.builds(
        Usage,
        payer=st.sampled_from(list(payers)),
        dimension=st.sampled_from(list(dimensions)),
        value=st.sampled_from(VALUES) | plain,
        price=st.sampled_from((None, "0.05", "0.333")),
        subscription=st.sampled_from(("sub-1", "sub-2")),
        pod=st.sampled_from(("pod-0", "pod-1")),
    )


def body(records: Iterable[Usage | str], form: str = "json") -> bytes:
    """Write records as one file of a form."""
    texts = [record if isinstance(record, str) else record.text() for record in records]
    text = "".join(f"{one}\n" for one in texts) if "ndjson" in form else "[" + ",\n ".join(texts) + "]\n"
    return gzip.compress(text.encode(), mtime=0) if form.endswith("gz") else text.encode()


def cut(whole: bytes) -> bytes:
    """Return the first half of a file, in no case one that could pass for whole."""
    half = len(whole) // 2
    while whole[half - 1 : half] in b"\n}":
        half += 1
    return whole[:half]


@dataclass
class Producer:
    """The producer's bucket as a folder, and what a test did to the files in it.

    ``cut_files`` holds the whole bodies of those that are cut, ``aside`` those that vanished (they come back as they
    were: same bytes, same ETag).
    """

    root: Path
    cut_files: dict[str, bytes] = field(default_factory=dict)
    aside: dict[str, Path] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    def key(self, stream: str, hour: datetime, name: str, form: str = "json") -> str:
        """Return where a file of a stream's hour lies."""
        return f"{self._folder(stream, hour)}/{name}.{form}"

    def write(self, key: str, content: bytes, *, broken: bool = False) -> None:
        """Write a file, or only its first half."""
        self.aside.pop(key, None)
        self.cut_files.pop(key, None)
        if broken:
            self.cut_files[key] = content
        put(self.root, key, cut(content) if broken else content, media_type="application/json")

    def read(self, key: str) -> bytes:
        """Return a file as it is."""
        return (self.root / key).read_bytes()

    def mend(self, key: str) -> None:
        """Write the whole file where half of it was."""
        self.write(key, self.cut_files[key])

    def vanish(self, key: str) -> None:
        """Take a file away."""
        hidden = self.root / f".aside-{next(self._numbers)}"
        (self.root / key).replace(hidden)
        self.aside[key] = hidden

    def come_back(self, key: str) -> None:
        """Put a file back that was taken away."""
        self.aside.pop(key).replace(self.root / key)

    def present(self) -> list[str]:
        """Return every hour file that is there."""
        return sorted(str(path.relative_to(self.root)) for path in self._paths())

    def hour(self, stream: str, hour: datetime) -> dict[str, bytes]:
        """Return the files of one hour."""
        folder = self.root / self._folder(stream, hour)
        if not folder.is_dir():
            return {}
        return {str(path.relative_to(self.root)): path.read_bytes() for path in sorted(folder.iterdir())}

    def mark(self, to: dict[str, datetime]) -> None:
        """Write the marker: everything up to these instants is there."""
        marks = {stream: {"last_processed_to": to_text(instant)} for stream, instant in to.items()}
        self.write_marker(json.dumps(marks).encode())

    def write_marker(self, content: bytes) -> None:
        """Write the marker, whatever it says."""
        put(self.root, MARKER, content, media_type="application/json")

    def marked(self) -> dict[str, datetime] | None:
        """Return what the marker says; None where it is missing. Raise ValueError where it is garbled."""
        try:
            marks = json.loads((self.root / MARKER).read_bytes())
        except FileNotFoundError:
            return None
        return {name: datetime.fromisoformat(one["last_processed_to"]) for name, one in marks.items()}

    def unmark(self) -> None:
        """Remove the marker."""
        (self.root / MARKER).unlink(missing_ok=True)

    def _paths(self) -> Iterator[Path]:
        folder = self.root / PREFIX
        return (path for path in folder.rglob("*") if path.is_file() and path.name != Path(MARKER).name)

    @staticmethod
    def _folder(stream: str, hour: datetime) -> str:
        return f"{PREFIX}/{stream.replace(':', '/')}/{hour:%Y/%m/%d/%H}"


def end_of(hour: datetime) -> datetime:
    """Return the last second of an hour, as the marker names it."""
    return hour + timedelta(minutes=59, seconds=59)

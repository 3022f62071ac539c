"""Usage files made of any records in any way of writing JSON, and what they come to, reckoned record by record."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import BinaryIO

from hypothesis import strategies as st

from recoup.areas.metering.reading.results import FileReading, FileRef, Limits
from recoup.areas.metering.reading.units import read_unit, read_window
from recoup.core.errors import Changed, NotFound

Tokens = Mapping[str, str]
"""A record: its fields, each as the JSON text of its value."""


class TextStore:
    """Objects in memory, given out a few bytes at a time if need be; only what reading asks of a store."""

    name = "memory"

    def __init__(self, objects: Mapping[str, bytes], *, dribble: int = 1 << 20) -> None:
        self.objects = dict(objects)
        self.dribble = dribble
        self.opened: list[str] = []

    def refs(self) -> list[FileRef]:
        """Return what a listing would say."""
        return [FileRef(key, _etag(body), len(body)) for key, body in self.objects.items()]

    @contextmanager
    def open(self, key: str, *, if_match: str | None = None) -> Iterator[BinaryIO]:
        if key not in self.objects:
            raise NotFound(f"There is no {key}.")
        self.opened.append(key)
        body = self.objects[key]
        if if_match not in {None, _etag(body)}:
            raise Changed(f"{key} has changed.")
        yield _Dribble(body, self.dribble)  # type: ignore[misc]


class _Dribble(io.BytesIO):
    def __init__(self, body: bytes, most: int) -> None:
        super().__init__(body)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size, self._most) if size and size > 0 else self._most)


def _etag(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


def read_all(store: TextStore, *, fold: bool = True, limits: Limits | None = None) -> list[FileReading]:
    """Read every file of a store as one window, in this process."""
    limits = limits or Limits()
    return read_window(
        store.refs(),
        lambda units: [read_unit(store, unit, fold=fold, limits=limits) for unit in units],  # type: ignore[arg-type]
        fold=fold,
    )


# ---------------------------------------------------------------- ways of writing


def written(records: Sequence[Tokens], *, style: str = "array", extra: str = "") -> bytes:
    """Write records in one of the ways a producer may; ``extra`` goes into each, as JSON members."""
    objects = [_object(record, extra, spaced=style in {"spaced", "crlf"}) for record in records]
    match style:
        case "array":
            return f"[{','.join(objects)}]".encode()
        case "spaced":
            return ("\n [\r\n  " + "\t,\n  ".join(objects) + "\n]\n\n").encode()
        case "lines":
            return "".join(f"{one}\n" for one in objects).encode() or b"[]"
        case "unended":
            return "\n".join(objects).encode() or b"[]"
        case "crlf":
            return ("\r\n \r\n".join(objects) + "\r\n").encode() if objects else b"[]"
        case _:
            raise ValueError(style)


STYLES = ("array", "spaced", "lines", "unended", "crlf")


def _object(record: Tokens, extra: str, *, spaced: bool) -> str:
    members = [f'"{name}":{" " if spaced else ""}{token}' for name, token in record.items()]
    # A field that occurs twice must not stand in for one that the record leaves out.
    if extra and ('"value"' not in extra or {"value", "dimension"} <= record.keys()):
        members.insert(0, extra)
    return "{" + (" , " if spaced else ",").join(members) + "}"


# ---------------------------------------------------------------- strategies

_digits = st.integers(min_value=0, max_value=10**30 - 1)
good_values = st.one_of(
    st.integers(min_value=0, max_value=10**13).map(str),
    st.decimals(min_value=0, max_value=10**7, places=6).map(str),
    st.builds(
        "{}.{}".format, st.integers(min_value=0, max_value=999), st.from_regex(r"[0-9]{1,18}", fullmatch=True)
    ),
    _digits.map(str),
    st.builds("{}.{:018d}".format, _digits, st.integers(min_value=0, max_value=10**18 - 1)),
    st.builds(
        "{}e{}".format, st.integers(min_value=0, max_value=99), st.integers(min_value=-18, max_value=28)
    ),
    st.sampled_from(["0", "-0", "-0.0", "0e7", "1.50", "1E+2", "2", "5e-1", "1.0000000000000000000000"]),
)
bad_values = st.sampled_from(
    [
        "-1",
        "-0.5",
        '"1.5"',
        '"NaN"',
        "null",
        "true",
        "false",
        "[1]",
        '{"value":1}',
        "1e30",
        "1e-19",
        "1e400",
        "-1e400",
        "9" * 31,
        "0." + "0" * 18 + "1",
        "1e99999999999",
        "0e-99999999999999999999",
        "1e" + "0" * 200 + "1",
        "7" * 5000,
        "1." + "3" * 5000,
    ]
)
prices = st.sampled_from(["0.05", "0.050", "1", "2e-3", "0", "null", '"0.05"', "-1", "1e12", "[]"])
names = ("externalPayerId", "subscriptionId", "instanceId", "podName", "hostName")
_odd_names = {
    "externalPayerId": ['""', '"  "', "null", "7", '"a\\u0000"', '"' + "x" * 201 + '"'],
    "subscriptionId": ["null", '""', "[]"],
    "instanceId": ["null", "5"],
    "podName": ["null"],
    "hostName": ["null", '"\\u00e9\\n"'],
    "dimension": ["null", '""', "3", '"\\u0007"', '"' + "d" * 201 + '"', '"own_dimension"'],
}


@st.composite
def records(draw: Callable[..., str], *, clean: bool = False) -> dict[str, str]:
    """Make one record of a small world, so that repeats are common; ``clean``: usable, with a contract."""
    fields: dict[str, str] = {}
    for name in names:
        usual = st.sampled_from([f'"{name[0]}1"', f'"{name[0]}2"'])
        odd = st.sampled_from(_odd_names[name])
        if clean or draw(st.integers(min_value=0, max_value=9)):
            fields[name] = draw(usual)
        elif draw(st.booleans()):
            fields[name] = draw(odd)
    usual_dimensions = st.sampled_from(['"cpu_core_hours"', '"replica_hours"'])
    odd = clean or draw(st.integers(min_value=0, max_value=19))
    fields["dimension"] = draw(usual_dimensions if odd else st.sampled_from(_odd_names["dimension"]))
    odd = clean or draw(st.integers(min_value=0, max_value=9))
    fields["value"] = draw(good_values if odd else bad_values)
    if draw(st.booleans()):
        fields["pricePerUnit"] = draw(prices)
    if not clean and not draw(st.integers(min_value=0, max_value=29)):
        del fields[draw(st.sampled_from(["dimension", "value"]))]
    return fields


extras = st.sampled_from(
    [
        "",
        '"timestamp":"2025-11-14T22:02:40Z"',
        '"note":"}, {\\"value\\": 3},"',
        '"labels":{"a":[{"b":1},{"c":"],["}],"d":{}}',
        '"organizationName":"M\u00fcller \U0001f600 \\\\","x":[{},{"value":-1}]',
        '"value":"twice","dimension":5',  # what comes later in the record counts
    ]
)

# ---------------------------------------------------------------- what they come to


@dataclass
class Sum:
    """What a part must say."""

    quantity: Fraction = Fraction(0)
    records: int = 0
    amount: Fraction = Fraction(0)
    unpriced: Fraction = Fraction(0)
    folded_records: int = 0
    folded_quantity: Fraction = Fraction(0)


@dataclass
class Expected:
    """What a set of files must come to: parts by file and part, and the quarantined by file."""

    parts: dict[tuple[str, str | None, str, str], Sum] = field(default_factory=dict)
    quarantined: dict[str, list[tuple[int, Fraction | None]]] = field(default_factory=dict)


def expected(files: Mapping[str, Sequence[Tokens]], *, fold: bool = True) -> Expected:
    """Reckon with fractions, one record after the other."""
    result = Expected()
    groups: dict[tuple[object, ...], list[tuple[str, Fraction, Fraction | None]]] = {}
    serial = 0
    for key in sorted(files):
        for index, record in enumerate(files[key]):
            value = _number(record.get("value", ""), 30)
            judged = _judged(record)
            if judged is None or value is None or value < 0:
                result.quarantined.setdefault(key, []).append((index, value))
                continue
            serial += 1
            price = _number(record.get("pricePerUnit", ""), 12)
            price = None if price is None or price < 0 else price
            what = judged if fold else (*judged[:3], serial)
            groups.setdefault(what, []).append((key, value, price))
    for what, found in groups.items():
        best = max(
            range(len(found)), key=lambda i: (found[i][1], -1 if found[i][2] is None else found[i][2], -i)
        )
        for i, (key, value, price) in enumerate(found):
            part = result.parts.setdefault((key, *what[:3]), Sum())  # type: ignore[arg-type]
            if i != best:
                part.folded_records += 1
                part.folded_quantity += value
                continue
            part.records += 1
            part.quantity += value
            if price is None:
                part.unpriced += value
            else:
                part.amount += value * price
    return result


def _judged(record: Tokens) -> tuple[object, ...] | None:
    texts = {}
    for name in (*names, "dimension"):
        texts[name] = json.loads(record.get(name, "null"))
        if not isinstance(texts[name], str | None):
            return None
    for name in ("externalPayerId", "subscriptionId", "dimension"):
        text = texts[name] or ""
        if len(text) > 200 or any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in text):
            return None
    if not texts["dimension"]:
        return None
    payer = texts["externalPayerId"]
    contract = payer if payer and payer.strip() else None
    return (
        contract,
        texts["subscriptionId"] or "",
        texts["dimension"],
        *(texts[name] for name in ("instanceId", "podName", "hostName")),
    )


_NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?")


def _number(token: str, integer_digits: int) -> Fraction | None:
    found = _NUMBER.fullmatch(token)
    if not found or len(token) > 200 or abs(int(found[4] or 0)) > 1000:
        return None
    value = Fraction(int(found[2] + (found[3] or "")), 10 ** len(found[3] or ""))
    value *= Fraction(10) ** int(found[4] or 0)
    if value >= 10**integer_digits or (value * 10**18).denominator != 1:
        return None
    return -value if found[1] else value


def as_expected(readings: Sequence[FileReading]) -> Expected:
    """Put what was read into the same shape."""
    result = Expected()
    for reading in readings:
        for part in reading.parts:
            result.parts[reading.key, part.contract, part.subscription, part.dimension] = Sum(
                Fraction(part.quantity),
                part.records,
                Fraction(part.amount),
                Fraction(part.unpriced),
                part.folded_records,
                Fraction(part.folded_quantity),
            )
        if reading.quarantined:
            result.quarantined[reading.key] = [
                (bad.index, _fraction(bad.value)) for bad in reading.quarantined
            ]
    return result


def _fraction(value: Decimal | None) -> Fraction | None:
    return None if value is None else Fraction(value)


def zipped(body: bytes, *, members: int = 1) -> bytes:
    """Compress, as so many members one after the other."""
    step = -(-len(body) // members) or 1
    return b"".join(gzip.compress(body[i : i + step], 1, mtime=0) for i in range(0, len(body), step))

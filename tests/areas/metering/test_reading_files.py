"""Files: the version that was listed and all of it, within bounds; a damaged one never gives half a result."""

from __future__ import annotations

import gzip
import json
import pickle
import random
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.areas.metering.reading.files import MalformedFile
from recoup.areas.metering.reading.results import FileReading, Limits
from recoup.areas.metering.reading.units import read_unit
from recoup.core.errors import Changed, NotFound, Unavailable
from support.usage_texts import STYLES, TextStore, expected, extras, read_all, records, written, zipped

RECORD = b'{"externalPayerId":"c","dimension":"d","value":1.5,"podName":"%d"}'
FILE = b"[" + b",".join(RECORD % pod for pod in range(100)) + b"]"


def _total(readings: list[FileReading]) -> Decimal:
    return sum((part.quantity for reading in readings for part in reading.parts), Decimal(0))


@pytest.mark.parametrize("chunk", [1, 100, 1 << 16])
@pytest.mark.parametrize("key", ["k.json", "k.json.gz"])
@pytest.mark.parametrize("members", [0, 1, 2, 50])
def test_gzip_is_known_by_its_bytes_and_may_have_members(key: str, members: int, chunk: int) -> None:
    body = zipped(FILE, members=members) if members else FILE
    assert _total(read_all(TextStore({key: body}), limits=Limits(chunk=chunk))) == 150


@pytest.mark.parametrize("chunk", [1, 64, 1 << 16])
@pytest.mark.parametrize("members", [1, 3])
def test_gzip_cut_anywhere_is_refused(members: int, chunk: int) -> None:
    body = zipped(FILE, members=members)
    for length in range(0, len(body), 1 if chunk > 1 else 17):
        with pytest.raises(MalformedFile):
            read_all(TextStore({"k": body[:length]}), limits=Limits(chunk=chunk))


@pytest.mark.parametrize("rest", [b"\0", b"x", b"\x1f", FILE, b"]"])
def test_nothing_may_follow_gzip_data(rest: bytes) -> None:
    with pytest.raises(MalformedFile, match="gzip data"):
        read_all(TextStore({"k": zipped(FILE) + rest}))


def test_a_damaged_checksum_is_refused() -> None:
    body = bytearray(gzip.compress(FILE, mtime=0))
    body[-6] ^= 1
    with pytest.raises(MalformedFile, match="its gzip data is damaged"):
        read_all(TextStore({"k": bytes(body)}))


def test_a_full_block_with_more_behind_it_is_not_taken_for_the_end() -> None:
    """Where what is unpacked fills the buffer exactly as the input ends, the rest is still inside zlib."""
    spaces = b"[" + b" " * 1_000_000 + RECORD % 1 + b"]"
    for chunk in (999, 1_000, 1_001, 4_096):
        assert _total(
            read_all(TextStore({"k": gzip.compress(spaces)}), limits=Limits(chunk=chunk))
        ) == Decimal("1.5")


def test_another_version_is_not_read() -> None:
    store: Any = TextStore({"k": FILE})
    (listed,) = store.refs()
    store.objects["k"] = FILE.replace(b"1.5", b"1.6")
    with pytest.raises(Changed):
        read_unit(store, (listed,))
    del store.objects["k"]
    with pytest.raises(NotFound):
        read_unit(store, (listed,))


@pytest.mark.parametrize("difference", [-1, 1])
def test_fewer_or_more_bytes_than_listed_are_not_aggregated(difference: int) -> None:
    store: Any = TextStore({"k": FILE})
    (listed,) = store.refs()
    with pytest.raises(
        Unavailable, match=f"gave {len(FILE)} bytes where {len(FILE) + difference} were listed"
    ):
        read_unit(store, (replace(listed, size=len(FILE) + difference),))


LONG = {
    "a string": lambda room: b'"' + b"},{" * (room // 3) + b"x" * (room % 3 - 2 + 3) + b'"',
    "white space": lambda room: b" " * room + b"1",
    "elements": lambda room: b"[" + b'{"value":1},' * (room // 12) + b"1" * (room % 12 + 1) + b"]",
}


@pytest.mark.parametrize("chunk", [100, 1_000, 1 << 16])
@pytest.mark.parametrize("style", ["array", "lines"])
@pytest.mark.parametrize("what", LONG)
def test_a_record_longer_than_the_bound_is_refused_however_it_is_cut(
    style: str, what: str, chunk: int
) -> None:
    def total(room: int) -> Decimal:
        record = b'{"dimension":"d","value":1,"x":' + LONG[what](room) + b"}"
        small = [RECORD % pod for pod in range(30)]
        many = [*small, record, *small]
        body = b"[" + b",".join(many) + b"]" if style == "array" else b"\n".join(many)
        return _total(read_all(TextStore({"k": body}), fold=False, limits=Limits(chunk=chunk, record=3_000)))

    assert total(2_900) == 91
    with pytest.raises(MalformedFile, match="longer than 3000 bytes"):
        total(3_000)


def test_a_file_may_not_unpack_to_more_than_the_bound() -> None:
    bomb = gzip.compress(b"[" + b",".join([RECORD % 1] * 20_000) + b"]")
    assert len(bomb) < 20_000
    with pytest.raises(MalformedFile, match="more than 100000 bytes of text"):
        read_all(TextStore({"k": bomb}), limits=Limits(text=100_000))


def test_a_file_may_not_have_more_parts_than_the_bound() -> None:
    some = [{"externalPayerId": f'"c{i}"', "dimension": '"d"', "value": "1"} for i in range(6)]
    assert len(read_all(TextStore({"k": written(some[:5])}), limits=Limits(parts=5))[0].parts) == 5
    with pytest.raises(MalformedFile, match="more than 5 different"):
        read_all(TextStore({"k": written(some)}), limits=Limits(parts=5))


def test_a_refusal_travels_between_processes() -> None:
    with pytest.raises(MalformedFile) as refused:
        read_all(TextStore({"k": FILE[:-1]}))
    again = pickle.loads(pickle.dumps(refused.value))  # noqa: S301 - our own
    assert (again.sentence(), again.byte, again.line) == (refused.value.sentence(), len(FILE) - 1, 1)


@settings(deadline=None)
@given(
    st.lists(records(clean=True), min_size=1, max_size=12),
    st.sampled_from(STYLES),
    extras,
    st.integers(min_value=1, max_value=200),
    st.data(),
)
def test_changed_bytes_are_refused_or_mean_what_they_say(
    some: list[dict[str, str]], style: str, extra: str, chunk: int, data: st.DataObject
) -> None:
    """What is accepted is valid JSON for another reader too, and all of its records are there."""
    body = bytearray(written(some, style=style, extra=extra))
    at = data.draw(st.integers(min_value=0, max_value=len(body) - 1))
    match data.draw(st.sampled_from(["change", "cut", "drop", "insert"])):
        case "change":
            body[at] = data.draw(st.sampled_from(b'{}[],:"\\0-.e \nx\xff'))
        case "cut":
            del body[at:]
        case "drop":
            del body[at]
        case "insert":
            body.insert(at, data.draw(st.sampled_from(b'{}[],:"\\0-.e \nx\xff')))
    try:
        (reading,) = read_all(TextStore({"k": bytes(body)}), limits=Limits(chunk=chunk))
    except MalformedFile:
        return
    text = body.decode()
    lines = [line for line in text.split("\n") if line.strip()]
    elements = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in lines]
    assert reading.records == len(elements)
    counted = sum(part.records + part.folded_records for part in reading.parts)
    assert counted + reading.quarantined_records == len(elements)


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("held", [10_000, 1 << 24])
def test_repeats_are_found_whether_or_not_memory_holds_them_all(held: int, fold: bool) -> None:
    rng = random.Random(5)
    some = [
        {
            "externalPayerId": f'"c{rng.randrange(3)}"',
            "subscriptionId": '"s"',
            "instanceId": f'"i{rng.randrange(40)}"',
            "podName": f'"p{rng.randrange(40)}"',
            "dimension": '"d"',
            "value": f"{rng.randrange(100)}.{rng.randrange(10)}",
        }
        for _ in range(4_000)
    ]
    files = {"a": some[:1_500], "b": some[1_500:]}
    store = TextStore({key: written(part) for key, part in files.items()})
    readings = read_all(store, fold=fold, limits=Limits(chunk=4_096, held=held))
    wanted = expected(files, fold=fold)
    for reading in readings:
        for part in reading.parts:
            sums = wanted.parts[reading.key, part.contract, part.subscription, part.dimension]
            assert (Fraction(part.quantity), part.records) == (sums.quantity, sums.records)
            assert (Fraction(part.folded_quantity), part.folded_records) == (
                sums.folded_quantity,
                sums.folded_records,
            )
    assert any(part.folded_records for reading in readings for part in reading.parts) == fold


# The peak of the program itself: ru_maxrss also counts what its parent had in memory when it was started.
PEAK = """
import re, sys
from pathlib import Path
from recoup.adapters.disk import FolderStore
from recoup.areas.metering.reading.results import FileRef
from recoup.areas.metering.reading.units import read_unit
store = FolderStore(Path(sys.argv[1]))
info = store.head("big.json.gz")
(reading,) = read_unit(store, (FileRef(info.key, info.etag, info.size),))
(part,) = reading.parts
print(part.records, part.folded_records, part.quantity, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def test_memory_is_bounded_whatever_the_size(tmp_path: Path) -> None:
    """400,000 measurements in one file, each different, and then some of them again."""
    count, again = 400_000, 1_000
    with gzip.open(tmp_path / "big.json.gz", "wt", compresslevel=1) as file:
        file.write("[")
        for i in range(count + again):
            file.write(
                f'{"," if i else ""}{{"instanceId":"instance-{i % count}","podName":"postgres-0","dimension":"d",'
            )
            file.write(
                f'"externalPayerId":"ae641bd1-edf8-4038-bfed-d2ff556c729e","value":0.5,"x":"{"x" * 40}"}}'
            )
        file.write("]")
    done = subprocess.run([sys.executable, "-c", PEAK, tmp_path], capture_output=True, text=True, check=True)
    records, folded, quantity, kilobytes = done.stdout.split()
    assert (int(records), int(folded), Decimal(quantity)) == (count, again, Decimal(200_000))
    assert int(kilobytes) < 120_000

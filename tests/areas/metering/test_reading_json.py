"""Reading is strict about JSON: nothing of JSONTestSuite that must be refused is taken, and nothing makes it crash."""

from __future__ import annotations

import json

import pytest

from recoup.areas.metering.reading.files import MalformedFile
from recoup.areas.metering.reading.results import FileReading, Limits
from support.shared_data import shared_data
from support.usage_texts import TextStore, read_all, zipped

GOOD = b'{"externalPayerId":"c","dimension":"d","value":1,"podName":"%d"}'
WAYS = {
    "whole": b"%b",
    "unknown field": b'[{"dimension":"d","value":1,"x":%b}]',
    "value": b'[{"dimension":"d","value":%b}]',
    "price": b'[{"dimension":"d","value":1,"pricePerUnit":%b}]',
    "payer": b'[{"dimension":"d","value":1,"externalPayerId":%b}]',
    "record": b"[%b]",
    "line": b'{"dimension":"d","value":1}\n%b\n{"dimension":"d","value":1}',
    "field of a line": b'{"dimension":"d","value":1}\n{"dimension":"d","value":1,"x":%b}\n',
    "among others": b"["
    + b",".join([GOOD] * 9)
    + b',{"dimension":"d","value":1,"x":%b},'
    + b",".join([GOOD] * 9)
    + b"]",
}
# As one of several elements, or as a line, nothing at all is not an error of JSON's.
NOTHING = {"n_single_space.json", "n_structure_no_data.json"}


def _read(body: bytes, chunk: int) -> FileReading:
    (reading,) = read_all(TextStore({"k": body}), limits=Limits(chunk=chunk))
    return reading


def _accepted(body: bytes, chunk: int) -> FileReading | None:
    try:
        return _read(body, chunk)
    except MalformedFile:
        return None


@pytest.mark.parametrize("chunk", [1, 100, 1 << 16])
@pytest.mark.parametrize("way", WAYS)
def test_of_jsontestsuite_nothing_is_taken_that_must_be_refused(way: str, chunk: int) -> None:
    paths = sorted(shared_data("conformance/json/test_parsing").glob("*.json"))
    assert len(paths) > 300
    for path in paths:
        text = path.read_bytes()
        body = WAYS[way].replace(b"%d", b"1").replace(b"%b", text)
        reading = _accepted(body, chunk)
        if path.name.startswith("n_") and not (path.name in NOTHING and way in {"record", "line"}):
            assert reading is None, path.name
        # A value alone is no usage file, and a line ends where it ends.
        if path.name.startswith("y_") and way != "whole" and not ("line" in way and b"\n" in text):
            assert reading is not None, path.name
        if reading is not None:
            assert reading.records == _count(body), path.name
            counted = sum(part.records + part.folded_records for part in reading.parts)
            assert counted + reading.quarantined_records == reading.records, path.name


def _count(body: bytes) -> int:
    text = body.decode()
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        return sum(bool(line.strip()) for line in text.split("\n"))
    return len(whole) if isinstance(whole, list) else 1


REFUSED = {
    b"": "it is empty",
    b" \n\t ": "it is empty",
    b"[": "ends in the middle",
    b"{": "ends in the middle",
    b'[{"value":1,"dimension":"d"}': "ends in the middle",
    b'[{"value":1,"dimension":"d"},': "ends in the middle",
    b'[{"value":1,"dimension":"d"},]': "a comma is followed by nothing",
    b'[{"value":1,"dimension":"d"}]]': "something follows its end",
    b'[{"value":1,"dimension":"d"}] {}': "something follows its end",
    b'[{"value":NaN,"dimension":"d"}]': "invalid character",
    b'[{"value":Infinity,"dimension":"d"}]': "invalid character",
    b'[{"value":01,"dimension":"d"}]': "invalid number",
    b'[{"value":1,"dimension":"d","x":"\xff"}]': "not UTF-8",
    b'[{"value":1,"dimension":"\xff"}]': "not UTF-8",
    b"\xef\xbb\xbf[]": "byte order mark",
    "[]".encode("utf-16"): "byte order mark",
    b"null": "neither a JSON array nor",
    b'"text"': "neither a JSON array nor",
    b"5": "neither a JSON array nor",
    b'{"value":1,"dimension":"d"} {"value":1,"dimension":"d"}': "something follows its end",
    b'{"value":1,\n"dimension":"d"}': "the line ends in the middle of a record",
    b'{"value":1,"dimension":"d"}\n{"value":1,"dime': "it ends in the middle",
    b"[" * 100_000: "nested too deeply",
}


@pytest.mark.parametrize("chunk", [1, 3, 1 << 16])
@pytest.mark.parametrize("body", REFUSED, ids=lambda body: str(body[:30]))
def test_a_file_that_is_not_whole_is_refused_with_the_reason(body: bytes, chunk: int) -> None:
    with pytest.raises(MalformedFile, match=REFUSED[body]) as refused:
        _read(body, chunk)
    assert refused.value.sentence().startswith("k cannot be read: ")


@pytest.mark.parametrize("chunk", [1, 5, 30, 1 << 16])
@pytest.mark.parametrize("body", ["[,%s]", "[%s,,%s]", "[%s,]", "[%s%s]", "[,]", "[%s,%s,]", "[%s;%s]"])
def test_every_comma_stands_between_two_records(body: str, chunk: int) -> None:
    with pytest.raises(MalformedFile):
        _read(body.replace("%s", '{"dimension":"d","value":1}').encode(), chunk)


@pytest.mark.parametrize("body", [b"[]", b" [ ] \n", b"[]\n", zipped(b"[]")])
def test_an_empty_array_is_a_file_without_usage(body: bytes) -> None:
    assert (_read(body, 1 << 16).records, _read(body, 1).parts) == (0, ())


@pytest.mark.parametrize("chunk", [1, 40, 1 << 16])
@pytest.mark.parametrize("separator", [b",", b",\n", b" ,\r\n "])
def test_the_place_of_a_fault_is_named_to_the_byte(separator: bytes, chunk: int) -> None:
    record = b'{"dimension":"d","value":1}'
    good = separator.join([record] * 20)
    body = b"[\n" + good + separator + b'{"dimension":"d","value":01}' + separator + good + b"]"
    with pytest.raises(MalformedFile) as refused:
        _read(body, chunk)
    place = refused.value
    assert body[place.byte - 1 : place.byte + 2] in {b":01", b"01}"}
    before = body[: place.byte]
    assert place.line == before.count(b"\n") + 1
    assert place.column == place.byte - (before.rfind(b"\n") + 1) + 1
    assert f"line {place.line}, column {place.column}" in place.detail


def test_the_place_of_a_stray_quote_is_named_though_what_follows_makes_no_sense() -> None:
    good = b",".join([b'{"dimension":"d","value":1}'] * 200)
    body = b"[" + good + b',{"dimension":"d"","value":1},' + good + b"]"
    with pytest.raises(MalformedFile, match="expected ',' or '}'") as refused:
        read_all(TextStore({"k": body}), limits=Limits(chunk=500, record=1_000))
    assert body[: refused.value.byte].endswith(b'"d"')
    assert body[refused.value.byte :].startswith(b'","value"')


def test_the_place_of_a_fault_in_lines_is_named_to_the_byte() -> None:
    record = b'{"dimension":"d","value":1}\n'
    body = record * 30 + b'\n{"dimension":"d","value":tru}\n' + record * 30
    for chunk in (1, 100, 1 << 16):
        with pytest.raises(MalformedFile) as refused:
            _read(body, chunk)
        assert refused.value.line == 32
        assert body[refused.value.byte - 3 : refused.value.byte + 2].count(b"tru")


def test_the_real_sample_is_refused_at_every_length_but_the_whole() -> None:
    body = (shared_data("usage/omnistrate_clazar") / "real_world_usage_records.json").read_bytes().rstrip()
    assert _read(body, 1 << 16).records == 4
    for length in range(len(body)):
        with pytest.raises(MalformedFile):
            _read(body[:length], 1 << 16)

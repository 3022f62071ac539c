"""One usage record: which fields matter, what makes it unusable, and the two decoders, fast and careful."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, Inexact, InvalidOperation
from typing import Literal

import msgspec

from recoup.areas.metering.reading.chunks import NotJSON
from recoup.areas.metering.reading.results import Who
from recoup.core.quantity import problem_with

NAME_LENGTH = 200
NUMBER_LENGTH = 200
NO_PRICE = msgspec.Raw(b"")

_EXCERPT = 300
_PRICE_INTEGER_DIGITS = 12
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NUMBER_START = b"-0123456789"
_OFFSET = re.compile(r"^JSON is malformed: (.*) \(byte (\d+)\)$")

PartKey = tuple[str | None, str, str]
"""Contract, subscription, dimension."""
Identity = tuple[str | None, str | None, str | None]
"""Instance, pod and host: within one payer, subscription and dimension, equal means the same measurement."""


class Odd(Exception):
    """The fast way met something that it cannot judge: the file is to be read the careful way."""


class Record(msgspec.Struct, gc=False, kw_only=True, rename="camel"):
    """The fields that count, in the vendor's order (the decoder finds them faster so); others are passed over.

    Without ``gc`` because nothing here can form a cycle, and millions of these are made.
    """

    subscription_id: str | None = None
    external_payer_id: str | None = None
    instance_id: str | None = None
    pod_name: str | None = None
    host_name: str | None = None
    dimension: str
    value: msgspec.Raw
    price_per_unit: msgspec.Raw = NO_PRICE


class UsualRecord(Record, gc=False, kw_only=True, rename="camel"):
    """A record of one of the dimensions that the vendor documents: their names need not be made anew each time."""

    dimension: Literal[
        "memory_byte_hours", "storage_allocated_byte_hours", "cpu_core_hours", "replica_hours", "pod_hours"
    ]


@dataclass(frozen=True, slots=True)
class Measurement:
    """A usable record."""

    key: PartKey
    identity: Identity
    value: msgspec.Raw
    price: bytes


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a record cannot be used, and its value where that can be read."""

    reason: str
    value: Decimal | None


_usual_records = msgspec.json.Decoder(list[UsualRecord]).decode
_any_records = msgspec.json.Decoder(list[Record]).decode
_record_lines = msgspec.json.Decoder(Record).decode_lines
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_raw = msgspec.json.Decoder(msgspec.Raw).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode


class FastDecoder:
    """Decodes one file's records, what is needed of them and nothing else; raises Odd where one might not be usable."""

    def __init__(self) -> None:
        self._decode: Callable[[bytes], Sequence[Record]] = _usual_records

    def array(self, text: bytes) -> Sequence[Record]:
        """Decode a JSON array of records."""
        check_utf8(text)
        try:
            try:
                return self._decode(text)
            except msgspec.ValidationError:
                self._decode = _any_records  # most likely it has a dimension of its own
                return self._decode(text)
        except msgspec.ValidationError:
            raise Odd from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise not_json(error) from None

    def lines(self, text: bytes) -> Sequence[Record]:
        """Decode one record per line, in the plainest form: nothing around the objects, no empty line."""
        check_utf8(text)
        text = text.rstrip(b"\n")
        if not text:
            return []
        breaks = text.count(b"\n")
        try:
            records = _record_lines(text)
        except (msgspec.DecodeError, RecursionError):
            raise Odd from None
        # Only between two records can a brace, a line feed and a brace follow each other in valid JSON.
        if len(records) != breaks + 1 or text.count(b"}\n{") != breaks:
            raise Odd
        return records


class CarefulDecoder:
    """Decodes each record as the bytes that it is."""

    def array(self, text: bytes) -> Sequence[msgspec.Raw]:
        """Decode a JSON array of anything."""
        check_utf8(text)
        try:
            return _raws(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise not_json(error) from None

    def lines(self, text: bytes) -> Sequence[msgspec.Raw]:
        """Decode one JSON value per line; empty lines are passed over."""
        check_utf8(text)
        records = []
        start = 0
        for line in text.split(b"\n"):
            end = start + len(line)
            if line.strip(b" \t\r"):
                try:
                    records.append(_raw(line))
                except (msgspec.DecodeError, RecursionError) as error:
                    wrong = not_json(error)
                    if wrong.offset is None and end < len(text):
                        wrong = NotJSON("the line ends in the middle of a record", len(line))
                    raise NotJSON(
                        wrong.reason, end if wrong.offset is None else start + wrong.offset
                    ) from None
            start = end + 1
        return records


def examine(raw: bytes) -> Measurement | Flaw:
    """Judge one record; of a key that occurs twice the last counts, as with every JSON reader."""
    if not raw.startswith(b"{"):
        return Flaw("it is not an object", None)
    fields = {name: bytes(field) for name, field in _fields(raw).items()}
    value, problem = _number(fields["value"]) if "value" in fields else (None, "is missing")
    try:
        key = _part(fields)
        identity = (_string(fields, "instanceId"), _string(fields, "podName"), _string(fields, "hostName"))
    except _Unusable as error:
        return Flaw(str(error), value)
    if problem or value is None:
        return Flaw(f"its value {problem}", value)
    return Measurement(key, identity, msgspec.Raw(fields["value"]), fields.get("pricePerUnit", b""))


def contract_of(payer: str | None) -> str | None:
    """Return the contract that a payer stands for; none where it is missing or blank."""
    return payer if payer and not payer.isspace() else None


def name_problem(name: str) -> str | None:
    """Say why a name cannot be kept, or return None."""
    if len(name) > NAME_LENGTH:
        return f"is longer than {NAME_LENGTH} characters"
    return "has control characters in it" if _CONTROL.search(name) else None


def price_of(text: bytes) -> tuple[Decimal | None, str | None]:
    """Read a price as written: the number, or None; and what is wrong with it, if anything is."""
    if text in {b"", b"null"}:
        return None, None
    price, problem = _number(text)
    if price is not None and price >= Decimal(10) ** _PRICE_INTEGER_DIGITS:
        problem = f"has more than {_PRICE_INTEGER_DIGITS} digits before the point"
    return (None, problem) if problem else (price, None)


def rank_of(price: Decimal | None) -> Decimal:
    """Order prices: of equal repeats the dearer one counts, so it does not matter in which file each stands."""
    return Decimal(-1) if price is None else price


def who_is(raw: bytes) -> Who:
    """Read from a record whose usage it is, as far as it says."""
    fields = {name: bytes(field) for name, field in _fields(raw).items()}
    said = [
        _string(fields, name) if fields.get(name, b"").startswith(b'"') else ""
        for name in ("organizationId", "organizationName", "customerEmail")
    ]
    return Who(*(_CONTROL.sub(" ", text or "")[:NAME_LENGTH] for text in said))


def excerpt_of(raw: bytes) -> str:
    """Return the beginning of a record, for a person to look at."""
    text = raw.decode()
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"


def check_utf8(text: bytes) -> None:
    """Raise NotJSON unless the text is UTF-8: the decoder does not look into strings that it passes over."""
    if text.isascii():
        return
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise NotJSON("it is not UTF-8", error.start) from None


def not_json(error: Exception) -> NotJSON:
    """Translate what the decoder says; a wrong byte is counted from 0."""
    if isinstance(error, RecursionError):
        return NotJSON("it is nested too deeply", None)
    if not (found := _OFFSET.match(str(error))):
        return NotJSON("it ends in the middle (half-written?)", None)
    reason, offset = found[1], int(found[2])
    if reason == "trailing characters":
        return NotJSON("something follows its end", offset - 1)
    if reason == "trailing comma in array":
        return NotJSON("a comma is followed by nothing", offset)
    return NotJSON(reason, offset)


def _number(text: bytes) -> tuple[Decimal | None, str | None]:
    """Read a quantity as written: the number where it can be read, and what keeps it from being used."""
    if text[:1] not in _NUMBER_START:
        return None, "is not a number"
    if len(text) > NUMBER_LENGTH:
        return None, f"is written with more than {NUMBER_LENGTH} characters"
    try:
        value = Decimal(text.decode())
        problem = problem_with(value)
    except (InvalidOperation, Inexact):
        return None, "has digits or an exponent beyond all bounds"
    if problem:
        return None, f"cannot be used: {problem}"
    return (value, "is negative") if value < 0 else (value.copy_abs(), None)


class _Unusable(Exception):
    """A field without which a record cannot be used is not as it must be."""


def _part(fields: dict[str, bytes]) -> PartKey:
    payer, subscription = _name(fields, "externalPayerId"), _name(fields, "subscriptionId")
    dimension = _name(fields, "dimension")
    if not dimension:
        raise _Unusable("it names no dimension")
    return contract_of(payer), subscription or "", dimension


def _name(fields: dict[str, bytes], name: str) -> str | None:
    text = _string(fields, name)
    if text and (problem := name_problem(text)):
        raise _Unusable(f"its {name} {problem}")
    return text


def _string(fields: dict[str, bytes], name: str) -> str | None:
    text = fields.get(name, b"null")
    if text == b"null":
        return None
    if not text.startswith(b'"'):
        raise _Unusable(f"its {name} is not a text")
    return _text(text)

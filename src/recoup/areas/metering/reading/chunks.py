"""A text cut into chunks of whole records as it streams, in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, NoReturn, Protocol, TypeVar

import msgspec

from recoup.areas.metering.reading.files import MalformedFile
from recoup.areas.metering.reading.results import Limits

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_BYTE_ORDER_MARKS = (b"\xef", b"\xfe", b"\xff")
_SPACE = b" \t\r\n"
_GUESSES = 16
_BETWEEN_OBJECTS = re.compile(rb"\}[ \t\r\n]*(,)[ \t\r\n]*\{")
# A string is one token, so that what looks like structure inside it is passed over.
_STRUCTURE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[][{},]', re.DOTALL)


class NotJSON(Exception):
    """What a decoder found wrong, and at which byte; ``offset`` is None where the text ended too early."""

    def __init__(self, reason: str, offset: int | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


class Decoder(Protocol[T_co]):
    """Turns text into records, strictly; raises NotJSON."""

    def array(self, text: bytes) -> Sequence[T_co]:
        """Decode a JSON array of records."""
        ...

    def lines(self, text: bytes) -> Sequence[T_co]:
        """Decode one record per line."""
        ...


@dataclass(frozen=True, slots=True)
class Chunk(Generic[T]):
    """Whole records; ``text`` begins at byte ``base``, in line ``line``, of the decompressed file.

    ``first`` is where in ``text`` the records begin: behind the bracket, if there is one.
    """

    base: int
    line: int
    first: int
    text: bytes
    records: Sequence[T]


def chunks(source: Iterable[bytes], decoder: Decoder[T], *, key: str, limits: Limits) -> Iterator[Chunk[T]]:
    """Yield all records of a text, a chunk of whole ones at a time; raise MalformedFile where it breaks off.

    The text is a JSON array, or one object per line: its first character says which.
    """
    place = _Place(key)
    buffer = bytearray()
    wanted = limits.chunk
    shape: _Array[T] | _Lines[T] | None = None
    for block in source:
        buffer += block
        if len(buffer) < wanted:
            continue
        shape = shape or _shape(buffer, decoder, place, limits)
        if shape is None:
            continue
        chunk = shape.take(buffer, place)
        wanted = limits.chunk if chunk else 2 * len(buffer)
        if chunk:
            yield chunk
    shape = shape or _shape(buffer, decoder, place, limits)
    if shape is None:
        place.refuse(b"", 0, "it is empty (half-written?)")
    yield shape.rest(buffer, place)


def located(chunk: Chunk[msgspec.Raw]) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield line, first byte, end and text of each record."""
    text = chunk.text
    line, position = chunk.line, chunk.first
    for raw in chunk.records:
        record = bytes(raw)
        # Between two records there is only white space and a comma, with which none can begin.
        start = text.index(record, position)
        line += text.count(b"\n", position, start)
        position = start + len(record)
        yield line, chunk.base + start, chunk.base + position, record
        line += record.count(b"\n")


class _Place:
    """Where in the text the buffer begins."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._line_start = 0
        self.base = 0
        self.line = 1

    def advance(self, buffer: bytearray, count: int) -> None:
        """Pass over the first ``count`` bytes of the buffer."""
        if buffer.find(b"\n", 0, count) >= 0:  # many times faster than counting, where there is none
            self.line += buffer.count(b"\n", 0, count)
            self._line_start = self.base + buffer.rfind(b"\n", 0, count) + 1
        self.base += count

    def refuse(self, text: bytes | bytearray, offset: int | None, reason: str) -> NoReturn:
        """Raise MalformedFile for byte ``offset`` of a text that begins here; None means its end."""
        at = len(text) if offset is None else min(offset, len(text))
        line = self.line + text.count(b"\n", 0, at)
        start = self._line_start if line == self.line else self.base + text.rfind(b"\n", 0, at) + 1
        byte = self.base + at
        raise MalformedFile(self._key, line, byte - start + 1, byte, reason)


def _shape(
    buffer: bytearray, decoder: Decoder[T], place: _Place, limits: Limits
) -> _Array[T] | _Lines[T] | None:
    if buffer.startswith(_BYTE_ORDER_MARKS):
        place.refuse(buffer, 0, "it does not begin as plain UTF-8 does (with a byte order mark?)")
    space = len(buffer) - len(buffer.lstrip(_SPACE))
    place.advance(buffer, space)
    del buffer[:space]
    if not buffer:
        return None
    if not buffer.startswith((b"[", b"{")):
        place.refuse(buffer, 0, "it is neither a JSON array nor one JSON object per line")
    return _Array(decoder, limits) if buffer.startswith(b"[") else _Lines(decoder, limits)


class _Array(Generic[T]):
    """A JSON array. The buffer begins with its bracket, or with a comma that was overwritten by one."""

    def __init__(self, decoder: Decoder[T], limits: Limits) -> None:
        self._decoder = decoder
        self._limits = limits
        self._begun = False

    def take(self, buffer: bytearray, place: _Place) -> Chunk[T] | None:
        """Cut off the records that are complete, or return None if more must be read first."""
        chunk = self._guess(buffer, place)
        if chunk is None:
            commas = _commas(buffer)
            if not commas:
                if len(buffer) > self._limits.record:
                    place.refuse(buffer, 0, f"a record is longer than {self._limits.record} bytes")
                return None
            chunk = self._decoded(_closed(buffer, commas[-1]), place)
        if not chunk.records:
            place.refuse(chunk.text, None, "a comma follows no record")
        self._begun = True
        cut = len(chunk.text) - 1
        place.advance(buffer, cut)
        del buffer[:cut]
        buffer[:1] = b"["
        return chunk

    def rest(self, buffer: bytearray, place: _Place) -> Chunk[T]:
        """Take what is left when the file has ended."""
        chunk = self._decoded(bytes(buffer), place)
        if self._begun and not chunk.records:
            place.refuse(chunk.text, None, "a comma is followed by nothing")
        return chunk

    def _guess(self, buffer: bytearray, place: _Place) -> Chunk[T] | None:
        # What decodes as an array up to some comma ends there with a whole record, because JSON is read from left
        # to right. So a likely comma is simply tried: if it stands in a string or an inner array, the text just ends
        # too early. Any other fault is one, and its place is known.
        at = _likely_comma(buffer)
        if at is None:
            return None
        text = _closed(buffer, at)
        try:
            records = self._decoder.array(text)
        except NotJSON as error:
            if error.offset is not None:
                place.refuse(text, error.offset, error.reason)
            return None
        return self._measured(Chunk(place.base, place.line, 1, text, records), place)

    def _decoded(self, text: bytes, place: _Place) -> Chunk[T]:
        try:
            records = self._decoder.array(text)
        except NotJSON as error:
            place.refuse(text, error.offset, error.reason)
        return self._measured(Chunk(place.base, place.line, 1, text, records), place)

    def _measured(self, chunk: Chunk[T], place: _Place) -> Chunk[T]:
        text = chunk.text
        if len(text) > self._limits.record:
            for start, end in pairwise([0, *_commas(text), len(text)]):
                if end - start > self._limits.record:
                    place.refuse(text, start, f"a record is longer than {self._limits.record} bytes")
        return chunk


class _Lines(Generic[T]):
    """One JSON object per line."""

    def __init__(self, decoder: Decoder[T], limits: Limits) -> None:
        self._decoder = decoder
        self._limits = limits

    def take(self, buffer: bytearray, place: _Place) -> Chunk[T] | None:
        """Cut off the lines that are complete, or return None if more must be read first."""
        cut = buffer.rfind(b"\n") + 1
        if not cut:
            if len(buffer) > self._limits.record:
                place.refuse(buffer, 0, f"a record is longer than {self._limits.record} bytes")
            return None
        chunk = self._decoded(bytes(memoryview(buffer)[:cut]), place)
        place.advance(buffer, cut)
        del buffer[:cut]
        return chunk

    def rest(self, buffer: bytearray, place: _Place) -> Chunk[T]:
        """Take what is left when the file has ended."""
        return self._decoded(bytes(buffer), place)

    def _decoded(self, text: bytes, place: _Place) -> Chunk[T]:
        if len(text) > self._limits.record:
            start = 0
            for line in text.split(b"\n"):
                if len(line) >= self._limits.record:
                    place.refuse(text, start, f"a record is longer than {self._limits.record} bytes")
                start += len(line) + 1
        try:
            records = self._decoder.lines(text)
        except NotJSON as error:
            place.refuse(text, error.offset, error.reason)
        return Chunk(place.base, place.line, 0, text, records)


def _likely_comma(buffer: bytearray) -> int | None:
    """Find a comma near the end that stands between two objects, perhaps inner ones or inside a string."""
    end = len(buffer)
    for _ in range(_GUESSES):
        end = buffer.rfind(b"}", 0, end)
        if end < 0:
            break
        if found := _BETWEEN_OBJECTS.match(buffer, end):
            return found.start(1)
    return None


def _commas(text: bytes | bytearray) -> list[int]:
    """Find the commas between the elements of the outermost array."""
    commas = []
    depth = 0
    for token in _STRUCTURE.finditer(text):
        match token[0]:
            case b"{" | b"[":
                depth += 1
            case b"}" | b"]":
                depth -= 1
            case b"," if depth == 1:
                commas.append(token.start())
    return commas


def _closed(buffer: bytearray, comma: int) -> bytes:
    """Return the buffer up to a comma, as an array of its own."""
    return b"".join((memoryview(buffer)[:comma], b"]"))

"""A stored file as a stream of text: the version that was listed, hashed as stored, unzipped within a bound."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, NoReturn

from recoup.areas.metering.reading.results import FileRef, Limits
from recoup.core.errors import Invalid, Unavailable
from recoup.core.ports import BlobStore

_GZIP = b"\x1f\x8b"
_ZLIB_WITH_GZIP_HEADER = 31


class MalformedFile(Invalid):
    """A file that is not whole, valid JSON: nothing of it counts.

    ``line`` and ``column`` count from 1, ``byte`` from 0, in the decompressed text.
    """

    def __init__(self, key: str, line: int, column: int, byte: int, reason: str) -> None:
        super().__init__(
            f"{key} cannot be read: {reason} (line {line}, column {column}).",
            fix="Nothing of it was counted: it may still be being written, or its producer must write it again.",
        )
        self.key, self.line, self.column, self.byte, self.reason = key, line, column, byte, reason

    def __reduce__(self) -> tuple[type[MalformedFile], tuple[str, int, int, int, str]]:
        """Travel whole from a child process."""
        return type(self), (self.key, self.line, self.column, self.byte, self.reason)


class Source:
    """The bytes of one stored file: hashed as stored, given out decompressed."""

    def __init__(self, stream: BinaryIO, file: FileRef, limits: Limits) -> None:
        self._stream = stream
        self._file = file
        self._limits = limits
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The hash of the stored bytes, once ``blocks`` has ended."""
        return self._hash.hexdigest()

    def blocks(self) -> Iterator[bytes]:
        """Yield the text block by block; gzip is known by its first bytes, whatever the name says."""
        stored = self._stored()
        first = next(stored, b"")
        if len(first) == 1:
            first += next(stored, b"")
        blocks = _chain(first, stored)
        if first.startswith(_GZIP):
            blocks = self._unzipped(blocks)
        total = 0
        for block in blocks:
            total += len(block)
            if total > self._limits.text:
                self.refuse(f"it has more than {self._limits.text} bytes of text")
            yield block

    def refuse(self, reason: str) -> NoReturn:
        """Raise for the file as a whole."""
        raise MalformedFile(self._file.key, 1, 1, 0, reason)

    def _stored(self) -> Iterator[bytes]:
        size = 0
        while block := self._stream.read(self._limits.chunk):
            size += len(block)
            self._hash.update(block)
            yield block
        if size != self._file.size:
            raise Unavailable(
                f"{self._file.key} gave {size} bytes where {self._file.size} were listed.",
                fix="It is read again with the next listing.",
            )

    def _unzipped(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        size = self._limits.chunk
        member = zlib.decompressobj(_ZLIB_WITH_GZIP_HEADER)
        for block in blocks:
            rest = block
            while rest:  # what a full answer leaves behind inside zlib comes out before it takes the checksum
                if member.eof:
                    member = zlib.decompressobj(_ZLIB_WITH_GZIP_HEADER)
                try:
                    text = member.decompress(rest, size)
                except zlib.error as error:
                    self.refuse(f"its gzip data is damaged ({error})")
                rest = member.unused_data if member.eof else member.unconsumed_tail
                yield text
        if not member.eof:
            self.refuse("its gzip data ends in the middle")


@contextmanager
def opened(store: BlobStore, file: FileRef, limits: Limits) -> Iterator[Source]:
    """Open exactly the version that was listed; raise Changed when the store has another by now."""
    with store.open(file.key, if_match=file.etag) as stream:
        yield Source(stream, file, limits)


def _chain(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from others

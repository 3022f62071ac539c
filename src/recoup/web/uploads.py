"""Files that come with a form: read as they come, each into a file of its own, within bounds that are checked first.

Starlette's own reader takes files of any size before a route sees them; this one refuses on the byte that is too many.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from recoup.core.errors import BadRequest, TooLarge
from recoup.web import guard

LONGEST_FIELD = 64 * 1024
MOST_FIELDS = 40
LONGEST_NAME = 1_000
FOLDER = "incoming"
OVERHEAD = 200_000
"""What headers of parts, boundaries and fields may add to the files."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a form: the name and the type that came with it, both as they came, and where its bytes lie."""

    field: str
    name: str
    declared: str
    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Form:
    """A form: text by field, files in their order, a folder that is removed with the request, and a hash of it all."""

    fields: Mapping[str, str]
    files: tuple[Upload, ...]
    folder: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a form may hold: so many files of at most so many bytes each, under these names."""

    files: int
    bytes_each: int
    file_fields: frozenset[str]


@asynccontextmanager
async def received(request: Request, home: Path, bounds: Bounds) -> AsyncIterator[Form]:
    """Read a multipart form; its files are gone when the context ends.

    Raise BadRequest for what is no such form, TooLarge for a file or a number of files beyond the bounds.
    """
    folder = home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    own = Path(tempfile.mkdtemp(dir=folder))
    try:
        yield await _read(request, own, bounds)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def sweep(home: Path, *, before: float) -> None:
    """Remove what a crash left of requests that came before an instant, in seconds since 1970."""
    for left in (home / FOLDER).glob("tmp*"):
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < before:
                shutil.rmtree(left, ignore_errors=True)


async def _read(request: Request, folder: Path, bounds: Bounds) -> Form:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise BadRequest(
            "This takes a multipart form.", fix="Send it as multipart/form-data, as curl -F does."
        )
    guard.allow(request, bounds.files * bounds.bytes_each + OVERHEAD)
    reader = _Reader(folder, bounds)
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
    except FormParserError:
        raise BadRequest("The form cannot be read: it is not whole, or not well formed.") from None
    except ClientDisconnect:
        raise BadRequest("The connection ended before the form was whole.") from None
    except TooLarge:
        await _drained(request)
        raise
    finally:
        reader.close()
    if not reader.is_whole:
        raise BadRequest("The form ends before its last boundary.")
    return Form(reader.fields, tuple(reader.files), folder, reader.digest())


async def _drained(request: Request) -> None:
    """Read on for a while, keeping nothing: a client that still sends would not hear why it is refused."""
    left = guard.DRAINED
    try:
        async for chunk in request.stream():
            left -= len(chunk)
            if left < 0:
                return
    except (ClientDisconnect, RuntimeError):
        return


@dataclass(slots=True)
class _Part:
    headers: dict[str, bytes] = field(default_factory=dict)
    name: str = ""
    file_name: str | None = None
    text: bytearray = field(default_factory=bytearray)
    file: BinaryIO | None = None
    path: Path | None = None
    size: int = 0
    hashed: Any = field(default_factory=hashlib.sha256)


class _Reader:
    """Takes the parser's words one by one."""

    def __init__(self, folder: Path, bounds: Bounds) -> None:
        self.fields: dict[str, str] = {}
        self.files: list[Upload] = []
        self.is_whole = False
        self._folder, self._bounds = folder, bounds
        self._part = _Part()
        self._header_name, self._header_value = bytearray(), bytearray()

    def callbacks(self) -> Any:
        """Return what the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_text,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._whole,
        }

    def close(self) -> None:
        """Close the file that was being written."""
        if self._part.file is not None:
            self._part.file.close()

    def digest(self) -> str:
        """Return a hash of every field and file, whatever the boundary was."""
        total = hashlib.sha256()
        for name in sorted(self.fields):
            total.update(f"{name}\0{self.fields[name]}\0".encode("utf-8", "surrogatepass"))
        for one in self.files:
            total.update(f"{one.field}\0{one.name}\0{one.sha256}\0".encode("utf-8", "surrogatepass"))
        return total.hexdigest()

    def _begin(self) -> None:
        self._part = _Part()
        if len(self.fields) + len(self.files) >= MOST_FIELDS + self._bounds.files:
            raise BadRequest("The form has too many parts.")

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_text(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_end(self) -> None:
        self._part.headers[self._header_name.decode("latin-1").lower()] = bytes(self._header_value)
        self._header_name, self._header_value = bytearray(), bytearray()

    def _headers(self) -> None:
        part = self._part
        kind, options = parse_options_header(part.headers.get("content-disposition", b""))
        part.name = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or not part.name:
            raise BadRequest("A part of the form has no name.")
        if b"filename" not in options:
            return
        part.file_name = options[b"filename"].decode("utf-8", "replace")[:LONGEST_NAME]
        if part.name not in self._bounds.file_fields:
            raise BadRequest(f"No file is taken as {part.name[:60]!r}.")
        if len(self.files) >= self._bounds.files:
            raise TooLarge(f"At most {self._bounds.files} files are taken at once.")
        part.path = self._folder / f"{len(self.files)}.in"
        part.file = part.path.open("wb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        part, piece = self._part, data[start:end]
        part.size += len(piece)
        if part.file is None:
            if part.size > LONGEST_FIELD:
                raise TooLarge(f"The field {part.name[:60]!r} is longer than {LONGEST_FIELD:,} bytes.")
            part.text += piece
            return
        if part.size > self._bounds.bytes_each:
            megabytes = self._bounds.bytes_each // (1024 * 1024)
            raise TooLarge(
                f"{part.file_name!r} is larger than {megabytes} MB.", fix="Send a smaller copy of it."
            )
        part.hashed.update(piece)
        part.file.write(piece)

    def _end(self) -> None:
        part = self._part
        if part.file is None or part.path is None:
            self._keep_field(part)
            return
        part.file.close()
        declared = part.headers.get("content-type", b"").decode("latin-1")
        self.files.append(
            Upload(part.name, part.file_name or "", declared, part.path, part.size, part.hashed.hexdigest())
        )

    def _keep_field(self, part: _Part) -> None:
        if part.name in self.fields:
            raise BadRequest(f"The field {part.name[:60]!r} is there twice.")
        if part.name in self._bounds.file_fields:
            raise BadRequest(f"{part.name[:60]!r} is to be a file.")
        try:
            self.fields[part.name] = part.text.decode("utf-8")
        except UnicodeDecodeError:
            raise BadRequest(f"The field {part.name[:60]!r} is not text in UTF-8.") from None

    def _whole(self) -> None:
        self.is_whole = True

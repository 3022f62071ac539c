"""The streams of a PDF: pictures without what is said of them, and nothing that can be read as another file."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import Any

import pikepdf
from pikepdf import Array, Name, Stream

from recoup.areas.claims.documents import markers
from recoup.areas.claims.documents.found import Found

GENERAL = {"/FlateDecode", "/LZWDecode", "/ASCII85Decode", "/ASCIIHexDecode", "/RunLengthDecode",
           "/Fl", "/LZW", "/A85", "/AHx", "/RL"}  # fmt: skip
JPEG = {"/DCTDecode", "/DCT"}


def filters(stream: Any) -> list[str]:
    """Return the names of a stream's filters, the outermost first."""
    named = stream.get("/Filter")
    if isinstance(named, Name):
        return [str(named)]
    return [str(one) for one in named if isinstance(one, Name)] if isinstance(named, Array) else []


def unpacks_to_more(pdf: pikepdf.Pdf, most: int) -> bool:
    """Say whether the streams of a PDF unpack to more bytes than ``most``; what cannot be unpacked adds nothing."""
    unpacked = 0
    for one in pdf.objects:
        if isinstance(one, Stream) and all(name in GENERAL for name in filters(one)):
            with suppress(pikepdf.PdfError):
                unpacked += len(one.read_bytes())
        if unpacked > most:
            return True
    return False


def repack(pdf: pikepdf.Pdf, found: Found) -> None:
    """Write the streams anew that saving copies as they are: JPEG pictures without their metadata, others packed.

    Raise PdfError where what is around a picture cannot be unpacked.
    """
    for one in pdf.objects:
        if isinstance(one, Stream):
            named = filters(one)
            if named and named[-1] not in GENERAL:
                _repack(one, named, found)


def _repack(stream: Any, named: list[str], found: Found) -> None:
    how = stream.get("/DecodeParms")
    parameters = how[len(named) - 1] if isinstance(how, Array) and len(how) == len(named) else how
    body = _inner(stream, named, how)
    if named[-1] in JPEG:
        plain = markers.plain_jpeg(body) or b""
        if len(plain) < len(body):
            found.took("metadata of pictures")
        _write(stream, plain, Name.DCTDecode, parameters)
    else:
        # Scans and JPEG 2000 are not walked here; packed once more, nobody else takes them for a file of another kind.
        null = pikepdf.Object.parse(b"null")
        inner = Array([null, parameters if parameters is not None else null])
        _write(stream, zlib.compress(body), Array([Name.FlateDecode, Name(named[-1])]), inner)


def _inner(stream: Any, named: list[str], how: Any) -> bytes:
    """Return the data of a stream's last filter, unpacked from those around it."""
    if len(named) == 1:
        return bytes(stream.read_raw_bytes())
    stream["/Filter"] = Array([Name(one) for one in named[:-1]])
    if isinstance(how, Array):
        stream["/DecodeParms"] = Array(list(how)[: len(named) - 1])
    return bytes(stream.read_bytes())


def _write(stream: Any, body: bytes, name: Any, parameters: Any) -> None:
    if parameters is None:
        if "/DecodeParms" in stream:
            del stream["/DecodeParms"]
        stream.write(body, filter=name)
    else:
        stream.write(body, filter=name, decode_parms=parameters)

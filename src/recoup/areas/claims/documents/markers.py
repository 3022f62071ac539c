"""JPEG and PNG files walked marker by marker: only what makes the picture is kept, nothing is decoded."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

JPEG = b"\xff\xd8"
PNG = b"\x89PNG\r\n\x1a\n"
_SCAN, _END = 0xDA, 0xD9
_JFIF, _ADOBE = 0xE0, 0xEE
_SAYS = 16
"""Bytes of a mark, with its head, in which it says how the colours or the scale are meant."""
_DRAWN = {*range(0xC0, 0xC8), *range(0xC9, 0xE0)} - {0xD8}
"""Frames, tables, restarts and scans: what a picture is drawn from."""
_ALONE = {0x01, *range(0xD0, 0xD8)}
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
"""What ends coded data; in it, 0xFF is followed by zero, or by a mark that stands alone."""
_PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_PNG_SHOWN = _PNG_KEPT | {b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"pHYs"}


def plain_jpeg(body: bytes) -> bytes | None:
    """Return a JPEG without comments, EXIF, profiles and whatever lies behind its end; None where it is none.

    Two marks stay, as they say how the colours are meant. One that breaks off ends where it breaks off.
    """
    if not body.startswith(JPEG):
        return None
    kept = [JPEG]
    for marker, segment in _segments(body):
        if marker in _DRAWN:
            kept.append(segment)
        elif marker == _JFIF and segment[4:9] == b"JFIF\0" and len(segment) >= _SAYS:
            kept.append(b"\xff\xe0\0\x10" + segment[4:_SAYS] + b"\0\0")  # without its thumbnail
        elif marker == _ADOBE and segment[4:9] == b"Adobe" and len(segment) >= _SAYS:
            kept.append(b"\xff\xee\0\x0e" + segment[4:_SAYS])
    return b"".join(kept)


def _segments(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and bytes of each segment, with the coded data behind a scan's header, up to the end."""
    place = 2
    while (place := body.find(b"\xff", place)) >= 0:
        marker = body[place + 1] if place + 1 < len(body) else _END
        if marker in {0x00, 0xFF}:
            place += 1
            continue
        if marker == _END:
            yield marker, b"\xff\xd9"
            return
        if marker in _ALONE:
            yield marker, body[place : place + 2]
            place += 2
            continue
        if place + 4 > len(body):
            return
        end = place + 2 + struct.unpack_from("!H", body, place + 2)[0]
        if marker == _SCAN:
            following = _MARKER.search(body, end)
            end = following.start() if following else len(body)
        yield marker, body[place:end]
        place = end


def plain_png(body: bytes, *, strictly: bool = False) -> bytes | None:
    """Return a PNG with the chunks that make its picture, and (unless ``strictly``) those that say how it is shown.

    None where it is no PNG that can be walked to its end.
    """
    if not body.startswith(PNG):
        return None
    kept, place = [PNG], len(PNG)
    while place + 12 <= len(body):
        length, name = struct.unpack_from("!I4s", body, place)
        end = place + 12 + length
        if end > len(body):
            return None
        if name in (_PNG_KEPT if strictly else _PNG_SHOWN):
            kept.append(body[place:end])
        if name == b"IEND":
            return b"".join(kept)
        place = end
    return None

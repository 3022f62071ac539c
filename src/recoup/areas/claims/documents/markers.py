"""JPEG and PNG files walked marker by marker: only what makes the picture is kept, nothing is decoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator

JPEG = b"\xff\xd8"
PNG = b"\x89PNG\r\n\x1a\n"
_SCAN, _END, _COMMENT = 0xDA, 0xD9, 0xFE
_APPLICATION = range(0xE0, 0xF0)
_JFIF, _ADOBE = 0xE0, 0xEE
_ALONE = {0x01, *range(0xD0, 0xD8)}
_PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_PNG_SHOWN = _PNG_KEPT | {b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"pHYs"}


def plain_jpeg(body: bytes) -> bytes | None:
    """Return a JPEG without comments, EXIF, profiles and whatever lies behind its end; None where it is none.

    Adobe's marker stays, as it says how the colours are meant. One that breaks off ends where it breaks off.
    """
    if not body.startswith(JPEG):
        return None
    kept = [JPEG]
    for marker, segment in _segments(body):
        is_said = marker in _APPLICATION or marker == _COMMENT
        if not is_said or (marker == _JFIF and segment[4:9] == b"JFIF\0"):
            kept.append(segment)
        elif marker == _ADOBE and segment[4:9] == b"Adobe":
            kept.append(segment[:16])  # its length says 14
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
            end = _scan_end(body, end)
        yield marker, body[place:end]
        place = end


def _scan_end(body: bytes, place: int) -> int:
    """Return where the coded data that begins at ``place`` ends: at the next marker that does not belong to it."""
    while (place := body.find(b"\xff", place)) >= 0:
        following = body[place + 1] if place + 1 < len(body) else _END
        if following not in {0x00, 0xFF} and following not in _ALONE:
            return place
        place += 1
    return len(body)


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

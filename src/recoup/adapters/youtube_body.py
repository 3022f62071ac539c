"""A report's bytes on their way: unpacked in bounded memory, counted, and watched so that they cannot dawdle."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator

import httpx2

from recoup.adapters.youtube_wire import LATER, Limits
from recoup.core.errors import Unavailable

PORTION = 256 * 1024
"""The most that one packed piece may unpack to at a time, in bytes."""
GZIP_WINDOW = 16 + zlib.MAX_WBITS
PACKINGS = frozenset({"gzip", "x-gzip"})


def pieces(response: httpx2.Response, limits: Limits) -> Iterator[bytes]:
    """Yield what was sent, without the packing that was for the journey only (Content-Encoding).

    Raise Unavailable when it breaks off, ends early, is slow, or is packed in a way that we did not ask for.
    """
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    raw = _arriving(response, limits)
    if packing in PACKINGS:
        return _unpacked(raw)
    if packing in {"", "identity"}:
        return raw
    raise Unavailable(f"The report came packed as {packing!r}, which nobody asked for.", fix=LATER)


def _arriving(response: httpx2.Response, limits: Limits) -> Iterator[bytes]:
    announced = response.headers.get("content-length", "")
    arrived, pace = 0, _Pace(limits)
    chunks = response.iter_raw()
    while True:
        begun = time.monotonic()
        try:
            chunk = next(chunks, b"")
        except httpx2.HTTPError as error:
            raise _broken(f"it broke off after {arrived} bytes ({type(error).__name__})") from error
        if not chunk:
            break
        arrived += len(chunk)
        pace.check(time.monotonic() - begun, len(chunk))
        yield chunk
    if announced.isdecimal() and int(announced) != arrived:
        raise _broken(f"{announced} bytes were announced and {arrived} came")


def _unpacked(raw: Iterator[bytes]) -> Iterator[bytes]:
    """Undo gzip, member by member."""
    unpacker = zlib.decompressobj(GZIP_WINDOW)
    for chunk in raw:
        packed = chunk
        while packed:
            if unpacker.eof:
                unpacker = zlib.decompressobj(GZIP_WINDOW)
            try:
                portion = unpacker.decompress(packed, PORTION)
            except zlib.error as error:
                raise _broken("its packing (gzip) is damaged") from error
            if portion:
                yield portion
            packed = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    # Nothing is left inside: the last eight bytes of a member are only taken when all that it held has come out.
    if not unpacker.eof:
        raise _broken("its packing (gzip) ends early")


class _Pace:
    """Counts the time spent waiting: a reader that takes its time is not Google's fault."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._total = self._waited = 0.0
        self._arrived = 0

    def check(self, seconds: float, count: int) -> None:
        """Raise Unavailable when too little comes, or all of it takes too long."""
        self._total += seconds
        self._waited += seconds
        self._arrived += count
        if self._total > self._limits.body_seconds:
            raise _broken(f"it took longer than {self._limits.body_seconds:g} seconds")
        if self._waited < self._limits.slow_seconds:
            return
        if self._arrived < self._limits.slow_bytes:
            raise _broken(f"only {self._arrived} bytes came in {self._waited:.0f} seconds")
        self._waited, self._arrived = 0.0, 0


def _broken(why: str) -> Unavailable:
    return Unavailable(f"The report did not arrive whole: {why}.", fix=LATER)

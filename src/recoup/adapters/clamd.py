"""ClamAV's daemon as our virus scanner: INSTREAM over TCP or a unix socket (clamd(8), "COMMANDS")."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from recoup.core.errors import Misconfigured, Unavailable

PORTION = 64 * 1024
_LONGEST_ANSWER = 4096
_LENGTH = struct.Struct("!I")
_FOUND = re.compile(r"(?:stream|fd\[\d+\]): (.+) FOUND")
_CLEAN = re.compile(r"(?:stream|fd\[\d+\]): OK")
_HELD = "The document is held until it can be scanned."


class Clamd:
    """A clamd at ``address``: ``host:port``, ``[::1]:port``, or the path of its unix socket.

    Connecting takes at most ``connect_seconds``, each step after it ``step_seconds``: while clamd loads new
    signatures it answers late, and so it does with archives.
    """

    def __init__(self, address: str, *, connect_seconds: float = 5.0, step_seconds: float = 60.0) -> None:
        self.address = address
        self._target = _target(address)
        self._connect_seconds = connect_seconds
        self._step_seconds = step_seconds

    def ping(self) -> None:
        """Return when it answers; raise Unavailable when it does not."""
        with self._connected() as line:
            line.sendall(b"zPING\0")
            if (said := _answer(line)) != "PONG":
                raise self._unavailable(f"it answered {said!r}")

    def scan(self, body: BinaryIO) -> str | None:
        """Return the name of what clamd found, or None; raise Unavailable for every other answer, and for none."""
        with self._connected() as line:
            said = self._sent(line, body)
        if _CLEAN.fullmatch(said):
            return None
        if found := _FOUND.fullmatch(said):
            return found[1]
        if "size limit exceeded" in said:
            raise Unavailable(
                f"The virus scanner at {self.address} takes no file of this size.",
                fix="Raise StreamMaxLength in its clamd.conf to at least 25M.",
            )
        raise self._unavailable(f"it answered {said!r}")

    def _sent(self, line: socket.socket, body: BinaryIO) -> str:
        """Send the bytes and return the answer; one that comes before they were all sent counts, too."""
        try:
            line.sendall(b"zINSTREAM\0")
            while portion := body.read(PORTION):
                line.sendall(_LENGTH.pack(len(portion)) + portion)
            line.sendall(_LENGTH.pack(0))
        except ConnectionError:
            with suppress(OSError):
                if said := _answer(line):
                    return said
            raise
        return _answer(line)

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        try:
            with _connect(self._target, self._connect_seconds) as line:
                line.settimeout(self._step_seconds)
                yield line
        except TimeoutError:
            raise self._unavailable("it took too long") from None
        except OSError as error:
            raise self._unavailable(error.strerror or str(error)) from error

    def _unavailable(self, why: str) -> Unavailable:
        return Unavailable(f"The virus scanner at {self.address} gave no answer: {why}.", fix=_HELD)


def _answer(line: socket.socket) -> str:
    """Return clamd's answer, which ends with a NUL or with the connection."""
    said = b""
    while b"\0" not in said and len(said) < _LONGEST_ANSWER:
        portion = line.recv(_LONGEST_ANSWER)
        if not portion:
            break
        said += portion
    text = said.partition(b"\0")[0].decode("utf-8", "replace").strip()
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _target(address: str) -> str | tuple[str, int]:
    path = address.removeprefix("unix:")
    if path.startswith("/"):
        return path
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise Misconfigured(
            f"The address of the virus scanner, {address!r}, is none.",
            fix="Write host:port, such as 127.0.0.1:3310, or the path of its socket.",
        )
    return host.strip("[]"), int(port)


def _connect(target: str | tuple[str, int], seconds: float) -> socket.socket:
    if isinstance(target, tuple):
        return socket.create_connection(target, timeout=seconds)
    line = socket.socket(socket.AF_UNIX)
    try:
        line.settimeout(seconds)
        line.connect(target)
    except BaseException:
        line.close()
        raise
    return line

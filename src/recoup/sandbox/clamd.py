"""A stand-in for ClamAV's daemon, on loopback or on a unix socket.

``with ClamdStandIn() as clamd:`` in a test; ``clamd.address`` is where it answers, ``clamd.scanned`` the sizes of what
it was sent. It knows one thing that is harmful, the test string of EICAR, and only where it stands in plain bytes.
``stop()`` takes it down, ``stall()`` lets it answer nobody, ``limit`` is its StreamMaxLength.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

# In two pieces, as scanners find it in source code, too.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SIGNATURE = "Eicar-Test-Signature"
_LENGTH = struct.Struct("!I")
_LONGEST_COMMAND = 64
_WAIT_SECONDS = 30.0


class ClamdStandIn:
    """A clamd that speaks PING, VERSION and INSTREAM, with commands that begin with ``z`` or ``n``."""

    def __init__(self, *, path: Path | None = None, port: int = 0, limit: int = 25 * 1024 * 1024) -> None:
        self.limit = limit
        self.scanned: list[int] = []
        self._going = threading.Event()
        self._going.set()
        self._is_over = False
        self._lines: set[socket.socket] = set()
        self._listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self._listener.bind(str(path) if path else ("127.0.0.1", port))
        self._listener.listen()
        self.address = str(path) if path else f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, name="clamd", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stall(self) -> None:
        """Take connections and bytes, and answer nobody until ``go_on``."""
        self._going.clear()

    def go_on(self) -> None:
        """Answer again, those who waited first."""
        self._going.set()

    def stop(self) -> None:
        """Go down: connections are refused, and those that are open end."""
        self._is_over = True
        self._going.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in list(self._lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self._thread.join(_WAIT_SECONDS)

    def _accept(self) -> None:
        threads = []
        while not self._is_over:
            try:
                line, _ = self._listener.accept()
            except OSError:
                break
            self._lines.add(line)
            threads.append(threading.Thread(target=self._serve, args=(line,), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join(_WAIT_SECONDS)

    def _serve(self, line: socket.socket) -> None:
        line.settimeout(_WAIT_SECONDS)
        with line, suppress(OSError):
            said = self._said(line)
            self._going.wait(_WAIT_SECONDS)
            if not self._is_over:
                line.sendall(said.encode() + b"\0")
        self._lines.discard(line)

    def _said(self, line: socket.socket) -> str:
        command = _command(line)
        if command == "PING":
            return "PONG"
        if command == "VERSION":
            return "ClamAV 1.4.6/stand-in"
        return self._scan(line) if command == "INSTREAM" else "UNKNOWN COMMAND"

    def _scan(self, line: socket.socket) -> str:
        body = b""
        while size := _LENGTH.unpack(_exactly(line, _LENGTH.size))[0]:
            if len(body) + size > self.limit:
                return "INSTREAM size limit exceeded. ERROR"
            body += _exactly(line, size)
        self.scanned.append(len(body))
        return f"stream: {SIGNATURE} FOUND" if EICAR in body else "stream: OK"


def _command(line: socket.socket) -> str:
    said = b""
    while len(said) < _LONGEST_COMMAND and not said.endswith((b"\0", b"\n")):
        said += _exactly(line, 1)
    return said[1:-1].decode("ascii", "replace") if said[:1] in {b"z", b"n"} else ""


def _exactly(line: socket.socket, size: int) -> bytes:
    body = bytearray()
    while len(body) < size:
        portion = line.recv(min(size - len(body), 1 << 20))
        if not portion:
            raise ConnectionError
        body += portion
    return bytes(body)

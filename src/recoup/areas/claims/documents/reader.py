"""The server's end of the reading process: started when it is needed, started again when it died, ended with us."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from recoup.areas.claims.documents import line
from recoup.core.errors import Unavailable

COMMAND = (sys.executable, "-m", "recoup.areas.claims.documents.child")
GRACE_SECONDS = 10.0
"""What the reading process gets beyond a document's time to stop its child and say so."""
FAREWELL_SECONDS = 5.0
_KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
)


class Gone(Exception):
    """The reading process ended before it had answered."""


class Reader:
    """One reading process at a time, for any number of threads."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._is_over = False

    def ask(
        self, request: Mapping[str, Any], source: Path, into: Path, *, seconds: float
    ) -> list[dict[str, Any]]:
        """Return what a child answered, if it did, and at the end what the reading process says of its ending.

        Raise Gone where the reading process died over it, or had to be stopped as it did not answer.
        """
        reading, writing = os.pipe()
        try:
            try:
                with source.open("rb") as body, into.open("r+b") as target:
                    process = self._send(request, (writing, body.fileno(), target.fileno()))
            finally:
                os.close(writing)
            said = line.answers(reading, until=time.monotonic() + seconds + GRACE_SECONDS)
        finally:
            os.close(reading)
        if not said or "ended" not in said[-1]:
            # Until it is gone for certain, the next document could be sent to it, too.
            process.kill()
            process.wait()
            raise Gone
        return said

    def close(self) -> None:
        """End the process; the closing of its line tells it to."""
        with self._lock:
            self._is_over = True
            self._end()

    def _send(self, request: Mapping[str, Any], files: Sequence[int]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._is_over:
                raise Unavailable("No document is read any more: the server is stopping.")
            for is_last in (False, True):
                process, server = self._running()
                try:
                    line.send(server, request, files)
                except OSError:
                    self._end()
                    if is_last:
                        raise Gone from None
                else:
                    return process
        raise Gone

    def _running(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if self._process is not None and self._line is not None and self._process.poll() is None:
            return self._process, self._line
        self._end()
        ours, theirs = socket.socketpair()
        with theirs:
            # Its environment holds nothing secret, and a Ctrl-C in our terminal is ours to act on.
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [*self._command, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _KEPT if name in os.environ},
                start_new_session=True,
            )
        self._line = ours
        return self._process, ours

    def _end(self) -> None:
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(FAREWELL_SECONDS)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
        self._line = self._process = None

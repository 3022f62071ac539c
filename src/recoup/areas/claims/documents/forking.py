"""The reading process: one thread, everything loaded, that forks a child for each document and watches over it.

It reads no document itself, so it stays as it began, and a child starts in a millisecond. It ends when its line
closes, however the server ended, and takes its children with it.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

from recoup.areas.claims.documents import line
from recoup.areas.claims.documents.limits import Limits, confine
from recoup.core.errors import RecoupError

Task = Callable[[BinaryIO, BinaryIO, Mapping[str, Any]], Mapping[str, Any]]
"""Reads the first file, writes the second, and returns what it found; raises RecoupError with a sentence."""

TOO_MUCH_MEMORY = 10
"""What a child ends with when memory was not enough: there may be none left to say so in words."""
FILES = 3
"""A request comes with the pipe for its answer, the file to read and the file to write."""
_LONGEST_REST = 60.0


@dataclass(slots=True)
class _Child:
    answer: int
    until: float
    was_stopped: bool = False


class Forks:
    """Serves requests from a line until it is closed."""

    def __init__(self, server: socket.socket, tasks: Mapping[str, Task]) -> None:
        self._server = server
        self._tasks = tasks
        self._children: dict[int, _Child] = {}
        self._woken, self._waker = os.pipe()
        for end in (self._woken, self._waker):
            os.set_blocking(end, False)

    def serve(self) -> None:
        """Serve until the line is closed; then stop what is still at work."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        gc.collect()
        gc.freeze()  # a collection in a child would copy every page that it looks at
        while self._next():
            self._reap()
            self._stop_late()
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)

    def _next(self) -> bool:
        """Wait for a request, the end of a child or a moment at which one is late; return False at the end."""
        first = min((child.until for child in self._children.values() if not child.was_stopped), default=None)
        rest = _LONGEST_REST if first is None else max(0.0, first - time.monotonic())
        server = self._server.fileno()
        ready, _, _ = select.select([server, self._woken], [], [], rest)
        if self._woken in ready:
            with suppress(BlockingIOError):
                os.read(self._woken, 4096)
        if server not in ready:
            return True
        received = line.receive(self._server, files=FILES)
        if received is None:
            return False
        request, (answer, source, into) = received
        self._begin(request, answer, source, into)
        return True

    def _begin(self, request: Mapping[str, Any], answer: int, source: int, into: int) -> None:
        limits = Limits(**request["limits"])
        try:
            pid = os.fork()
        except OSError as error:
            line.answer(answer, {"ended": None, "reason": error.strerror})
            os.close(answer)
        else:
            if pid == 0:
                self._be_child(request, limits, answer, source, into)
            self._children[pid] = _Child(answer, time.monotonic() + limits.clock)
        os.close(source)
        os.close(into)

    def _be_child(
        self, request: Mapping[str, Any], limits: Limits, answer: int, source: int, into: int
    ) -> None:
        """Do the task, answer and end, whatever happens: what is below us on the stack is its parent's."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._server.close()
            for other in self._children.values():
                os.close(other.answer)
            for end in (self._woken, self._waker):
                os.close(end)
            quiet = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(quiet, standard)
            confine(limits)
            line.answer(answer, self._done(request, source, into))
            status = 0
        except MemoryError:
            status = TOO_MUCH_MEMORY
        finally:
            os._exit(status)

    def _done(self, request: Mapping[str, Any], source: int, into: int) -> Mapping[str, Any]:
        reads, writes = os.fdopen(source, "rb"), os.fdopen(into, "r+b")
        try:
            found = self._tasks[request["task"]](reads, writes, request["args"])
            writes.flush()
        except RecoupError as error:
            return {"refused": type(error).__name__, "detail": error.detail, "fix": error.fix}
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - readers raise anything over what strangers send
            return {"broken": f"{type(error).__name__}: {error}"[:2000], "place": _place(error)}
        return {"found": found}

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            child = self._children.pop(pid)
            ended = os.waitstatus_to_exitcode(status)
            line.answer(child.answer, {"ended": ended, "was_stopped": child.was_stopped})
            os.close(child.answer)

    def _stop_late(self) -> None:
        now = time.monotonic()
        for pid, child in self._children.items():
            if not child.was_stopped and child.until <= now:
                child.was_stopped = True
                os.kill(pid, signal.SIGKILL)


def _place(error: BaseException) -> str:
    """Say where in our code something broke, for the log."""
    place, step = "", error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if "recoup" in code.co_filename:
            place = f"{code.co_qualname}:{step.tb_lineno}"
        step = step.tb_next
    return place


def serve(tasks: Mapping[str, Task]) -> None:
    """Serve the line whose descriptor is this program's argument."""
    with socket.socket(fileno=int(sys.argv[1])) as server:
        Forks(server, tasks).serve()

"""The doors of a system, for tests: real HTTP on loopback, and its commands typed in this process."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import cyclopts
import httpx2
import uvicorn
from fastapi import FastAPI

from recoup import app
from recoup.core.system import System
from recoup.entry.ending import ended
from recoup.entry.server import address_of, listener, server_of
from recoup.web import keys, logs
from recoup.web.area import behind


class _Impatient:
    """What uvicorn sees of asyncio: its looks at whether to end, a tenth of a second apart, come twenty times as often.

    A server of a test lives shorter than those take.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    @staticmethod
    async def sleep(seconds: float) -> None:
        """Sleep a twentieth of what was asked for."""
        await asyncio.sleep(seconds / 20)


uvicorn.server.asyncio = _Impatient()  # type: ignore[assignment]


@dataclass(frozen=True)
class Said:
    """What a command printed, and what it ended with."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


def typed(system: System, *words: str) -> Said:
    """Type a command of a part; the system is the test's."""
    root = cyclopts.App(name="recoup", result_action="return_value", exit_on_error=False, print_error=False)
    for area in app.ALL:
        for group in behind(area.commands)(lambda: nullcontext(system)) if area.commands else ():
            root.command(group)
    return captured(lambda: root(list(words)))


def captured(work: Callable[[], object]) -> Said:
    """Do a command's work as ``recoup`` does, and keep what it prints."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err), logging_as_it_was():
        code = ended(work)
        sys.stdout.flush()
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return Said(code, *texts)


@contextmanager
def logging_as_it_was() -> Iterator[None]:
    """Undo afterwards what a command set up for its own process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.NOISY}
    try:
        yield
    finally:
        for handler in [one for one in root.handlers if one not in handlers]:
            root.removeHandler(handler)
            handler.close()
        root.setLevel(level)
        for name, was in levels.items():
            logging.getLogger(name).setLevel(was)


@contextmanager
def api(system: System, *, application: FastAPI | None = None) -> Iterator[httpx2.Client]:
    """Serve the system's API on a free port as ``recoup server`` does; yield a client that holds the key."""
    server = server_of(system)
    if application is not None:
        server = uvicorn.Server(uvicorn.Config(application, log_config=None, lifespan="off", ws="none"))
    keys.ensure(system.home)
    key = keys.path_of(system.home).read_text(encoding="ascii").strip()
    with listener("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            deadline = time.monotonic() + 20
            while not server.started:
                assert thread.is_alive()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            address, headers = address_of(listening), {"Authorization": f"Bearer {key}"}
            with httpx2.Client(base_url=address, headers=headers, timeout=30, verify=False) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(30)
        assert not thread.is_alive()

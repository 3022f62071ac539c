"""The steps of a process at which a test can end it: statements, COPYs, commits, words with Clazar, names of files.

Only seams that the libraries offer are used (cursor factories, events, tracing, audit hooks): our code is as it is.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

MOMENTS_OF_A_REQUEST = {
    "http11.send_request_headers.started": "before the request",
    "http11.send_request_headers.complete": "amid the request",
    "http11.send_request_body.complete": "after the request",
    "http11.receive_response_headers.complete": "amid the answer",
    "http11.receive_response_body.complete": "after the answer",
}
NAMES_OF_FILES = {"os.rename": "rename", "os.link": "link", "os.remove": "remove"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
PING = ";"
"""What SQLAlchemy's pool says to a connection to hear whether it lives: no statement of ours, and it does nothing."""
LABEL_CHARACTERS = 70


class Steps:
    """Counts the steps of this process from ``arm`` on, and lets ``act`` happen at the first that ``when`` chooses.

    A step has a number, counted from 1, and a label: its kind, and what it comes before or after. The thread that
    takes the step acts; the others go on meanwhile.
    """

    def __init__(self, when: Callable[[int, str], bool], act: Callable[[str], None]) -> None:
        self.taken = 0
        self.kinds: dict[str, int] = {}
        self._when, self._act = when, act
        self._lock = threading.Lock()
        self._armed = self._acted = False

    def arm(self) -> None:
        """Count from now on."""
        self._armed = True

    def disarm(self) -> None:
        """Count no more."""
        self._armed = False

    def take(self, kind: str, what: str) -> None:
        """Take a step."""
        if not self._armed:
            return
        label = f"{kind}: {' '.join(what.split())[:LABEL_CHARACTERS]}"
        with self._lock:
            self.taken += 1
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
            mine = not self._acted and self._when(self.taken, label)
            self._acted = self._acted or mine
        if mine:
            self._act(label)


def watch_database(steps: Steps, engine: Engine) -> None:
    """Count what goes to the database; call it before the engine opens its first connection."""
    cursors = _counted_cursors(steps)

    @event.listens_for(engine, "connect")
    def _count_statements(connection: psycopg.Connection, _record: object) -> None:
        connection.cursor_factory = cursors

    @event.listens_for(engine, "commit")
    def _before_commit(_connection: object) -> None:
        steps.take("commit", "before")

    @event.listens_for(Session, "after_commit")
    def _after_commit(_session: object) -> None:
        steps.take("commit", "after")


def watch_requests(steps: Steps, client: httpx2.Client) -> None:
    """Count what goes over the wire of one client."""

    def trace(path: str, name: str, _info: Mapping[str, Any]) -> None:
        if moment := MOMENTS_OF_A_REQUEST.get(name):
            steps.take("http", f"{moment} {path}")

    def follow(request: httpx2.Request) -> None:
        request.extensions = {**request.extensions, "trace": functools.partial(trace, request.url.path)}

    client.event_hooks = {"request": [follow]}


def watch_files(steps: Steps) -> None:
    """Count files that are begun, renamed, linked and removed, each just before it happens."""

    def hear(name: str, arguments: tuple[Any, ...]) -> None:
        if name in NAMES_OF_FILES:
            steps.take("file", f"before {NAMES_OF_FILES[name]}")
        elif name == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
            steps.take("file", "before writing")

    sys.addaudithook(hear)


def _counted_cursors(steps: Steps) -> type[psycopg.Cursor[Any]]:
    class Counted(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            if query == PING:
                return super().execute(query, *args, **kwargs)
            steps.take("sql", f"before {query}")
            done = super().execute(query, *args, **kwargs)
            steps.take("sql", f"after {query}")
            return done

        def executemany(self, query: Any, *args: Any, **kwargs: Any) -> None:
            steps.take("sql", f"before {query}")
            super().executemany(query, *args, **kwargs)
            steps.take("sql", f"after {query}")

        @contextmanager
        def copy(self, statement: Any, *args: Any, **kwargs: Any) -> Iterator[psycopg.Copy]:
            steps.take("copy", f"before {statement}")
            with super().copy(statement, *args, **kwargs) as copy:
                yield copy
                steps.take("copy", f"amid {statement}")
            steps.take("copy", f"after {statement}")

    return Counted

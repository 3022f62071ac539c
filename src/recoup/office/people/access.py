"""The access log: who opened, downloaded, changed or was refused what. A line in a file at once, a row soon after.

The line is JSON in ASCII, so that nothing in it can start another line or steer a terminal. Rows are written about
twice a second by a thread of their own; while the database is away they wait, and the lines stand in the file anyway.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from recoup.core.clock import to_text
from recoup.core.ids import new_id
from recoup.core.system import System, Visit
from recoup.office.people.models import Access
from recoup.web.logs import SharedLines

log = logging.getLogger("recoup.people")

WRITTEN_EVERY = 0.5
ROWS_AT_ONCE = 500
MOST_WAITING = 50_000
"""Rows that wait for a database that is away; then the oldest are left to the file."""
LONGEST_TEXT = 300


def file_of(home: Path) -> Path:
    """Return where the lines are."""
    return home / "log" / "access.log"


def line_of(visit: Visit) -> str:
    """Return a visit as one line."""
    return _line(visit, row_of(visit))


def _line(visit: Visit, row: Mapping[str, Any]) -> str:
    kept = {
        **row,
        "at": to_text(visit.at),
        "person_id": str(visit.person) if visit.person else None,
        "id": None,
    }
    return json.dumps({name: value for name, value in kept.items() if value not in {None, ""}})


def row_of(visit: Visit) -> dict[str, Any]:
    """Return a visit as its row; texts that are too long are cut."""
    return {
        "id": new_id(),
        "at": visit.at,
        "person_id": visit.person,
        "name": _cut(visit.name),
        "how": _cut(visit.how),
        "address": _cut(visit.address),
        "agent": _cut(visit.agent),
        "method": _cut(visit.method),
        "action": visit.action,
        "subject": _cut(visit.subject.partition("?")[0]),
        "status": visit.status,
        "detail": _cut(visit.detail),
    }


def noted(system: System, visit: Visit) -> None:
    """Write a visit down at once, line and row: for sign-ins and refusals, which doors report themselves."""
    lines = _lines(system.home)
    lines.append(line_of(visit))
    lines.close()
    with system.sessions.begin() as db:
        db.execute(insert(Access), [row_of(visit)])


class AccessLog:
    """Takes visits from any thread, and is closed at shutdown."""

    def __init__(self, sessions: sessionmaker[Session], home: Path) -> None:
        self._sessions = sessions
        self._lines = _lines(home)
        self._waiting: deque[dict[str, Any]] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def note(self, visit: Visit) -> None:
        """Write the line now, and the row soon."""
        row = row_of(visit)
        self._lines.append(_line(visit, row))
        with self._lock:
            self._waiting.append(row)
            if len(self._waiting) > MOST_WAITING:
                self._waiting.popleft()
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._write_until_closed, name="access", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Write what waits, and stop."""
        with self._lock:
            self._closed, thread = True, self._thread
        self._wake.set()
        if thread is not None:
            thread.join(10)
        self._write()
        self._lines.close()

    def _write_until_closed(self) -> None:
        while not self._closed:
            self._wake.wait(WRITTEN_EVERY)
            self._write()

    def _write(self) -> None:
        while self._waiting:
            with self._lock:
                rows = [self._waiting.popleft() for _ in range(min(ROWS_AT_ONCE, len(self._waiting)))]
            try:
                with self._sessions.begin() as db:
                    db.connection().execute(insert(Access), rows)
            except SQLAlchemyError as error:
                log.warning(
                    "%d lines of the access log wait for the database: %s", len(rows), type(error).__name__
                )
                with self._lock:
                    self._waiting.extendleft(reversed(rows))
                return


def _lines(home: Path) -> SharedLines:
    path = file_of(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    return SharedLines(path)


def _cut(text: str) -> str:
    kept = text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    return kept if len(kept) <= LONGEST_TEXT else f"{kept[: LONGEST_TEXT - 1]}…"

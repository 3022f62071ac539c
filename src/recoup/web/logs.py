"""What processes write down: everything in one file under the home, and on stderr what a person should see.

A trace goes into the file only. Every record starts on a line of its own with its time in UTC; characters that could
steer a terminal, or start a line that nobody logged, are made visible.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

LARGEST_FILE = 10_000_000
KEPT_FILES = 5
NOISY = ("alembic", "procrastinate", "httpx2", "httpcore2", "botocore", "boto3", "urllib3", "asyncio")
"""Libraries whose own information is not ours; their warnings are kept."""


def file_of(home: Path) -> Path:
    """Return where everything is written down."""
    return home / "log" / "app.log"


def set_up(home: Path, *, level: str, console: str) -> Path:
    """Write to the log file from ``level`` up, and to stderr from ``console`` up; return the file.

    Raises OSError when the file cannot be written.
    """
    path = file_of(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = SharedFile(path)
    kept.setFormatter(_Traced("%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"))
    kept.setLevel(level.upper())
    shown = Console()
    shown.setFormatter(_OneLine("%(asctime)s %(levelname)s %(message)s"))
    shown.setLevel(console.upper())
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, SharedFile | Console)]:
        root.removeHandler(handler)
        handler.close()
    root.addHandler(kept)
    root.addHandler(shown)
    root.setLevel(min(kept.level, shown.level))
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    return path


@contextmanager
def lines_of_the_script(*, level: str) -> Iterator[None]:
    """Meanwhile write our own records to stderr as the old metering script did: ``time,ms - LEVEL - message``."""
    ours = logging.getLogger("recoup")
    lines, before = Console(), ours.level
    lines.setFormatter(_OneLine("%(asctime)s - %(levelname)s - %(message)s"))
    lines.setLevel(level.upper())
    with console_silent():
        ours.addHandler(lines)
        ours.setLevel(min(lines.level, logging.INFO))
        try:
            yield
        finally:
            ours.removeHandler(lines)
            ours.setLevel(before)


@contextmanager
def console_silent() -> Iterator[None]:
    """Meanwhile write into the file only."""
    shown = [(one, one.level) for one in logging.getLogger().handlers if isinstance(one, Console)]
    for handler, _ in shown:
        handler.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for handler, was in shown:
            handler.setLevel(was)


class SharedLines:
    """A file that several processes append lines to; whoever finds it too large moves it aside, under a lock.

    A line is one write, so that lines of two processes never mix. Where the disk does not take it, it is lost: that
    must not stop what was being done.
    """

    def __init__(self, path: Path, *, largest: int = LARGEST_FILE, kept: int = KEPT_FILES) -> None:
        self._path = path
        self._largest = largest
        self._kept = kept
        self._lock = threading.Lock()
        self._descriptor: int | None = None

    def append(self, line: str) -> None:
        """Write a line, without its end."""
        data = f"{line}\n".encode("utf-8", "backslashreplace")
        with self._lock, suppress(OSError):
            os.write(self._open(), data)

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        with self._lock:
            self._close()

    def _open(self) -> int:
        """Return the descriptor of the file of the moment: another process may have moved it aside."""
        with suppress(FileNotFoundError):
            if self._path.stat().st_size > self._largest:
                self._move_aside()
        if self._descriptor is None or not self._is_there(self._descriptor):
            self._close()
            self._descriptor = os.open(
                self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666
            )
        return self._descriptor

    def _is_there(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _move_aside(self) -> None:
        with self._path.with_name(f".{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._path.stat().st_size <= self._largest:  # another process was first
                return
            for number in range(self._kept - 1, 0, -1):
                with suppress(FileNotFoundError):
                    self._numbered(number).rename(self._numbered(number + 1))
            self._path.rename(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class SharedFile(logging.Handler):
    """Writes records into a file that several processes share."""

    def __init__(self, path: Path, *, largest: int = LARGEST_FILE, kept: int = KEPT_FILES) -> None:
        super().__init__()
        self.path = path
        self._lines = SharedLines(path, largest=largest, kept=kept)

    def emit(self, record: logging.LogRecord) -> None:
        """Append a record."""
        self._lines.append(self.format(record))

    def close(self) -> None:
        """Close the file."""
        self._lines.close()
        super().close()


class Console(logging.Handler):
    """Lines on whatever stderr is at the moment, so that they appear above a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; a reader that went away is no reason to stop."""
        with suppress(OSError, ValueError):
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()


class _OneLine(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging's
        at = datetime.fromtimestamp(record.created, UTC)
        return f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d}"

    def format(self, record: logging.LogRecord) -> str:
        record.message = _visible(record.getMessage())
        record.asctime = self.formatTime(record, self.datefmt)
        return self.formatMessage(record)


class _Traced(_OneLine):
    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        if not record.exc_info:
            return line
        trace = self.formatException(record.exc_info)
        return "\n".join([line, *("  " + _visible(each) for each in trace.split("\n"))])


def _visible(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)

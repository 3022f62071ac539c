"""A reading process whose children do what a broken or a taken-over reader would do, by the name of the document."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from recoup.areas.claims.documents.forking import serve

COMMAND = (sys.executable, str(Path(__file__).resolve()))
FINE = {"facts": {}, "removed": [], "fingerprint": None}


def sleeps(*_: BinaryIO) -> Mapping[str, Any]:
    time.sleep(600)
    return FINE


def spins(*_: BinaryIO) -> Mapping[str, Any]:
    while True:
        pass


def takes_memory(*_: BinaryIO) -> Mapping[str, Any]:
    taken = []
    while True:
        taken.append(bytearray(os.urandom(1 << 20) * 8))


def crashes(*_: BinaryIO) -> Mapping[str, Any]:
    ctypes.string_at(1)
    return FINE


def aborts(*_: BinaryIO) -> Mapping[str, Any]:
    os.abort()


def is_killed(*_: BinaryIO) -> Mapping[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    return FINE


def leaves(*_: BinaryIO) -> Mapping[str, Any]:
    os._exit(0)


def breaks(*_: BinaryIO) -> Mapping[str, Any]:
    raise KeyError("something that nobody thought of")


def writes_much(_: BinaryIO, into: BinaryIO) -> Mapping[str, Any]:
    while True:
        into.write(b"x" * (1 << 20))


def reaches_out(*_: BinaryIO) -> Mapping[str, Any]:
    """Try what nobody may do while reading; answer with what could be done."""
    tries: Mapping[str, Callable[[], Any]] = {
        "open": lambda: Path("/etc/hostname").read_bytes(),
        "connect": lambda: socket.create_connection(("127.0.0.1", 80), 1),
        "unix": lambda: socket.socket(socket.AF_UNIX),
        "run": lambda: subprocess.run(["true"], check=True),  # noqa: S607 - it is refused
        "pipe": os.pipe,
    }
    done = []
    for name, do in tries.items():
        try:
            do()
        except OSError:
            continue
        done.append(name)
    return {**FINE, "removed": [*done, *sorted(set(os.environ) & {"RECOUP_SECRET"})]}


def lies(_: BinaryIO, into: BinaryIO) -> Mapping[str, Any]:
    """Answer as one would who was taken over."""
    into.write(b"stored")
    return {
        "facts": {"pages": [1] * 1000, "camera": "x\n" * 5000, "software": {"a": 1}, "evil": "x", "width": 7},
        "removed": ["x" * 1000, 5, None] * 60,
        "fingerprint": 2**70,
        "sha256": "0" * 64,
    }


def chatters(*_: BinaryIO) -> Mapping[str, Any]:
    """Fill the pipe with anything, and with an end of our own making."""
    for _ in range(64):
        os.write(_pipe(), b"[" * 65_536)
    os.write(_pipe(), b"\n" + json.dumps({"ended": 0}).encode() + b"\n")
    os._exit(0)


def mutters(*_: BinaryIO) -> Mapping[str, Any]:
    """Begin a line and not end it."""
    os.write(_pipe(), b'{"found": "')
    os._exit(0)


def _pipe() -> int:
    return next(number for number in range(3, 64) if _is_pipe(number))


def _is_pipe(number: int) -> bool:
    try:
        return (os.fstat(number).st_mode & 0o170000) == 0o010000
    except OSError:
        return False


def whole(source: BinaryIO, into: BinaryIO) -> Mapping[str, Any]:
    """Do it right."""
    into.write(source.read())
    return FINE


def wakes(source: BinaryIO, into: BinaryIO) -> Mapping[str, Any]:
    """Take half a second, and do it right."""
    time.sleep(0.5)
    return whole(source, into)


def examine(source: BinaryIO, into: BinaryIO, args: Mapping[str, Any]) -> Mapping[str, Any]:
    """Do what the document is named after."""
    does: Callable[..., Mapping[str, Any]] = globals()[args["name"].removesuffix(".pdf")]
    return does(source, into)


if __name__ == "__main__":
    serve({"examine": examine})

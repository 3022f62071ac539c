"""The line between the server and the process that reads: requests and open files one way, lines of JSON back."""

from __future__ import annotations

import array
import json
import os
import select
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

LONGEST_REQUEST = 64 * 1024
LONGEST_ANSWER = 256 * 1024
_LENGTH = struct.Struct("!I")
_DESCRIPTOR = struct.calcsize("i")


def send(line: socket.socket, request: Mapping[str, Any], files: Sequence[int]) -> None:
    """Send a request and copies of open files. Raise OSError when nobody is there any more."""
    body = json.dumps(request).encode()
    socket.send_fds(line, [_LENGTH.pack(len(body))], list(files))
    line.sendall(body)


def receive(line: socket.socket, *, files: int) -> tuple[dict[str, Any], list[int]] | None:
    """Return the next request and its files, or None when the line was closed.

    Four bytes carry the descriptors, so reading just these never takes those of the next request.
    """
    try:
        start, carried, _, _ = line.recvmsg(_LENGTH.size, socket.CMSG_SPACE(files * _DESCRIPTOR))
    except ConnectionError:
        return None
    handles = array.array("i")
    for level, kind, data in carried:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            handles.frombytes(data[: len(data) - len(data) % _DESCRIPTOR])
    rest = _exactly(line, _LENGTH.size - len(start)) if start else None
    body = _exactly(line, _LENGTH.unpack(start + rest)[0]) if rest is not None else None
    if body is None or len(handles) != files:
        for handle in handles:
            os.close(handle)
        return None
    return json.loads(body), list(handles)


def _exactly(line: socket.socket, size: int) -> bytes | None:
    body = b""
    while size <= LONGEST_REQUEST and len(body) < size:
        portion = line.recv(size - len(body))
        if not portion:
            return None
        body += portion
    return body if len(body) == size else None


def answer(to: int, said: Mapping[str, Any]) -> None:
    """Write one answer, on a line of its own whatever was written before; nobody need wait for it any more."""
    body = b"\n" + json.dumps(said).encode() + b"\n"
    with suppress(OSError):
        while body:
            body = body[os.write(to, body) :]


def answers(source: int, *, until: float) -> list[dict[str, Any]] | None:
    """Return all answers up to the end of the pipe; None when it does not end by ``until`` (``time.monotonic``).

    What is no line of JSON, or lies beyond a bound, is left out.
    """
    waiting, body = select.poll(), b""
    waiting.register(source, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        if not waiting.poll(left * 1000):
            break
        portion = os.read(source, LONGEST_REQUEST)
        if not portion:
            return [said for said in map(_said, body.splitlines()) if said is not None]
        body = (body + portion)[-LONGEST_ANSWER:]
    return None


def _said(text: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None

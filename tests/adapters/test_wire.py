"""Answers are read within bounds, also when they come in drops."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import httpx2
import pytest

from recoup.adapters import wire


@contextlib.contextmanager
def dripping(*, every: float) -> Iterator[str]:
    """Serve one answer of 1000 bytes, a byte at a time, until the client has enough."""

    def drip() -> None:
        with contextlib.suppress(OSError):
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(1000):
                    connection.sendall(b"x")
                    time.sleep(every)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join(5)


@pytest.mark.parametrize(
    ("limit", "within", "flaw"),
    [
        (1000, timedelta(seconds=0.1), "it took longer than 0.1 seconds"),
        (3, timedelta(seconds=60), "it is larger than 3 bytes"),
    ],
)
def test_a_dripping_answer_is_given_up(limit: int, within: timedelta, flaw: str) -> None:
    with dripping(every=0.02) as url, httpx2.Client(timeout=5, trust_env=False) as client:
        started = time.monotonic()
        reply = wire.post(client, url, body=b"{}", headers={}, limit=limit, within=within)
    assert (reply.status, reply.flaw) == (200, flaw)
    assert 0 < len(reply.body) < 100
    assert time.monotonic() - started < 3

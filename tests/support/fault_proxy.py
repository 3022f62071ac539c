"""A TCP proxy that can be told, while it runs, to be slow, to cut, to swallow, to refuse or to reset."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

CHUNK = 16 * 1024
TICK = 0.05


@dataclass
class Faults:
    """What goes wrong. Latency is in seconds; cuts count the bytes of one connection in one direction."""

    latency: float = 0.0
    cut_up: int | None = None
    cut_down: int | None = None
    reset: bool = False
    """A cut ends with a reset (RST) rather than with an end of file."""
    black_hole: bool = False
    """Bytes are taken and never passed on."""
    refuse: bool = False
    """New connections are reset at once."""


class FaultProxy:
    """Passes bytes between clients and one upstream; assign ``faults`` at any time, also to ``Faults()`` again."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.faults = Faults()
        self.connections = 0
        self._upstream = upstream
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.host, self.port = self._listening.getsockname()[:2]

    @property
    def endpoint(self) -> str:
        return f"http://{self.host}:{self.port}"

    def cut_all(self) -> None:
        """Reset every connection that is open now."""
        with self._lock:
            live = list(self._open)
        for connection in live:
            _reset(connection)

    def __enter__(self) -> Self:
        self._listening.settimeout(TICK)
        self._run(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.cut_all()
        for thread in list(self._threads):
            thread.join()
        self._listening.close()

    def _run(self, work, *args: object) -> None:  # noqa: ANN001 - any of the methods below
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            with suppress(TimeoutError):
                client, _ = self._listening.accept()
                self.connections += 1
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        if self.faults.refuse:
            _reset(client)
            return
        try:
            server = socket.create_connection(self._upstream)
        except OSError:
            _reset(client)
            return
        with self._lock:
            self._open |= {client, server}
        for sock in (client, server):
            sock.settimeout(TICK)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._run(self._pump, client, server, "up")
        self._run(self._pump, server, client, "down")

    def _pump(self, source: socket.socket, target: socket.socket, way: str) -> None:
        passed = 0
        with suppress(OSError):
            while not self._stop.is_set():
                try:
                    data = source.recv(CHUNK)
                except TimeoutError:
                    continue
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    break
                self._stop.wait(self.faults.latency)
                if self.faults.black_hole:
                    continue
                cut = self.faults.cut_up if way == "up" else self.faults.cut_down
                if cut is not None and passed + len(data) >= cut:
                    _send(target, data[: max(0, cut - passed)], self._stop)
                    self._cut(source, target)
                    break
                _send(target, data, self._stop)
                passed += len(data)
        self._finish(source, target)

    def _cut(self, *ends: socket.socket) -> None:
        for end in ends:
            if self.faults.reset:
                _reset(end)
            else:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _finish(self, source: socket.socket, target: socket.socket) -> None:
        """Close both ends when the second of their two pumps is done."""
        with self._lock:
            if source in self._open:  # the first to finish; the other pump still reads from target
                self._open.discard(source)
                if target in self._open:
                    return
        for end in (source, target):
            end.close()


def _send(target: socket.socket, data: bytes, stop: threading.Event) -> None:
    while data and not stop.is_set():
        with suppress(TimeoutError):
            data = data[target.send(data) :]


def _reset(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()

"""What every HTTP stand-in shares: a server on loopback into which faults can be scripted."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl, urlsplit

from recoup.sandbox.faults import COMMON_FAULTS, Answer, Asked, Ending, Fault, json_answer

LOOPBACK = "127.0.0.1"
BODY_LIMIT = 50_000_000
CONTROL_PATH = "/_sandbox/faults"
"""POST here what another process wants to go wrong: {"fault": "server_error", "times": 2, "path": "/…", …}."""


@dataclass(slots=True)
class _Scripted:
    fault: Fault
    left: int | None
    path: str
    when: Callable[[Asked], bool] | None

    def fits(self, asked: Asked) -> bool:
        return asked.path.startswith(self.path) and (self.when is None or self.when(asked))


class StandIn:
    """A server on loopback, one thread per connection; a subclass says in ``handle`` what it answers.

    ``with StandIn(...) as it: it.url`` starts and stops it; ``stop`` and ``start`` in between keep the port,
    so that a client can meet a refused connection.
    """

    faults: ClassVar[Mapping[str, Callable[..., Fault]]] = COMMON_FAULTS

    def __init__(self, *, port: int = 0) -> None:
        self.port = port
        self.closing = threading.Event()
        self._script: list[_Scripted] = []
        self._script_lock = threading.Lock()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def handle(self, asked: Asked) -> Answer:
        """Answer one request; called by several threads at once."""
        raise NotImplementedError

    def note(self, asked: Asked, answer: Answer | None, fault: Fault | None) -> None:
        """Keep what was asked and how it ended (None: no answer left); called before the answer leaves."""

    @property
    def url(self) -> str:
        """The address of the running server, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    def script(
        self,
        fault: Fault,
        *,
        times: int | None = 1,
        path: str = "",
        when: Callable[[Asked], bool] | None = None,
    ) -> None:
        """Let ``fault`` befall the next ``times`` requests (None: all) under ``path`` that ``when`` accepts.

        Faults wait in a queue: a request meets the first one that fits it.
        """
        with self._script_lock:
            self._script.append(_Scripted(fault, times, path, when))

    def clear_script(self) -> None:
        """Let everything go right again."""
        with self._script_lock:
            self._script.clear()

    def start(self) -> None:
        """Listen; ``port`` is the real one afterwards."""
        self.closing.clear()
        self._server = _Server(self)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, cut every open connection, and wait for their threads."""
        if self._server is None or self._thread is None:
            return
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def serve_until_stopped(self) -> None:
        """Block the caller while the server runs; Ctrl-C ends it."""
        try:
            self.closing.wait()
        except KeyboardInterrupt:
            self.stop()

    def respond(self, asked: Asked) -> tuple[Answer | None, Fault | None]:
        """Handle one request together with the fault that is scripted for it."""
        if asked.path == CONTROL_PATH:
            return self._control(asked), None
        fault = self._next_fault(asked)
        if fault is None:
            answer: Answer | None = self.handle(asked)
        elif fault.handled:
            answer = _distorted(fault, self.handle(asked))
        else:
            answer = _distorted(fault, fault.answer or Answer(503))
        self.note(asked, answer, fault)
        return answer, fault

    def _next_fault(self, asked: Asked) -> Fault | None:
        with self._script_lock:
            for scripted in self._script:
                if scripted.fits(asked):
                    if scripted.left is not None:
                        scripted.left -= 1
                        if scripted.left <= 0:
                            self._script.remove(scripted)
                    return scripted.fault
        return None

    def _control(self, asked: Asked) -> Answer:
        try:
            wanted = json.loads(asked.body)
            make = self.faults[wanted.pop("fault")]
            times, path = wanted.pop("times", 1), wanted.pop("path", "")
            self.script(make(**wanted), times=times, path=path)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return json_answer(400, {"message": f"No such fault: {error!r}.", "faults": sorted(self.faults)})
        return Answer(204)


def _distorted(fault: Fault, real: Answer) -> Answer | None:
    if fault.ending in {Ending.SILENT, Ending.DROPPED, Ending.RESET}:
        return None
    answer = fault.answer or real
    return fault.rewrite(answer) if fault.rewrite else answer


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for them, so nothing of ours outlives a test
    request_queue_size = 128

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__((LOOPBACK, stand_in.port), _Handler)

    def server_bind(self) -> None:
        # The standard library looks the host's name up here, which may wait for a name server.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def opened(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.add(connection)
            if self.stand_in.closing.is_set():  # accepted just before hang_up, and missed by it
                connection.shutdown(socket.SHUT_RDWR)

    def closed(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.discard(connection)

    def hang_up(self) -> None:
        with self._open_lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:  # the client was faster
                    continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        super().finish()

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:  # the client left: its business
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Stay quiet: the stand-in keeps its own record."""

    def do_request(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > BODY_LIMIT or "Transfer-Encoding" in self.headers:
            self._write(Answer(411), Ending.WHOLE)
            self.close_connection = True
            return
        address = urlsplit(self.path)
        asked = Asked(
            method=self.command,
            path=address.path,
            query=dict(parse_qsl(address.query)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(length)),
        )
        answer, fault = self.server.stand_in.respond(asked)
        if fault and fault.delay:
            self.server.stand_in.closing.wait(fault.delay)
        if answer is not None:
            self._write(answer, fault.ending if fault else Ending.WHOLE)
        elif fault:
            self._say_nothing(fault.ending)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_request  # noqa: N815 - the standard library's names

    def _write(self, answer: Answer, ending: Ending) -> None:
        phrase = HTTPStatus(answer.status).phrase
        lines = [f"HTTP/1.1 {answer.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        if answer.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(answer.body)}")
        body = b"" if self.command == "HEAD" else answer.body
        if ending is Ending.CUT:
            body = body[: len(body) // 2]
            self.close_connection = True
        # In one piece: a head and a body sent apart would wait for each other (delayed acknowledgements).
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def _say_nothing(self, ending: Ending) -> None:
        self.close_connection = True
        if ending is Ending.SILENT:
            self.server.stand_in.closing.wait()
        elif ending is Ending.RESET:
            # Linger for 0 seconds makes close() send RST; detach keeps the library from a FIN before it.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())

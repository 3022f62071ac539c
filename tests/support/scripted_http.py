"""An HTTP server on loopback that gives prepared answers, and breaks off where it is told to."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Answer:
    """One answer; ``length`` is what the header says where that is not the truth."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    seconds_before_body: float = 0.0
    seconds_per_byte: float = 0.0
    slow_after: int = 0
    """With ``seconds_per_byte``: send so many bytes of the body at once before that."""
    stall_after: int | None = None
    """Send so many bytes of the body, then nothing, and keep the connection open."""


HANG_UP = Answer(status=0)
"""Take the request, and close without a word."""


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes


Script = Callable[[Request], Answer]


class ScriptedServer:
    """Gives the answers in order, the last one again and again; an answer may be worked out from the request."""

    def __init__(self, *answers: Answer | Script, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self._answers = list(answers)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"script": self}))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.host, self.port = self._server.server_address[:2]
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _next(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        return answer if isinstance(answer, Answer) else answer(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: ScriptedServer

    def setup(self) -> None:
        super().setup()
        self.script.connections += 1

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client may be the one that hangs up
            super().handle()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def any_method(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(parts.query, keep_blank_values=True)
        answer = self.script._next(Request(self.command, parts.path, query, headers, body))
        if answer.status:
            self.reply(answer)
        else:
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = any_method  # noqa: N815 - the library's names

    def reply(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        length = len(answer.body) if answer.length is None else answer.length
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.send_body(answer)
            self.close_connection = self.close_connection or length != len(answer.body)

    def send_body(self, answer: Answer) -> None:
        self.script._closing.wait(answer.seconds_before_body)
        if answer.stall_after is not None:
            self.wfile.write(answer.body[: answer.stall_after])
            self.script._closing.wait(30)
            self.close_connection = True
            return
        at_once = answer.slow_after if answer.seconds_per_byte else len(answer.body)
        self.wfile.write(answer.body[:at_once])
        for start in range(at_once, len(answer.body)):
            self.wfile.write(answer.body[start : start + 1])
            if self.script._closing.wait(answer.seconds_per_byte):
                return

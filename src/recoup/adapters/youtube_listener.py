"""A listener on loopback that takes the one redirect with which Google's consent page ends (RFC 8252, 7.3)."""

from __future__ import annotations

import threading
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from recoup.core.errors import Conflict, Unavailable

HOST = "127.0.0.1"
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Recoup</title>
<body style="font:1.1rem/1.5 system-ui;margin:4rem auto;max-width:32rem">
<h1>Google has answered</h1><p>Recoup goes on where you started it. You can close this window.</p></html>
"""


class Listener:
    """``with Listener() as listener:`` waits at ``listener.redirect_uri`` for one browser, once.

    ``port`` 0 takes any free one, which Google allows for desktop clients. Raise Conflict when a named port is taken.
    """

    def __init__(self, *, port: int = 0) -> None:
        try:
            self._server = _Server((HOST, port), _Handler)
        except OSError as error:
            raise Conflict(
                f"Nothing can be listened for at {HOST}:{port} ({error.strerror}).",
                fix="Choose another port.",
            ) from error
        self.redirect_uri = f"http://{HOST}:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def wait(self, timeout: timedelta) -> str:
        """Return the address that the browser was led to, with Google's answer in it.

        Raise Unavailable when nobody came in time.
        """
        if not self._server.arrived.wait(timeout.total_seconds()):
            raise Unavailable(
                f"Nobody finished signing in within {timeout.total_seconds() / 60:g} minutes.",
                fix="Run `recoup rights authorise` once more, and open the address that it prints.",
            )
        return f"{self.redirect_uri.rstrip('/')}{self._server.target}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a browser keeps connections open that it may never use

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.target = ""
        self.arrived = threading.Event()
        self._lock = threading.Lock()

    def take(self, target: str) -> bool:
        """Keep the first answer; say whether this is it."""
        with self._lock:
            is_first = not self.target
            self.target = self.target or target
            return is_first


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path != "/" or not parse_qs(address.query).keys() & {"code", "error"}:
            self._say(HTTPStatus.NOT_FOUND, "")  # browsers ask for an icon, too
        elif self.server.take(self.path):
            try:
                self._say(HTTPStatus.OK, PAGE)
            finally:
                self.server.arrived.set()  # only now: who waits for it may end the process
        else:
            self._say(HTTPStatus.GONE, "")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Write nothing: the address holds the code."""

    def _say(self, status: HTTPStatus, page: str) -> None:
        body = page.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

"""What stands before every route: known hosts only, bounded bodies, careful headers, and no failure that leaks."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from ipaddress import AddressValueError, IPv6Address

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recoup.web.errors import problem, unforeseen

LARGEST_BODY = 1_000_000
DRAINED = 10_000_000
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Sent with every answer that does not say otherwise itself."""


class Guard:
    """The outermost layer of ours. It decides nothing by the path: that is for the routes' dependencies."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], largest_body: int = LARGEST_BODY) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._largest_body = largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let the application answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def careful(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        if _host(headers.get("host", "")) not in self._hosts:
            refusal = problem(
                HTTPStatus.BAD_REQUEST, "This server does not go by the name in the Host header."
            )
            await refusal(scope, receive, careful)
            return
        try:
            await self._app(scope, self._bounded(headers, receive), careful)
        except Exception as error:
            if (
                started
            ):  # too late for another answer: the connection breaks, so that nobody takes half for whole
                raise
            await unforeseen(error)(scope, receive, careful)

    def _bounded(self, headers: Headers, receive: Receive) -> Receive:
        """Count what is read of the body, whatever its header says."""
        announced = headers.get("content-length", "")
        too_much = announced.isdecimal() and int(announced[:20]) > self._largest_body
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if too_much or read > self._largest_body:
                await _drained(message, receive)
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"The request is larger than {self._largest_body:,} bytes.",
                    {"Connection": "close"},
                )
            return message

        return bounded


async def _drained(message: Message, receive: Receive) -> None:
    """Read on for a while, keeping nothing: a client that still sends would not hear why it is refused."""
    drained = 0
    while message.get("more_body") and drained < DRAINED:
        message = await receive()
        drained += len(message.get("body", b""))


def _host(header: str) -> str:
    """Return the name in a Host header without its port, in lower case; nothing where it is malformed."""
    if header.startswith("["):
        name, bracket, port = header[1:].partition("]")
        try:
            known = str(IPv6Address(name))
        except AddressValueError:
            return ""
        return known if bracket and (not port or (port[0] == ":" and port[1:].isdecimal())) else ""
    name, colon, port = header.partition(":")
    return "" if colon and not port.isdecimal() else name.lower()

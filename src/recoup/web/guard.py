"""What stands before every route: known hosts, our own pages only, bounded bodies, careful headers, no leaks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import AddressValueError, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recoup.core.errors import Misconfigured
from recoup.web.errors import problem, unforeseen

LARGEST_BODY = 1_000_000
DRAINED = 10_000_000
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITE = frozenset({"same-origin", "none"})

Network = IPv4Network | IPv6Network

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cache-Control": "no-store",
}
TLS_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}

"""Sent with every answer that does not say otherwise itself."""


BOUND = "recoup.bound"


@dataclass(slots=True)
class Bound:
    """How many bytes the body of one request may have."""

    bytes: int


class Guard:
    """The outermost layer of ours. It decides nothing by the path: that is for the routes' dependencies."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str],
        largest_body: int = LARGEST_BODY,
        proxies: Collection[Network] = (),
        is_secure: bool = False,
        seen: Callable[[Scope, int], None] | None = None,
    ) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._largest_body = largest_body
        self._proxies = tuple(proxies)
        self._headers = HEADERS | (TLS_HEADERS if is_secure else {})
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let the application answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False
        bound = Bound(self._largest_body)
        scope = {**self._from_client(scope), BOUND: bound}

        async def careful(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if self._seen is not None:
                    self._seen(scope, message["status"])
            await send(message)

        headers = Headers(scope=scope)
        if _host(headers.get("host", "")) not in self._hosts:
            refusal = problem(
                HTTPStatus.BAD_REQUEST, "This server does not go by the name in the Host header."
            )
            await refusal(scope, receive, careful)
            return
        if not _is_ours(scope["method"], headers):
            refusal = problem(
                HTTPStatus.FORBIDDEN, "This was asked for by a page of another site, and was not done."
            )
            await refusal(scope, receive, careful)
            return
        try:
            await self._app(scope, _bounded(bound, headers, receive), careful)
        except Exception as error:
            if (
                started
            ):  # too late for another answer: the connection breaks, so that nobody takes half for whole
                raise
            await unforeseen(Request(scope), error)(scope, receive, careful)

    def _from_client(self, scope: Scope) -> Scope:
        """Put the client's address in place of our proxy's; what others write into the header is not believed."""
        peer = scope.get("client")
        if not self._proxies or peer is None or not self._is_proxy(peer[0]):
            return scope
        forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
        for address in (one.strip() for one in reversed(forwarded)):
            if not _is_address(address):
                break
            if not self._is_proxy(address):
                return {**scope, "client": (address, 0)}
        return scope

    def _is_proxy(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in network for network in self._proxies)


def allow(request: Request, most: int) -> None:
    """Let a request's body be up to ``most`` bytes long, because its route takes files; call it before reading."""
    request.scope[BOUND].bytes = most


def _bounded(bound: Bound, headers: Headers, receive: Receive) -> Receive:
    """Count what is read of the body, whatever its header says."""
    announced = headers.get("content-length", "")
    expected = int(announced[:20]) if announced.isdecimal() else 0
    read = 0

    async def bounded() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if max(expected, read) > bound.bytes:
            await drained(message, receive)
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"The request is larger than {bound.bytes:,} bytes.",
                {"Connection": "close"},
            )
        return message

    return bounded


def networks(written: Iterable[str]) -> list[Network]:
    """Read addresses and networks of proxies; raise Misconfigured."""
    try:
        return [ip_network(one, strict=False) for one in written]
    except ValueError as error:
        raise Misconfigured(
            f"web.trusted_proxies: {error}.", fix="Write addresses or networks such as 10.0.0.0/8."
        ) from None


def _is_ours(method: str, headers: Headers) -> bool:
    """Say whether a change was asked for by our own pages, or by a program that no browser's cookies come with.

    By Fetch Metadata, and by Origin where a browser does not send it (OWASP, cross-site request forgery prevention).
    """
    if method in SAFE_METHODS or ("authorization" in headers and "cookie" not in headers):
        return True
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in OWN_SITE
    if (origin := headers.get("origin")) is not None:
        return origin.partition("://")[2] == headers.get("host", "")
    return "cookie" not in headers


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


async def drained(message: Message, receive: Receive) -> None:
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

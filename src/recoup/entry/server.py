"""`recoup server`: the API on one address, until told to stop."""

from __future__ import annotations

import errno
import gc
import socket
import threading
from typing import Annotated

import uvicorn
from cyclopts import Parameter

from recoup import app
from recoup.core.errors import Conflict, Misconfigured
from recoup.core.system import System
from recoup.entry.api import create_app
from recoup.entry.opening import ready_settings
from recoup.entry.supervised import SupervisedBy, end_with
from recoup.web import keys, output

BACKLOG = 1_024
LONGEST_GOODBYE = 20
"""Seconds that answers under way get when the server is told to stop."""


def server(
    *, fd: Annotated[int | None, Parameter(show=False)] = None, supervised_by: SupervisedBy = None
) -> int:
    """Start the server alone; workers are started with `recoup worker`, or all together with `recoup up`."""
    end_with(supervised_by)
    settings = ready_settings()
    process = settings.process
    listening = listener(process.host, process.port) if fd is None else socket.socket(fileno=fd)
    with listening, app.running(settings) as system:
        key = keys.ensure(settings.home)
        if fd is None:
            output.note(f"Recoup answers on {address_of(listening)}; the API key is in {key}.")
        serve(system, listening)
    return 0


def serve(system: System, listening: socket.socket) -> None:
    """Answer requests until SIGTERM or Ctrl-C; answers under way are finished."""
    ready = server_of(system)
    gc.collect()
    gc.freeze()  # what stays for good is not gone through again and again: each time would keep all waiting for 0.15 s
    try:
        ready.run(sockets=[listening])
    except KeyboardInterrupt:
        return  # raised again by uvicorn once everything is answered


def server_of(system: System) -> uvicorn.Server:
    """Return the server of a running system, as it is run everywhere."""
    application = create_app(system)
    return _Server(
        uvicorn.Config(
            application,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # what a stranger writes into X-Forwarded-For is not who they are
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=LONGEST_GOODBYE,
        ),
        ending=application.state.ending,
    )


class _Server(uvicorn.Server):
    """A server that says when it ends: answers that go on for minutes (a live log) are cut short, not waited for."""

    def __init__(self, config: uvicorn.Config, *, ending: threading.Event) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more requests, and finish those under way."""
        self._ending.set()
        await super().shutdown(sockets)


def listener(host: str, port: int) -> socket.socket:
    """Listen on an address; raise Conflict when another program does, Misconfigured when it is not ours."""
    try:
        family, _, _, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.create_server(where[:2], family=family, backlog=BACKLOG)
        # Connections inherit it; asyncio sets it only where a socket says that it is TCP, which this one does not.
        # Without it the second half of an answer waits 40 ms for the other side to say that it has the first.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Conflict(
                f"Another program listens on {host}:{port}.",
                fix="Stop it, or set RECOUP_PORT to another port.",
            ) from None
        raise Misconfigured(
            f"{host}:{port} cannot be listened on ({error.strerror or error}).",
            fix="Set RECOUP_HOST to an address of this machine, such as 127.0.0.1, and RECOUP_PORT above 1023.",
        ) from None
    listening.set_inheritable(True)
    return listening


def address_of(listening: socket.socket) -> str:
    """Return where a socket listens, as a person types it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

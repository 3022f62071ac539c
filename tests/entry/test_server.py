"""The server's socket: answers do not wait for the network to be polite."""

from __future__ import annotations

import socket

from recoup.entry.server import listener


def test_connections_send_what_they_have_at_once() -> None:
    with (
        listener("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()[:2]) as ours,
    ):
        theirs, _ = listening.accept()
        with theirs:
            assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert ours.fileno() > 0

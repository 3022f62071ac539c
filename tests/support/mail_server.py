"""A real mail server on loopback (aiosmtpd) that says what it is told to and keeps what it accepted."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

logging.getLogger("mail.log").setLevel(logging.CRITICAL)


@dataclass
class Manners:
    """How the server behaves; assign to a field at any time. A reply of None is the usual one."""

    mail: str | None = None
    recipient: str | None = None
    message: str | None = None
    """The reply to the final dot; the mail is kept only when there is none of another kind."""
    drop_after_message: bool = False
    """Keep the mail, and hang up instead of answering."""
    drop_at_recipient: bool = False
    stall: float = 0.0
    """Seconds between keeping the mail and answering."""
    offers_size: int = 33554432


@dataclass(frozen=True)
class Delivered:
    """One mail that the server took."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    options: tuple[str, ...]
    user: str | None


@dataclass
class MailServer:
    """Serves while it is entered. With ``tls``: STARTTLS, or TLS from the first byte when ``implicit``."""

    tls: ssl.SSLContext | None = None
    implicit: bool = False
    accounts: dict[str, str] = field(default_factory=dict)
    manners: Manners = field(default_factory=Manners)
    delivered: list[Delivered] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._protocols: list[_Protocol] = []
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def handle(self, name: str) -> str | None:
        """Give the prepared reply to a command."""
        return getattr(self.manners, name)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.manners.mail is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.manners.mail or "250 OK"

    async def handle_RCPT(  # noqa: N802 - as above
        self, server: SMTP, _: Session, envelope: Envelope, address: str, __: list[str]
    ) -> str:
        if self.manners.drop_at_recipient:
            server.transport.abort()
        if self.manners.recipient is None:
            envelope.rcpt_tos.append(address)
        return self.manners.recipient or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        if self.manners.message is None:
            login = session.auth_data
            content = envelope.original_content or b""
            options = tuple(envelope.mail_options)
            mail = Delivered(
                str(envelope.mail_from), tuple(map(str, envelope.rcpt_tos)), content, options, login
            )
            self.delivered.append(mail)
        if self.manners.drop_after_message:
            server.transport.abort()
        await asyncio.sleep(self.manners.stall)
        return self.manners.message or f"250 2.0.0 queued as {len(self.delivered)}"

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        direct = self.tls if self.implicit else None
        server = self._loop.run_until_complete(
            self._loop.create_server(self._protocol, "127.0.0.1", 0, ssl=direct)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._loop.call_soon(started.set)
        self._loop.run_forever()
        server.close()
        for protocol in self._protocols:
            with suppress(
                AttributeError
            ):  # there is none; or it is a TLS one that ended, in early Pythons 3.11
                protocol.transport.abort()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def _protocol(self) -> SMTP:
        self.connections += 1
        protocol = _Protocol(
            self,
            hostname="mail.test",
            loop=self._loop,
            enable_SMTPUTF8=True,
            data_size_limit=self.manners.offers_size,
            tls_context=None if self.implicit else self.tls,
            authenticator=self._authenticate if self.accounts else None,
            auth_require_tls=not self.implicit,
        )
        self._protocols.append(protocol)
        return protocol

    def _authenticate(self, _: SMTP, __: Session, ___: Envelope, ____: str, login: Any) -> AuthResult:
        assert isinstance(login, LoginPassword)
        user, password = login.login.decode(), login.password.decode()
        return AuthResult(success=self.accounts.get(user) == password, handled=False, auth_data=user)


class _Protocol(SMTP):
    """The library's protocol; it is told apart so that the server can end those that are still open."""

"""A connection to a mail server: each step bounded in time, each answer read as what it means for us."""

from __future__ import annotations

import functools
import ipaddress
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from recoup.core.errors import Misconfigured
from recoup.core.ports import ChannelDown, Refused, Unknown

FAREWELL_SECONDS = 2.0
LONGEST_WAIT = timedelta(days=1)
_LONGEST_TEXT = 500
# "Authentication required", "mechanism too weak", "encryption required" (RFC 4954, 6): the settings, not the mail.
_OUR_FAULT = {530, 534, 538}
_BEFORE_ANY_MAIL = {"the greeting", "EHLO", "STARTTLS", "the sign-in", "NOOP"}
_LATER = re.compile(r"again|retry|wait|later|gr[ea]ylist", re.IGNORECASE)
_WAIT = re.compile(
    r"\b(\d{1,5}) ?(?:(s)(?:ec(?:ond)?s?)?|(m)(?:in(?:ute)?s?)?|(h)(?:(?:ou)?rs?)?)\b", re.IGNORECASE
)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}

Security = Literal["starttls", "tls", "none"]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Where mails leave, and how long each step may take.

    ``security``: ``starttls`` insists on it, ``tls`` speaks it from the first byte (port 465), ``none`` is for a
    server on this machine only. ``ca_file`` names the authorities to trust instead of the system's.
    ``final_seconds`` is the wait after the last byte of a mail (RFC 5321, 4.5.3.2.6: at least ten minutes).
    """

    host: str
    port: int = 587
    security: Security = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    step_seconds: float = 30
    prepare_seconds: float = 120
    final_seconds: float = 600

    def __post_init__(self) -> None:
        if self.security not in {"starttls", "tls", "none"}:
            raise Misconfigured(
                f"Mail security {self.security!r} is unknown.", fix="Use starttls, tls or none."
            )
        if self.security == "none" and not _is_this_machine(self.host):
            fix = "Use starttls (port 587) or tls (port 465)."
            raise Misconfigured(f"Mails would travel to {self.host} in the clear.", fix=fix)
        if (self.user is None) != (self.password is None):
            fix = "Give both, or neither for a server that asks for none."
            raise Misconfigured("The mail server's user and password go together.", fix=fix)


class Line:
    """A connection to the server; ``open_line`` makes one that is secured and signed in."""

    def __init__(self, settings: SmtpSettings) -> None:
        self.server = f"{settings.host}:{settings.port}"
        self._settings = settings
        self._deadline = time.monotonic() + settings.prepare_seconds
        self._smtp = self._connect()

    def extension(self, name: str) -> str | None:
        """Return the parameters of a service extension that the server offers, or None."""
        return self._smtp.esmtp_features.get(name)

    def speak_utf8(self) -> None:
        """Write addresses as UTF-8 from here on (RFC 6531)."""
        self._smtp.command_encoding = "utf-8"

    def description(self) -> str:
        """Say how the connection is secured and whether it is signed in."""
        sock = self._smtp.sock
        secured = sock.version() if isinstance(sock, ssl.SSLSocket) else "not encrypted"
        return f"{secured}, {'signed in' if self._settings.user else 'no sign-in'}"

    def expect(self, stage: str, command: str, *codes: int) -> None:
        """Give a command; raise Refused or ChannelDown when the answer is none of ``codes``."""
        answer, text = self._step(stage, lambda: self._smtp.docmd(command))
        if answer not in codes:
            raise self.refusal(stage, answer, _plain(text))

    def begin_message(self) -> None:
        """Ask whether the message may come; raise Refused or ChannelDown when not."""
        self._deadline = time.monotonic() + self._settings.step_seconds  # preparing is over
        self.expect("DATA", "DATA", 354)

    def pour(self, portion: bytes) -> None:
        """Send a piece of the message; raise Refused when that fails, since the message's end was not sent."""
        try:
            self._socket(self._settings.step_seconds).sendall(portion)
        except (OSError, smtplib.SMTPException) as error:
            failure = self._last_words(error)
            self._smtp.close()  # a QUIT would become part of the message
            raise failure from error

    def finish(self) -> tuple[int, str]:
        """Send the dot that ends the message and return the answer; raise Unknown when none can be read."""
        try:
            self._socket(self._settings.final_seconds).sendall(b".\r\n")
            code, text = self._smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            reason = f"{self.server} was given the whole mail and did not answer: {error}."
            raise Unknown(reason, answer=self.evidence("the message", None, str(error))) from error
        return code, _plain(text)

    def refusal(self, stage: str, code: int, text: str) -> Refused | ChannelDown:
        """Return what an answer that is no success means."""
        said = f"{self.server} answered {stage} with {code} {text}"
        if not 500 <= code < 600:  # noqa: PLR2004 - RFC 5321, 4.2.1: permanent negative completion
            wait = named_wait(text)
            return Refused(said, permanent=False, retry_after=wait, answer=self.evidence(stage, code, text))
        if code in _OUR_FAULT or stage in _BEFORE_ANY_MAIL:
            return ChannelDown(said)
        return Refused(said, permanent=True, answer=self.evidence(stage, code, text))

    def evidence(self, stage: str, code: int | None, text: str) -> dict[str, Any]:
        """Return what is kept of an answer."""
        return {"server": self.server, "stage": stage, "code": code, "text": text}

    def sign_in(self) -> None:
        """Greet, secure and sign in as the settings say; raise Refused or ChannelDown."""
        self._hello()
        if self._settings.security == "starttls":
            if self.extension("starttls") is None:
                raise ChannelDown(f"{self.server} offers no STARTTLS, so mails would travel in the clear.")
            context = _context(self._settings)
            self._step("STARTTLS", lambda: self._smtp.starttls(context=context))
            self._hello()
        user, password = self._settings.user, self._settings.password
        if user is None or password is None:
            return
        try:
            self._step("the sign-in", lambda: self._smtp.login(user, password))
        except UnicodeEncodeError:
            raise ChannelDown(f"User or password for {self.server} have letters beyond ASCII.") from None

    def leave(self) -> None:
        """Say goodbye, without insisting; nothing here changes what became of a mail."""
        try:
            self._socket(FAREWELL_SECONDS)
            self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            pass
        finally:
            self._smtp.close()

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        connect: Callable[..., smtplib.SMTP] = smtplib.SMTP
        if settings.security == "tls":
            connect = functools.partial(smtplib.SMTP_SSL, context=_context(settings))
        seconds = min(settings.step_seconds, settings.prepare_seconds)
        smtp = self._translate(
            "the greeting", lambda: connect(settings.host, settings.port, _our_name(), timeout=seconds)
        )
        if smtp.sock is not None:
            # The dot that ends a mail is three bytes, which must not wait until those before are acknowledged.
            smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return smtp

    def _hello(self) -> None:
        code, text = self._step("EHLO", self._smtp.ehlo)
        if code != 250:  # noqa: PLR2004 - RFC 5321, 4.3.2
            raise self.refusal("EHLO", code, _plain(text))

    def _step(self, stage: str, do: Callable[[], _T]) -> _T:
        left = self._deadline - time.monotonic()

        def within_time() -> _T:
            self._socket(max(0.01, min(left, self._settings.step_seconds)))
            return do()

        return self._translate(stage, within_time)

    def _translate(self, stage: str, do: Callable[[], _T]) -> _T:
        try:
            return do()
        except smtplib.SMTPResponseException as answer:
            raise self.refusal(stage, answer.smtp_code, _plain(answer.smtp_error)) from answer
        except smtplib.SMTPServerDisconnected as error:
            raise self._broken(stage, error) from error
        except smtplib.SMTPException as error:  # what the library finds missing: a way to sign in, above all
            raise ChannelDown(f"{self.server} cannot be used ({stage}): {error}") from error
        except OSError as error:
            raise self._broken(stage, error) from error

    def _broken(self, stage: str, error: Exception) -> Refused | ChannelDown:
        passing = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
        if isinstance(error, ssl.SSLCertVerificationError):
            return ChannelDown(f"The certificate of {self.server} cannot be trusted: {error.verify_message}.")
        if isinstance(error, ssl.SSLError) and not isinstance(error, passing):
            return ChannelDown(f"{self.server} and we agree on no encryption: {error.reason}.")
        return Refused(f"{self.server} broke off at {stage}: {error}.", permanent=False)

    def _last_words(self, error: Exception) -> Refused | ChannelDown:
        """Return why the message could not be sent; a server that hangs up on one too large has often said so."""
        with suppress(OSError, smtplib.SMTPException):
            self._socket(FAREWELL_SECONDS)
            code, text = self._smtp.getreply()
            return self.refusal("the message", code, _plain(text))
        return self._broken("the message", error)

    def _socket(self, seconds: float) -> socket.socket:
        """Return the socket, set to wait no longer than ``seconds`` at a time."""
        if self._smtp.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        self._smtp.sock.settimeout(seconds)
        return self._smtp.sock


@contextmanager
def open_line(settings: SmtpSettings) -> Iterator[Line]:
    """Connect, secure and sign in; say goodbye at the end. Raise Refused or ChannelDown."""
    line = Line(settings)
    try:
        line.sign_in()
        yield line
    finally:
        line.leave()


def named_wait(text: str) -> timedelta | None:
    """Return the wait that a server asks for in words ("try again in 5 minutes"), at most a day, or None."""
    found = _WAIT.search(text) if _LATER.search(text) else None
    if found is None:
        return None
    unit = next(letter for letter in found.groups()[1:] if letter)
    return min(timedelta(**{_UNITS[unit.lower()]: int(found[1])}), LONGEST_WAIT)


@functools.cache
def _our_name() -> str:
    """Return this machine's name for EHLO; asked once, since a broken resolver takes seconds to say no."""
    name = socket.getfqdn()
    return name if "." in name else "[127.0.0.1]"


def _context(settings: SmtpSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise ChannelDown(
            f"The certificates in {settings.ca_file} cannot be read: {error.strerror}."
        ) from error


def _plain(text: bytes | str) -> str:
    """Return an answer as one line without control characters, so that it can be shown and logged."""
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    printable = "".join(letter if letter.isprintable() else " " for letter in shown)
    return " ".join(printable.split())[:_LONGEST_TEXT]


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"

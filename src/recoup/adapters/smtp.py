"""Mail through a server: everything that cannot deliver is done first, DATA alone is the hand-over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from recoup.adapters.envelopes import Envelope, envelope
from recoup.adapters.smtp_line import Line, SmtpSettings, open_line
from recoup.core.errors import Misconfigured, Unavailable
from recoup.core.ports import ChannelDown, Handover, Parcel, Receipt, Refused, Unknown

__all__ = ["SmtpChannel", "SmtpSettings"]

PORTION_BYTES = 64 * 1024


class SmtpChannel:
    """The channel ``mail``: one connection, one sender, one recipient per parcel.

    The headers ``from`` and ``to`` of a parcel are the envelope, its payload is the whole message (RFC 5322).
    A server cannot tell a second copy from a new mail, so a parcel whose answer was lost is never sent again by us.
    """

    name = "mail"
    dedupes = False

    def __init__(self, settings: SmtpSettings) -> None:
        self.settings = settings

    @contextmanager
    def prepare(self, parcel: Parcel) -> Iterator[Handover]:
        """Connect, secure, sign in and announce the mail; nothing up to here can be delivered.

        Raise Refused (for now: no connection, 4yz; for good: 5yz to sender or recipient, a bad address, too large)
        or ChannelDown (no TLS, a bad certificate, credentials that fail: all mails would fail alike).
        """
        addresses = envelope(parcel)
        message = _to_wire(parcel.payload)
        with open_line(self.settings) as line:
            _announce(line, addresses, message)
            yield _Doorstep(line, addresses, message)

    def check(self) -> str:
        """Connect and sign in, send nothing, and say how that went; raise Misconfigured or Unavailable."""
        try:
            with open_line(self.settings) as line:
                line.expect("NOOP", "NOOP", 250)
                return f"{self.settings.host}:{self.settings.port} answers ({line.description()})."
        except ChannelDown as down:
            raise Misconfigured(str(down), fix="Correct the mail settings (RECOUP_MAIL_…).") from down
        except Refused as refusal:
            raise Unavailable(refusal.reason, fix="Try again later.") from refusal


class _Doorstep:
    """A mail that the server has agreed to take and has not seen."""

    def __init__(self, line: Line, addresses: Envelope, message: bytes) -> None:
        self._line, self._addresses, self._message = line, addresses, message

    def send(self) -> Receipt:
        """Hand the mail over.

        Until the line with the single dot has left, no server may deliver (RFC 5321, 4.1.1.4), so a connection that
        breaks before is Refused for now; from then on silence is Unknown.
        """
        line = self._line
        line.begin_message()
        for start in range(0, len(self._message), PORTION_BYTES):
            line.pour(self._message[start : start + PORTION_BYTES])
        try:
            code, text = line.finish()
        except Unknown as silence:
            silence.answer["message_id"] = self._addresses.message_id  # what to search the server's log for
            raise
        evidence = {**line.evidence("the message", code, text), "message_id": self._addresses.message_id}
        if 200 <= code < 300:  # noqa: PLR2004 - RFC 5321, 4.2.1: positive completion
            return Receipt(reference=f"{self._addresses.message_id} {text}".strip(), answer=evidence)
        if 400 <= code < 600:  # noqa: PLR2004 - RFC 5321, 4.2.1: negative completion
            raise line.refusal("the message", code, text)
        raise Unknown(f"{line.server} answered the mail with {code} {text!r}.", answer=evidence)


def _announce(line: Line, addresses: Envelope, message: bytes) -> None:
    options = []
    size = line.extension("size")
    if size is not None:
        if size.isdecimal() and 0 < int(size) < len(message):
            reason = f"The mail has {len(message)} bytes; {line.server} takes at most {size}."
            raise Refused(reason, permanent=True)
        options.append(f"SIZE={len(message)}")
    if not message.isascii():
        if line.extension("8bitmime") is None:
            raise Refused(f"The mail has 8-bit bytes; {line.server} takes 7 bits only.", permanent=True)
        options.append("BODY=8BITMIME")
    if addresses.needs_utf8:
        if line.extension("smtputf8") is None:
            raise Refused(f"{line.server} takes no addresses beyond ASCII.", permanent=True)
        options.append("SMTPUTF8")
        line.speak_utf8()
    line.expect("the sender", " ".join([f"MAIL FROM:<{addresses.sender}>", *options]), 250)
    line.expect("the recipient", f"RCPT TO:<{addresses.recipient}>", 250, 251)


def _to_wire(payload: bytes) -> bytes:
    """End every line with CR LF and double a dot that begins one, so that nothing in it can end the message.

    A bare CR or LF that some servers read as the end of a line and others do not would let a text smuggle in a
    second mail.
    """
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", payload)
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", lines)

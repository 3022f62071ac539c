"""Who a mail is from and for on the outside of the envelope, kept free of what could forge a command or a header."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.parser import BytesHeaderParser

from recoup.core.ports import Parcel, Refused

LONGEST_ADDRESS = 254
"""RFC 5321, 4.5.3.1.3, less the angle brackets."""

# No quoting, no comments, no address literals, no white space, nothing that could end a line or a bracket.
_NAME = re.compile(r"[^\x00-\x20\x7f-\xa0\u2028\u2029<>()\[\]:;,@\\\"]+")
_DOMAIN = re.compile(r"[\w-]+(\.[\w-]+)*")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One sender, one recipient (domains in ASCII), and the mail's own name for itself."""

    sender: str
    recipient: str
    message_id: str

    @property
    def needs_utf8(self) -> bool:
        """Whether a name before the @ has letters that need a server with SMTPUTF8 (RFC 6531)."""
        return not (self.sender + self.recipient).isascii()


def envelope(parcel: Parcel) -> Envelope:
    """Read the envelope from the headers ``from`` and ``to``; raise Refused for good when one is no plain address."""
    message_id = BytesHeaderParser().parsebytes(parcel.payload).get("Message-ID", "")
    return Envelope(
        sender=_address(parcel, "from"),
        recipient=_address(parcel, "to"),
        message_id=" ".join(str(message_id).split()),
    )


def _address(parcel: Parcel, header: str) -> str:
    address = parcel.headers.get(header, "")
    name, _, domain = address.rpartition("@")
    if not _NAME.fullmatch(name) or not _DOMAIN.fullmatch(domain):
        raise Refused(f"{address!r} is no address that a mail can be {header}.", permanent=True)
    try:
        plain = f"{name}@{domain.encode('idna').decode()}"
    except UnicodeError:
        raise Refused(f"{address!r} has a domain that cannot be.", permanent=True) from None
    if len(plain.encode()) > LONGEST_ADDRESS:
        raise Refused(f"{address!r} is longer than {LONGEST_ADDRESS} bytes.", permanent=True)
    return plain

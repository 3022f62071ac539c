"""Web Push as all of the house knows it: our keys, the addresses that browsers give out, and what "gone" is called."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

KNOWN_HOSTS = (
    "fcm.googleapis.com",  # Chrome, and what is made from it: Edge on Android, Opera, Samsung Internet, Brave
    "jmt17.google.com",  # Chromium as the distributions build it
    "updates.push.services.mozilla.com",  # Firefox
    "web.push.apple.com",  # Safari
    "notify.windows.com",  # Edge on Windows, below names such as wns2-par02p
)
"""The push services of browsers; each also stands for every name below it."""
STAND_IN = "127.0.0.1"
"""Named among the hosts, it lets a stand-in on this machine take part: without TLS, on any port."""
GONE = "gone:"
"""How the reason of a refusal begins when the subscription is not there any more, and never will be again."""
LONGEST_ENDPOINT = 2_000
POINT_BYTES, AUTH_BYTES = 65, 16

_NAME = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*"
_ENDPOINT = re.compile(rf"https://({_NAME})/[!-~]*")
_STAND_IN = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/[!-~]*")
_ODD = re.compile(r"[^!-~]|[\\\"<>^`{|}#]")
"""Where two readers of one address might not read the same: a host that we checked must be the one that is asked."""
_NUMBER = re.compile(r"[0-9.]+|\[.*|0x[0-9a-f.x]*", re.IGNORECASE)
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class VapidKeys:
    """The key pair by which push services know this installation (RFC 8292).

    ``private_pem`` is PKCS #8; ``public`` the uncompressed P-256 point, base64url without padding, as browsers want it
    for ``applicationServerKey``. With another pair, every subscription has to be made anew.
    """

    private_pem: str = field(repr=False)
    public: str

    @classmethod
    def make(cls) -> Self:
        """Make a new pair."""
        private = ec.generate_private_key(ec.SECP256R1())
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls(private_pem=pem.decode("ascii"), public=to_base64url(point(private.public_key())))


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as an uncompressed point, 65 bytes on P-256."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def to_base64url(raw: bytes) -> str:
    """Write bytes as base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Read base64url with or without padding; raise ValueError for anything else."""
    bare = text.rstrip("=")
    if not _BASE64URL.fullmatch(bare):
        raise ValueError("this is not base64url")
    try:
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except binascii.Error:
        raise ValueError("this is not base64url") from None


def endpoint_trouble(url: str, hosts: Sequence[str]) -> str | None:
    """Say why we would not post to an address that a browser gave us, as the end of a sentence, or return None.

    Anybody can call himself a browser, so nothing but the push services in ``hosts`` is ever asked: by name, on the
    usual port, with TLS. The sentence does not hold the address.
    """
    if len(url) > LONGEST_ENDPOINT:
        return f"is longer than {LONGEST_ENDPOINT} characters"
    if _ODD.search(url):
        return "cannot be read"
    if STAND_IN in hosts and _STAND_IN.fullmatch(url):
        return None
    whole = _ENDPOINT.fullmatch(url)
    if whole is None:
        return _what_is_odd(url)
    if not any(f".{whole[1]}".endswith(f".{host.lower()}") for host in hosts):
        return "does not belong to a push service that is known here"
    return None


def _what_is_odd(url: str) -> str:
    """Find words for an address that is no endpoint."""
    try:
        parsed = urlsplit(url)
        name, port = parsed.hostname or "", parsed.port
    except ValueError:
        return "cannot be read"
    if parsed.scheme != "https":
        return "is not https" if name and parsed.scheme == "http" else "is not a web address"
    if "@" in parsed.netloc:
        return "holds a user name or a password"
    if port is not None or ":" in parsed.netloc.rpartition("]")[2]:
        return "names a port"
    if _NUMBER.fullmatch(name) or parsed.netloc.startswith("["):
        return "has a number instead of a name"
    return "cannot be read"


def keys_trouble(p256dh: str, auth: str) -> str | None:
    """Say what is wrong with the keys that a browser gave us, as the end of a sentence, or return None."""
    try:
        raw = from_base64url(p256dh)
        if len(raw) != POINT_BYTES:
            return "are not those of a browser"
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
        if len(from_base64url(auth)) != AUTH_BYTES:
            return "are not those of a browser"
    except ValueError:
        return "are not those of a browser"
    return None

"""What a notice looks like on its way: encrypted for one browser (RFC 8291, RFC 8188), signed by us (RFC 8292)."""

from __future__ import annotations

import hashlib
import hmac
import struct
from datetime import datetime, timedelta

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from recoup.core.push import VapidKeys, point, to_base64url

RECORD_BYTES = 4096
LONGEST_BODY = 4096
"""Push services take at least this much (RFC 8030, section 7.2), and most no more."""
SALT_BYTES, KEY_BYTES, NONCE_BYTES, TAG_BYTES = 16, 16, 12, 16
HEAD_BYTES = SALT_BYTES + 4 + 1 + 65
LONGEST_TEXT = LONGEST_BODY - HEAD_BYTES - 1 - TAG_BYTES
PADDED_TO = 1024
SIGNED_FOR = timedelta(hours=12)
"""Half of what RFC 8292 allows, so that a clock that is wrong by hours spoils nothing."""
TOPIC_CHARACTERS = 32


def encrypted(
    text: bytes,
    *,
    p256dh: bytes,
    auth: bytes,
    sender: ec.EllipticCurvePrivateKey,
    salt: bytes,
    padding: int = 0,
) -> bytes:
    """Return the body of a push message: one record of aes128gcm that only one browser can read.

    ``p256dh`` (65 bytes) and ``auth`` (16 bytes) are the browser's; ``sender`` and ``salt`` (16 bytes) are made for
    this message alone. Raise ValueError where ``p256dh`` is no point of the curve.
    """
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), p256dh)
    ours = point(sender.public_key())
    shared = sender.exchange(ec.ECDH(), theirs)
    secret = _derived(shared, salt=auth, info=b"WebPush: info\0" + p256dh + ours, length=32)
    key = _derived(secret, salt=salt, info=b"Content-Encoding: aes128gcm\0", length=KEY_BYTES)
    nonce = _derived(secret, salt=salt, info=b"Content-Encoding: nonce\0", length=NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, text + b"\x02" + bytes(padding), None)
    return salt + struct.pack(">IB", RECORD_BYTES, len(ours)) + ours + sealed


def padding_of(length: int) -> int:
    """Return how many bytes to add to a text, so that its length does not tell which of our sentences it is."""
    return max(0, min(-length % PADDED_TO, LONGEST_TEXT - length))


def signature(keys: VapidKeys, *, origin: str, contact: str, now: datetime) -> str:
    """Return the header Authorization for a push service; ``origin`` is its scheme, host and port.

    ``contact`` is a mail address or an https address at which its people can reach ours. Raise ValueError where the
    keys cannot be used, or do not belong together.
    """
    private = load_pem_private_key(keys.private_pem.encode(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise ValueError("the private key is not of P-256")  # noqa: TRY004 - one failure for every key that does not fit
    if to_base64url(point(private.public_key())) != keys.public:
        raise ValueError("the keys do not belong together")
    claims = {
        "aud": origin,
        "exp": int((now + SIGNED_FOR).timestamp()),
        "sub": contact if ":" in contact else f"mailto:{contact}",
    }
    return f"vapid t={jwt.encode(claims, private, algorithm='ES256')}, k={keys.public}"


def topic(tag: str, auth: bytes) -> str:
    """Return the name under which a newer notice replaces one that still waits at the push service.

    Keyed by what only the browser and we know, so that nobody there can try out our tags; letters and digits alone,
    since Apple takes no others.
    """
    return hmac.new(auth, tag.encode(), hashlib.sha256).hexdigest()[:TOPIC_CHARACTERS]


def _derived(key: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(key)

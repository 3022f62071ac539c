"""Secrets of this installation: one root, a key derived from it for each purpose, and values sealed with AES-256-GCM.

A sealed value says which key sealed it, and opens only where it belongs (``about``): copied to another row, changed by
one bit or sealed by another installation, it is a failure and never another value.
"""

from __future__ import annotations

import functools
import hashlib
import secrets
from pathlib import Path
from typing import Annotated

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import AfterValidator, SecretStr
from pydantic_core import PydanticCustomError

from recoup.core.errors import Misconfigured
from recoup.core.private import made_once
from recoup.settings import Env, Section, Settings

SECTION = "people"
"""The section of the settings that holds the root secret, because signing in is what it is for first."""

SHORTEST_SECRET = 32
PLACEHOLDERS = frozenset({"your-very-secret-key-here-change-this"})
"""What the examples of others set, which the whole world knows."""

KEY_BYTES = 32
_VERSION = b"\x01"
_ID_BYTES, _NONCE_BYTES, _TAG_BYTES = 8, 12, 16


def _worthy(secret: SecretStr | None) -> SecretStr | None:
    if secret is None:
        return None
    text = secret.get_secret_value().strip()
    if text in PLACEHOLDERS:
        # In the words of the settings, which show nothing of a secret that they refuse.
        expected = "a secret of your own, not the placeholder of an example"
        raise PydanticCustomError("literal_error", "expected another", {"expected": expected})
    if len(text) < SHORTEST_SECRET:
        raise PydanticCustomError(
            "greater_than_equal", "expected more", {"ge": f"{SHORTEST_SECRET} characters"}
        )
    return secret


class SecretSettings(Section):
    """The root of every key that this installation derives."""

    secret_key: Annotated[SecretStr | None, AfterValidator(_worthy), Env("SECRET_KEY")] = None
    """None: made once, in ``secrets/people.key`` under ``home``."""


class Sealer:
    """Seals with one key and opens what it sealed."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._id = hashlib.sha256(b"key id" + key).digest()[:_ID_BYTES]

    def seal(self, plain: bytes, *, about: str) -> bytes:
        """Return ``plain`` sealed; it opens only under the same ``about`` (table, column, row)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        head = _VERSION + self._id
        return head + nonce + self._cipher.encrypt(nonce, plain, head + about.encode())

    def open(self, sealed: bytes, *, about: str) -> bytes:
        """Return what was sealed; raise Misconfigured where it is not what we sealed for this place."""
        head, rest = sealed[: len(_VERSION) + _ID_BYTES], sealed[len(_VERSION) + _ID_BYTES :]
        if head != _VERSION + self._id or len(rest) < _NONCE_BYTES + _TAG_BYTES:
            raise Misconfigured(
                "A sealed value was sealed with another key than this installation's.",
                fix="Set SECRET_KEY, or secrets/people.key in RECOUP_HOME, to what it was.",
            )
        nonce, body = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, body, head + about.encode())
        except InvalidTag:
            raise Misconfigured(
                "A sealed value was changed, or stands where it was not sealed for.",
                fix="Restore its table from a backup.",
            ) from None


def derived(settings: Settings, purpose: str) -> bytes:
    """Return the key for ``purpose``: 32 bytes that say nothing of the root or of another purpose's key."""
    return HKDF(SHA256(), KEY_BYTES, salt=b"recoup", info=purpose.encode()).derive(_root(settings))


def sealer_of(settings: Settings) -> Sealer:
    """Return what seals this installation's values."""
    return Sealer(derived(settings, "sealing"))


def _root(settings: Settings) -> bytes:
    secret = settings.section(SECTION, SecretSettings).secret_key
    return _made(settings.home) if secret is None else secret.get_secret_value().strip().encode()


@functools.lru_cache(maxsize=8)
def _made(home: Path) -> bytes:
    """Return the secret that this installation made for itself, read once per process."""
    path = home / "secrets" / "people.key"
    found = made_once(path, _new_root).strip()
    if len(found) < SHORTEST_SECRET:
        raise Misconfigured(
            f"{path} does not hold a key.",
            fix="Restore it from a backup. Without one remove it: everybody signs in and enrols anew.",
        )
    return found


def _new_root() -> bytes:
    return f"{secrets.token_urlsafe(KEY_BYTES)}\n".encode()

"""The API key of this installation, made at first start; users and their own keys come with the people part."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from recoup.core.errors import Misconfigured
from recoup.core.private import made_once

PREFIX = "recoup_"


def path_of(home: Path) -> Path:
    """Return the file that holds the key."""
    return home / "secrets" / "api.key"


def ensure(home: Path) -> Path:
    """Make the key where there is none yet; return the file that holds it (readable by its owner only)."""
    _key(home)
    return path_of(home)


def matches(home: Path, presented: str) -> bool:
    """Say whether ``presented`` is this installation's key, in a time that tells nothing about it."""
    return hmac.compare_digest(_digest(_key(home)), _digest(presented))


def _key(home: Path) -> str:
    path = path_of(home)
    key = made_once(path, _new).decode("utf-8", "replace").strip()
    if not key.startswith(PREFIX):
        raise Misconfigured(f"{path} does not hold an API key.", fix="Remove it; a new one is made.")
    return key


def _new() -> bytes:
    return f"{PREFIX}{secrets.token_urlsafe(32)}\n".encode()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()

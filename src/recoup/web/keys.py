"""The API key of this installation, made at first start; users and their own keys come with the people part."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path


def ensure(home: Path) -> Path:
    """Make the key where there is none yet; return the file that holds it (readable by its owner only)."""
    path = home / "secrets" / "api.key"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        part = path.with_name(f".api.key.{os.getpid()}.part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"recoup_{secrets.token_urlsafe(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)  # the first of several processes wins
        except FileExistsError:
            pass
        finally:
            part.unlink()
    return path


def matches(home: Path, presented: str) -> bool:
    """Say whether ``presented`` is this installation's key, in a time that tells nothing about it."""
    stored = ensure(home).read_text(encoding="ascii").strip()
    return hmac.compare_digest(_digest(stored), _digest(presented))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()

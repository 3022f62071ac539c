"""Decisions about what people hold: codes that they type, tokens that programs keep, and what we keep of both."""

from __future__ import annotations

import hashlib
import hmac
import secrets

TOKEN_BYTES = 32
SALT_BYTES = 16
KEY_PREFIX = "rcp_"
SHOWN_OF_A_KEY = len(KEY_PREFIX) + 6
LONGEST_TOKEN = 200
"""Of those that are opaque; an access token may be longer (see ``access_tokens``)."""

# 16 MB and a few hundredths of a second for each guess, on top of the pepper that a thief of the database lacks.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}


def new_token() -> str:
    """Return 256 random bits as text that may stand in an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def new_key() -> str:
    """Return a new personal key; its prefix lets scanners of leaked secrets know it for one."""
    return KEY_PREFIX + new_token()


def token_hash(token: str) -> bytes:
    """Return what is kept of a token: with 256 bits to guess, a plain hash is enough."""
    return hashlib.sha256(token[:LONGEST_TOKEN].encode("utf-8", "replace")).digest()


def new_code(length: int) -> str:
    """Return a code of ``length`` decimal digits, each as likely as the others."""
    return f"{secrets.randbelow(10**length):0{length}d}"


def new_salt() -> bytes:
    """Return a salt for one code."""
    return secrets.token_bytes(SALT_BYTES)


def code_hash(code: str, *, salt: bytes, pepper: bytes) -> bytes:
    """Return what is kept of a code. Slow on purpose; the pepper is not in the database."""
    peppered = hmac.digest(pepper, code.encode("utf-8", "replace"), "sha256")
    return hashlib.scrypt(peppered, salt=salt, **_SCRYPT)


def same(one: bytes, other: bytes) -> bool:
    """Compare in a time that tells nothing."""
    return hmac.compare_digest(one, other)


def typed(code: str) -> str:
    """Return a code as it was mailed: people type blanks and dashes between its digits."""
    return "".join(char for char in code if char not in " -\t\N{NO-BREAK SPACE}")

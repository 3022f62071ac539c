"""What may be the key of a stored object: one set of rules, so that a folder and a bucket hold the same things."""

from __future__ import annotations

import unicodedata

from recoup.core.errors import Invalid

MAX_KEY_BYTES = 1024
MAX_PART_BYTES = 255
UNFINISHED = ".part"
"""What an object is called in a folder while it is being written; no finished one may end like it."""


def check(key: str) -> str:
    """Return ``key`` when it can name a file below a folder and nowhere else; raise Invalid otherwise."""
    if problem := _problem_with_path(key.split("/"), key):
        raise Invalid(f"{key!r} cannot be the key of an object: {problem}.")
    return key


def check_new(key: str) -> str:
    """Return ``key`` when every store can keep an object under it; raise Invalid otherwise."""
    check(key)
    if problem := _problem_with_new(key):
        raise Invalid(f"{key!r} cannot be the key of a new object: {problem}.")
    return key


def check_prefix(prefix: str) -> str:
    """Return ``prefix`` when keys can start with it (it may end in the middle of a name); raise Invalid otherwise."""
    *folders, _ = prefix.split("/")
    if problem := _problem_with_path(folders, prefix):
        raise Invalid(f"No key starts with {prefix!r}: {problem}.")
    return prefix


def _problem_with_path(parts: list[str], text: str) -> str | None:
    if text.startswith("/"):
        return "it starts with a slash"
    if any(part in {"", ".", ".."} for part in parts):
        return "a part between slashes is empty, '.' or '..'"
    if "\0" in text:
        return "it contains a NUL byte"
    if "\\" in text:
        return "it contains a backslash"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "it is not valid UTF-8"
    return None


def _problem_with_new(key: str) -> str | None:
    if any(unicodedata.category(character) == "Cc" for character in key):
        return "it contains a control character"
    if key.endswith(UNFINISHED):
        return f"names that end in {UNFINISHED} are kept for objects that are being written"
    if len(key.encode()) > MAX_KEY_BYTES:
        return f"it is longer than {MAX_KEY_BYTES} bytes"
    if any(len(part.encode()) > MAX_PART_BYTES for part in key.split("/")):
        return f"a part between slashes is longer than {MAX_PART_BYTES} bytes"
    return None

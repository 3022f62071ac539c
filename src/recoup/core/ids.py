"""Ids: UUID version 7 (RFC 9562), made in Python, so a row has its name before it is written."""

from __future__ import annotations

from uuid import UUID

import uuid_utils.compat

from recoup.core.errors import Invalid


def new_id() -> UUID:
    """Return a new UUIDv7; ids made later in one process sort later."""
    return uuid_utils.compat.uuid7()


def parse_id(text: str) -> UUID:
    """Read an id; raise Invalid when it is none."""
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(f"{text!r} is not an id.", fix="Copy it from a list command.") from None


ID_DIGITS = 32
SHORTEST_BEGINNING = 6
"""Fewer digits would find half of everything: ids of one morning begin alike."""


def ids_that_begin(text: str) -> tuple[UUID, UUID] | None:
    """Return the first and the last id that begin with ``text``, or None where that is no beginning of an id."""
    digits = text.strip().lower().replace("-", "")
    if not SHORTEST_BEGINNING <= len(digits) <= ID_DIGITS or not all(
        char in "0123456789abcdef" for char in digits
    ):
        return None
    return UUID(digits.ljust(ID_DIGITS, "0")), UUID(digits.ljust(ID_DIGITS, "f"))

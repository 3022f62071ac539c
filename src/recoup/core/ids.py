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

"""Signing in for a content owner: a person says yes once, and what comes of it is kept in a file of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recoup.core.errors import Invalid
from recoup.core.private import replaced

LARGEST = 100_000


def authorised_path(home: Path, owner: str) -> Path:
    """Return the file that holds what a person authorised for an owner."""
    safe = "".join(char for char in owner if char.isascii() and (char.isalnum() or char in "-_"))
    return home / "secrets" / f"youtube-{safe}.json"


def keep(home: Path, owner: str, credentials: Mapping[str, Any]) -> Path:
    """Write credentials as google-auth reads them, readable by us alone; return where."""
    path = authorised_path(home, owner)
    replaced(path, json.dumps(dict(credentials), indent=1).encode())
    return path


def client_in(path: Path) -> Mapping[str, Any]:
    """Read a client secret file as Google's console gives it; raise Invalid with what is wrong with it."""
    fix = "Make an OAuth client of the type Desktop app in Google's console, and download its file."
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(LARGEST))
    except OSError as error:
        raise Invalid(f"{path} cannot be read ({error.strerror}).", fix=fix) from None
    except ValueError:
        raise Invalid(f"{path} is no client secret file: it is not JSON.", fix=fix) from None
    if not isinstance(found, dict):
        raise Invalid(f"{path} is no client secret file.", fix=fix)
    return found

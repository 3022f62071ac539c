"""What stored files say of their health: the store takes bytes, gives them back, and lets go of them."""

from __future__ import annotations

import io

from recoup.core.errors import RecoupError
from recoup.core.ids import new_id
from recoup.core.parts import Check
from recoup.core.system import System

_PROBE = b"recoup doctor\n"


def usable(system: System) -> list[Check]:
    """Put a small object, read it back, remove it."""
    store, key = system.ports.files, f"probe/{new_id()}"
    try:
        store.put(key, io.BytesIO(_PROBE), media_type="text/plain")
        try:
            with store.open(key) as body:
                same = body.read() == _PROBE
        finally:
            store.delete(key)
    except RecoupError as error:
        return [Check("files", ok=False, detail=error.detail, fix=error.fix)]
    if not same:
        fix = "Look at the disk or the bucket before anything else is kept there."
        return [
            Check("files", ok=False, detail=f"{store.name} gives back other bytes than it took.", fix=fix)
        ]
    return [Check("files", ok=True, detail=f"{store.name} takes bytes and gives them back.")]

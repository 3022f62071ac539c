"""What stored files say of their health: the store takes bytes, gives them back, and lets go of them."""

from __future__ import annotations

import functools
import io

from recoup.core.ids import new_id
from recoup.core.parts import Check, Probe
from recoup.core.ports import BlobStore
from recoup.core.system import System

_PROBE = b"recoup doctor\n"


def usable(system: System) -> list[Probe]:
    """Offer to try the store."""
    told = "Puts a small object into the store of files, reads it back and removes it."
    return [Probe("files", told, functools.partial(_tried, system.ports.files))]


def _tried(store: BlobStore) -> Check:
    key = f"probe/{new_id()}"
    store.put(key, io.BytesIO(_PROBE), media_type="text/plain")
    try:
        with store.open(key) as body:
            same = body.read() == _PROBE
    finally:
        store.delete(key)
    if not same:
        fix = "Look at the disk or the bucket before anything else is kept there."
        return Check("files", ok=False, detail=f"{store.name} gives back other bytes than it took.", fix=fix)
    return Check("files", ok=True, detail=f"{store.name} takes bytes and gives them back.")

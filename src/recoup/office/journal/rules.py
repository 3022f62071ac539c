"""How events become a chain: each seal's hash covers its events, their order, and the seal before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from recoup.core.clock import to_text
from recoup.office.journal.models import Event

GENESIS = bytes(32)


def canonical(event: Event) -> bytes:
    """Write an event as bytes that are the same on every machine: JSON, sorted keys, UTC."""
    fields = [str(event.id), to_text(event.at), event.actor, event.kind, event.subject, event.detail]
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def chain_hash(previous: bytes, number: int, events: Iterable[Event]) -> bytes:
    """Return SHA-256 over the previous hash, the seal's number, and each event's own hash in order."""
    digest = hashlib.sha256(previous + number.to_bytes(8, "big"))
    for event in events:
        digest.update(hashlib.sha256(canonical(event)).digest())
    return digest.digest()

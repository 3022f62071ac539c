"""Documents that were examined, for tests that are about what happens to them afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recoup.areas.claims.documents.kinds import MEDIA_TYPES


@dataclass(frozen=True)
class Copied:
    """A document whose clean form is the one that was sent."""

    name: str
    kind: str
    size: int
    sha256: str
    fingerprint: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    removed: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path) -> Copied:
        """Take a file as it is."""
        body = path.read_bytes()
        kind = {".pdf": "pdf", ".png": "png", ".jpg": "jpeg"}[path.suffix]
        return cls(path.name, kind, len(body), hashlib.sha256(body).hexdigest())

    @property
    def media_type(self) -> str:
        return str(MEDIA_TYPES[self.kind])

    @property
    def original_size(self) -> int:
        return self.size

    @property
    def original_sha256(self) -> str:
        return self.sha256

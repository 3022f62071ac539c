"""Recoup's server for bench/claims.py; with ``plain`` documents are hashed and copied, not read and rewritten."""

from __future__ import annotations

import hashlib
import shutil
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from recoup import app
from recoup.entry.server import serve


@dataclass(frozen=True)
class Copied:
    """A document that nobody looked at."""

    name: str
    size: int
    sha256: str
    kind: str = "pdf"
    media_type: str = "application/pdf"
    fingerprint: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    removed: tuple[str, ...] = ()

    @property
    def original_size(self) -> int:
        """Return the size."""
        return self.size

    @property
    def original_sha256(self) -> str:
        """Return the hash."""
        return self.sha256


class Copier:
    """Stands in for the reader of documents, so that what it costs can be told apart."""

    def examine(self, source: Path, *, name: str, declared: str, into: Path) -> Copied:  # noqa: ARG002 - the port's shape
        """Copy the document."""
        shutil.copyfile(source, into)
        with into.open("rb") as body:
            digest = hashlib.file_digest(body, "sha256").hexdigest()
        return Copied(name, into.stat().st_size, digest)

    def picture(self, source: Path, *, kind: str, page: int, width: int, into: Path) -> int:
        """Draw nothing: no benchmark asks for it."""
        raise NotImplementedError


def main() -> None:
    """Serve on the file descriptor that was given, as the second word."""
    settings = app.read_settings()
    with app.running(settings) as system:
        if "plain" in sys.argv:
            system = replace(system, ports=replace(system.ports, documents=Copier()))  # noqa: PLW2901 - the one that is served
        serve(system, socket.socket(fileno=int(sys.argv[2])))


if __name__ == "__main__":
    main()

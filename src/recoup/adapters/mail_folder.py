"""Mail without a mail server: each message becomes an .eml file, exactly once by its name."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recoup.core.ports import Handover, Parcel, Receipt, Refused


class MailFolderChannel:
    """Writes messages into a folder; a message that is there already is not written twice."""

    name = "mail"
    dedupes = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def prepare(self, parcel: Parcel) -> Iterator[Handover]:
        """Make the folder; nothing is written yet."""
        self._folder.mkdir(parents=True, exist_ok=True)
        yield _Handover(self._folder / f"{_file_name(parcel.key)}.eml", parcel)


class _Handover:
    def __init__(self, path: Path, parcel: Parcel) -> None:
        self._path = path
        self._parcel = parcel

    def send(self) -> Receipt:
        """Write the message whole or not at all."""
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                file.write(self._parcel.payload)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise Refused(f"{self._path} cannot be written: {error.strerror}.", permanent=False) from None
        return Receipt(str(self._path.name))


def _file_name(key: str) -> str:
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', key)[:80]}-{digest}"

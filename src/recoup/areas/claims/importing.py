"""Sheets on their way in, for every door: read in a process of their own before a transaction is open."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from sqlalchemy.orm import Session

from recoup.areas.claims import controls
from recoup.areas.claims.sheets import reading
from recoup.areas.claims.sheets.reading import Reading
from recoup.core.system import System
from recoup.office.controls import service as house
from recoup.office.files import service as files
from recoup.office.files.models import File

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"


@contextmanager
def sheet(system: System, db: Session, body: BinaryIO, *, name: str) -> Iterator[Reading]:
    """Read a sheet; the session has no transaction open meanwhile, and begins another one afterwards."""
    currency = house.value(db, controls.CURRENCY)
    db.rollback()  # reading takes as long as the sheet is
    with reading.read(system.home, body, name=name, currency=currency) as read:
        yield read


@contextmanager
def stored(system: System, file: File) -> Iterator[BinaryIO]:
    """Open a stored file as one that lies on this disk, where the process that reads it finds it."""
    folder = system.home / reading.FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as here:
        with files.open_file(system.ports.files, file) as body:
            shutil.copyfileobj(body, here)
        here.flush()
        yield here


def media_type(body: BinaryIO) -> str:
    """Return what a sheet is kept as, by its first bytes."""
    body.seek(0)
    return XLSX if body.read(2) == b"PK" else CSV

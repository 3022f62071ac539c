"""Use cases of stored files: keep, open, link to, and sweep what a broken transaction left in the store."""

from __future__ import annotations

import hashlib
import io
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.core.errors import Forbidden, Misconfigured, NotFound, Unavailable
from recoup.core.ids import new_id
from recoup.core.ports import BlobStore
from recoup.core.private import made_once
from recoup.core.tasks import defer
from recoup.office.files import queries, rules
from recoup.office.files.models import File, WithdrawnFile
from recoup.office.journal import service as journal

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ORPHAN_AGE = timedelta(days=1)
SECRET_BYTES = 32
REMOVE = "files.remove"
"""The task that removes the bytes of a withdrawn file."""


def keep(
    db: Session,
    store: BlobStore,
    *,
    name: str,
    body: BinaryIO,
    media_type: str,
    subject: str,
    actor: str,
    now: datetime,
    may: str = "",
) -> File:
    """Write ``body`` to the store while hashing it, then its row in the caller's transaction.

    A transaction that rolls back leaves an object without a row, which ``sweep_orphans`` removes; a row without
    an object cannot come about. ``subject`` is what the file belongs to, as in the journal (``jobs/run/…``), ``may``
    the permission that opening it needs, where one is.
    """
    file_id = new_id()
    key = rules.store_key(file_id, now)
    reader = _Hashing(body)
    clean_type = rules.clean_media_type(media_type)
    written = store.put_if_absent(key, cast("BinaryIO", reader), media_type=clean_type)
    if written.size != reader.size:
        raise Unavailable(
            f"{store.name} kept {written.size} of {reader.size} bytes of {key}.", fix="Try again."
        )
    file = File(
        id=file_id,
        name=rules.clean_name(name),
        media_type=clean_type,
        size=reader.size,
        sha256=reader.digest.hexdigest(),
        store_key=key,
        created_at=now,
        created_by=actor,
        subject=subject,
        may=may,
    )
    db.add(file)
    journal.record(
        db,
        "files.kept",
        f"files/file/{file_id}",
        actor=actor,
        now=now,
        name=file.name,
        size=file.size,
        sha256=file.sha256,
        belongs_to=subject,
    )
    return file


def get(db: Session, file_id: UUID) -> File:
    """Return a file; raise NotFound."""
    file = queries.by_id(db, file_id)
    if file is None:
        raise NotFound(f"There is no file {file_id}.")
    return file


def withdraw(db: Session, file: File, *, reason: str, actor: str, now: datetime) -> None:
    """Take a file away in the caller's transaction: from its commit on no link opens it, and its bytes are removed.

    A second time changes nothing. Links that the store itself signed end with the bytes.
    """
    if queries.withdrawn(db, file.id) is not None:
        return
    db.add(WithdrawnFile(file_id=file.id, at=now, by=actor, reason=reason))
    journal.record(
        db, "files.withdrawn", f"files/file/{file.id}", actor=actor, now=now, name=file.name, reason=reason
    )
    defer(db, REMOVE, file_id=str(file.id))


def remove_bytes(db: Session, store: BlobStore, file_id: UUID) -> None:
    """Remove the bytes of a file that was withdrawn; again is harmless, and the sweep does it where nobody did."""
    if queries.withdrawn(db, file_id) is not None:
        store.delete(get(db, file_id).store_key)


def check_stands(db: Session, file: File) -> None:
    """Raise Forbidden where a file was withdrawn."""
    if queries.withdrawn(db, file.id) is not None:
        raise Forbidden(f"{file.name} was withdrawn.", fix="Ask whoever gave you this link.")


def open_file(store: BlobStore, file: File) -> AbstractContextManager[BinaryIO]:
    """Open a file's bytes for streaming; raise Unavailable when the store holds others than were kept, or none."""
    try:
        info = store.head(file.store_key)
    except NotFound:
        raise Unavailable(
            f"The bytes of {file.name} are gone from {store.name} ({file.store_key}).",
            fix="Bring them back from a backup of the store.",
        ) from None
    if info.size != file.size:
        raise Unavailable(
            f"{store.name} holds {info.size} bytes of {file.name}, and {file.size} were kept ({file.store_key}).",
            fix="Bring them back from a backup of the store.",
        )
    return store.open(file.store_key, if_match=info.etag)


def link(store: BlobStore, secret: bytes, file: File, *, expires_in: timedelta, now: datetime) -> str:
    """Return an address that downloads the file until ``expires_in`` from now (a second to seven days).

    It is the store's own where it gives one, else a path on this server, signed with ``secret``. Whoever holds
    the address can open it, so make it for one person and for a short time.
    """
    lifetime = rules.lifetime(expires_in)
    direct = store.link(file.store_key, name=file.name, expires=lifetime)
    if direct is not None:
        return direct
    expires = now + lifetime
    signature = rules.sign(secret, file.id, expires)
    return f"/files/{file.id}?expires={int(expires.timestamp())}&signature={signature}"


def signing_secret(home: Path) -> bytes:
    """Return this installation's key for links, made at first use in ``home/secrets/files.key`` (mode 0600).

    Remove the file to end every link that was given out.
    """
    path = home / "secrets" / "files.key"
    secret = made_once(path, lambda: secrets.token_bytes(SECRET_BYTES))
    if len(secret) != SECRET_BYTES:
        raise Misconfigured(
            f"{path} does not hold {SECRET_BYTES} bytes.",
            fix="Remove it; a new key is made, and links given out before stop working.",
        )
    return secret


@dataclass(frozen=True, slots=True)
class Sweep:
    """What ``sweep_orphans`` found: damage that only a person can mend, and what it removed.

    ``parked``: there were more objects without a row than an accident explains, so none was removed.
    """

    without_object: Sequence[UUID]
    wrong_size: Sequence[UUID]
    removed: Sequence[str]
    parked: bool


def sweep_orphans(
    db: Session, store: BlobStore, *, now: datetime, older_than: timedelta = ORPHAN_AGE
) -> Sweep:
    """Compare rows with objects: report rows without their object, remove objects without a row.

    Only what is older than ``older_than`` counts (a file may be in the making), and only objects that we named.
    Raises, having removed nothing, when the store does not list to its end.
    """
    ours = (one for one in store.list(rules.PREFIX) if rules.is_our_key(one.key))
    found = queries.difference(db, ours, before=now - older_than, limit=rules.MOST_ORPHANS + 1)
    parked = len(found.without_row) > rules.MOST_ORPHANS
    removed = [] if parked else found.without_row
    for key in removed:
        store.delete(key)
    if removed or parked or found.without_object or found.wrong_size:
        journal.record(
            db,
            "files.swept",
            "files/store",
            actor="files",
            now=now,
            removed=len(removed),
            parked=parked,
            without_object=[str(one) for one in found.without_object[:10]],
            wrong_size=[str(one) for one in found.wrong_size[:10]],
        )
    return Sweep(found.without_object, found.wrong_size, removed, parked)


class _Hashing(io.RawIOBase):
    """Hashes and counts what is read through it; can only be read once, from front to back."""

    def __init__(self, body: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        chunk = self._body.read(len(view))
        view[: len(chunk)] = chunk
        self.digest.update(chunk)
        self.size += len(chunk)
        return len(chunk)

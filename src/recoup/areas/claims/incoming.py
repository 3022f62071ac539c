"""Documents that come in pieces: each upload is a file that grows, with a note of whose it is and what it will be.

An upload is begun with its name and size, and then sent piece by piece, each to the place where the last one ended. A
lost connection, a reload and a restart of the server cost one piece. They lie in ``RECOUP_HOME/incoming/PERSON``, so
nobody reaches another's; on several machines an upload goes on where it began, or begins again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from recoup.areas.claims.documents import kinds
from recoup.core.clock import parse_instant, to_text
from recoup.core.errors import Conflict, Invalid, NotFound, RecoupError, TooLarge, Unavailable
from recoup.core.ids import new_id
from recoup.core.private import replaced
from recoup.core.system import System
from recoup.web import uploads

FOLDER = uploads.FOLDER
PIECE = 512 * 1024
"""Bytes that are taken at once, at most."""
MOST_OPEN = 20
"""Uploads of one person that are not whole."""
LIVES = timedelta(days=1)
LONGEST_WAIT = 25.0
"""Seconds that somebody waits while the same upload is written or read elsewhere."""
LONGEST_NAME = 1_000
_BUSY = "The document is being read."
_FULL = "There is no room for the document on this server at the moment."


class Elsewhere(Conflict):
    """A piece came for another place than the one where the upload ends; ``offset`` is where it does."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"The upload goes on at byte {offset:,}.")
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Announced:
    """What a browser says of a file before it sends it. ``declared`` is its media type, ``sha256`` in hexadecimal.

    ``modified`` is what the browser knows of its last change, for finding an upload of the same file again.
    """

    name: str
    size: int
    declared: str = ""
    sha256: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An upload: ``offset`` bytes of it are here. ``place`` says what it is for, such as ``draft/0198…``.

    ``document_id`` is what became of it; ``refused`` the sentence why nothing did, with its HTTP ``status``.
    """

    id: UUID
    place: str
    announced: Announced
    begun_at: datetime
    offset: int = 0
    document_id: int | None = None
    refused: str = ""
    status: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it was read already."""
        return self.document_id is not None or bool(self.refused)

    @property
    def arrived(self) -> int:
        """How many of its bytes came."""
        return self.announced.size if self.is_over else self.offset

    @property
    def is_whole(self) -> bool:
        """Whether every byte of it is here, or was."""
        return self.arrived == self.announced.size


def begin(home: Path, owner: UUID, place: str, announced: Announced, *, now: datetime) -> Incoming:
    """Begin an upload.

    Raise TooLarge or Invalid for a size that is not taken, Conflict where too many of the person's are not whole.
    """
    if announced.size > kinds.LARGEST:
        raise TooLarge(f"{kinds.clean(announced.name)} is larger than 10 MB.", fix=kinds.ALLOWED)
    if announced.size < 1:
        raise Invalid(f"{kinds.clean(announced.name)} is empty.", fix="Choose the file again.")
    sweep(home, now=now)
    there = [one for one in of_owner(home, owner) if not one.is_over]
    if len(there) >= MOST_OPEN:
        raise Conflict(
            f"{MOST_OPEN} uploads of yours are not whole.",
            fix="Go on with one of them, or remove it where you began it.",
        )
    made = Incoming(new_id(), place, announced, now)
    with _room():
        folder(home)
        _write(home, owner, made)
        _part(home, owner, made.id).touch(mode=0o600)
    return made


def same(home: Path, owner: UUID, place: str, announced: Announced) -> Incoming | None:
    """Return an upload of the very same file for the same place that was not read yet, to go on with."""
    if not (announced.sha256 or announced.modified):
        return None
    open_ones = (one for one in of_owner(home, owner) if not one.is_over)
    return next((one for one in open_ones if (one.place, one.announced) == (place, announced)), None)


def find(home: Path, owner: UUID, upload_id: UUID) -> Incoming:
    """Return an upload of a person; raise NotFound where there is none, or it is another's."""
    found = _read(_note(home, owner, upload_id), owner)
    if found is None:
        raise NotFound("There is no such upload.", fix="Choose the file again.")
    return found


def of_owner(home: Path, owner: UUID) -> list[Incoming]:
    """Return a person's uploads, the oldest first."""
    notes = sorted((home / FOLDER / str(owner)).glob("*.json"))
    return [one for note in notes if (one := _read(note, owner)) is not None]


def unfinished(home: Path, owner: UUID, place: str) -> list[Incoming]:
    """Return what somebody began to send for a place and has not sent whole."""
    return [one for one in of_owner(home, owner) if one.place == place and not one.is_whole]


def announced_bytes(home: Path, owner: UUID, *, without: UUID | None = None) -> int:
    """Return how many bytes a person's uploads will have that were not read yet."""
    return sum(one.announced.size for one in of_owner(home, owner) if not one.is_over and one.id != without)


def take(home: Path, owner: UUID, upload_id: UUID, *, offset: int, piece: bytes) -> Incoming:
    """Write a piece at ``offset``; raise Elsewhere where the upload ends elsewhere.

    Raise TooLarge for more bytes than were announced. What was read already takes nothing, and says what it became.
    """
    with _held(home, owner, upload_id) as (known, part):
        if known.is_over:
            return known
        if offset != known.offset:
            raise Elsewhere(known.offset)
        if offset + len(piece) > known.announced.size:
            raise TooLarge("There are more bytes than were announced.", fix="Choose the file again.")
        with _room():
            part.seek(offset)
            part.write(piece)
            part.flush()
        return replace(known, offset=offset + len(piece))


@contextmanager
def whole(home: Path, owner: UUID, upload_id: UUID) -> Iterator[tuple[Incoming, Path]]:
    """Hold an upload that is whole, and give the path of its bytes; nobody else reads or writes it meanwhile.

    Raise Elsewhere where bytes are missing, Invalid where they are not those that were announced.
    """
    with _held(home, owner, upload_id) as (known, part):
        if not known.is_whole:
            raise Elsewhere(known.offset)
        announced = known.announced
        if not known.is_over and announced.sha256 and _sha256(part) != announced.sha256:
            remove(home, owner, upload_id)  # nobody can go on with it
            name = kinds.clean(announced.name)
            raise Invalid(f"{name} was damaged on its way.", fix="Choose the file again.")
        yield known, _part(home, owner, upload_id)


def settle(home: Path, owner: UUID, known: Incoming, outcome: int | RecoupError) -> Incoming:
    """Write down what became of an upload, a document's number or a refusal; its bytes are removed.

    It stays known for a day: whoever lost the answer asks again.
    """
    if isinstance(outcome, RecoupError):
        over = replace(known, refused=outcome.sentence(), status=outcome.status)
    else:
        over = replace(known, document_id=outcome)
    _write(home, owner, over)
    _part(home, owner, known.id).write_bytes(b"")
    return over


def remove(home: Path, owner: UUID, upload_id: UUID) -> None:
    """Remove an upload; one that is not there is removed already."""
    _note(home, owner, upload_id).unlink(missing_ok=True)
    _part(home, owner, upload_id).unlink(missing_ok=True)


def remove_all(home: Path, owner: UUID, place: str) -> None:
    """Remove every upload for a place that was discarded, or is filed."""
    for one in of_owner(home, owner):
        if one.place == place:
            remove(home, owner, one.id)


def sweep(home: Path, *, now: datetime) -> int:
    """Remove uploads that nobody touched for a day; return how many files went."""
    before = (now - LIVES).timestamp()
    uploads.sweep(home, before=before)
    touched: dict[Path, float] = {}
    there = list((home / FOLDER).glob("*-*/*"))
    for path in there:
        with suppress(FileNotFoundError):  # it ended meanwhile
            at = path.stat().st_mtime
            touched[path.with_suffix("")] = max(at, touched.get(path.with_suffix(""), at))
    left = [path for path in there if touched.get(path.with_suffix(""), before) < before]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def tick(system: System, now: datetime) -> None:
    """Sweep, each minute, where a worker runs beside the server."""
    sweep(system.home, now=now)


# ---------------------------------------------------------------- files


def folder(home: Path) -> Path:
    """Return the folder of what is on its way, made at its first use; ``tmp*`` in it, left by a crash, are swept."""
    path = home / FOLDER
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _note(home: Path, owner: UUID, upload_id: UUID) -> Path:
    return home / FOLDER / str(owner) / f"{upload_id}.json"


def _part(home: Path, owner: UUID, upload_id: UUID) -> Path:
    return home / FOLDER / str(owner) / f"{upload_id}.part"


def _write(home: Path, owner: UUID, known: Incoming) -> None:
    body = {
        "owner": str(owner),
        "place": known.place,
        "begun_at": to_text(known.begun_at),
        "document_id": known.document_id,
        "refused": known.refused,
        "status": known.status,
        **asdict(known.announced),
    }
    replaced(_note(home, owner, known.id), json.dumps(body).encode())


def _read(note: Path, owner: UUID) -> Incoming | None:
    try:
        body: dict[str, Any] = json.loads(note.read_bytes())
        size = note.with_suffix(".part").stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None
    if body["owner"] != str(owner):
        return None
    return Incoming(
        id=UUID(note.stem),
        place=body["place"],
        announced=Announced(body["name"], body["size"], body["declared"], body["sha256"], body["modified"]),
        begun_at=parse_instant(body["begun_at"]),
        offset=size,
        document_id=body["document_id"],
        refused=body["refused"],
        status=body["status"],
    )


@contextmanager
def _held(home: Path, owner: UUID, upload_id: UUID) -> Iterator[tuple[Incoming, BinaryIO]]:
    """Lock an upload, and look at it only then; a server that dies lets go."""
    find(home, owner, upload_id)
    path = _part(home, owner, upload_id)
    try:
        part = path.open("r+b")
    except FileNotFoundError:
        raise NotFound("There is no such upload.", fix="Choose the file again.") from None
    with part:
        _lock(part)
        yield find(home, owner, upload_id), part


def _lock(part: BinaryIO) -> None:
    until = time.monotonic() + LONGEST_WAIT
    while True:
        try:
            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise Unavailable(_BUSY, fix="Ask again in a moment.", retry_after=5) from None
            time.sleep(0.05)
        else:
            return


def _sha256(part: BinaryIO) -> str:
    digest = hashlib.sha256()
    part.seek(0)
    while chunk := part.read(PIECE):
        digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(_FULL, fix="Try again later.", retry_after=60) from error

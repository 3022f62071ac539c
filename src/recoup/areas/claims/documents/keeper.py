"""What the server asks about documents: look at one and write it anew, draw a page of it. The work is the reader's.

No byte of a document is parsed in the server's own process; files go by descriptor, and are hashed in portions.
"""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from recoup.areas.claims.documents import kinds
from recoup.areas.claims.documents.forking import TOO_MUCH_MEMORY
from recoup.areas.claims.documents.found import words
from recoup.areas.claims.documents.kinds import Kind
from recoup.areas.claims.documents.limits import Limits
from recoup.areas.claims.documents.reader import COMMAND, Gone, Reader
from recoup.core.errors import Invalid, NotFound, RecoupError, TooLarge, Unavailable, Unsupported

logger = logging.getLogger(__name__)

SMALLEST_WIDTH, LARGEST_WIDTH = 16, 4_000
_SIMPLER = "Print it to a new PDF, or take a picture of it, and send that."
_REFUSALS: dict[str, type[RecoupError]] = {
    refusal.__name__: refusal for refusal in (Invalid, NotFound, Unsupported, TooLarge)
}
_FACTS = {
    "camera", "changed_at", "download_only", "has_location", "height", "made_at", "pages", "software", "width",
}  # fmt: skip
_MOST_REMOVED = 50
_COME_BACK = 10


@dataclass(frozen=True, slots=True)
class Examined:
    """A document that was read and written anew: sizes in bytes, sha256 in hex, of what is kept and of what was sent.

    ``fingerprint`` is a picture's 64-bit difference hash as a signed number. ``facts`` are what its metadata said
    before it was dropped (``made_at`` and ``changed_at`` as ISO 8601, ``pages``, ``width``, ``height``, ``camera``,
    ``software``, ``has_location``, ``download_only`` …, each only where known); ``removed`` what was taken out.
    """

    name: str
    kind: Kind
    media_type: str
    size: int
    sha256: str
    original_size: int
    original_sha256: str
    fingerprint: int | None
    facts: Mapping[str, Any]
    removed: tuple[str, ...]


class Keeper:
    """Has documents read by a process of its own, which is started at the first one; any number of threads may ask.

    ``at_once`` documents are read at the same time (default: one for each processor); others wait for up to
    ``longest_wait`` seconds and are then told that we are busy.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        at_once: int | None = None,
        longest_wait: float = 30.0,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._limits = limits or Limits()
        self._places = threading.BoundedSemaphore(at_once or os.cpu_count() or 1)
        self._longest_wait = longest_wait
        self._reader = Reader(command)

    def examine(self, source: Path, *, name: str, declared: str, into: Path) -> Examined:
        """Read the document in ``source`` and write it anew into the file ``into``.

        ``declared`` is the media type that it was sent with. Raise Unsupported for what is not taken or not what it
        says, TooLarge beyond ``kinds.LARGEST``, Invalid with a sentence for what cannot be read or must not be kept,
        Unavailable when too many are being read. Where it raises, there is no file ``into``.
        """
        name = kinds.clean(name)
        size = source.stat().st_size
        if size > kinds.LARGEST:
            raise TooLarge(f"{name} is larger than 10 MB.", fix=kinds.ALLOWED)
        if size == 0:
            raise Invalid(f"{name} is empty.", fix="Choose the file again.")
        with source.open("rb") as body:
            kind = kinds.check(name, declared, body.read(kinds.HEAD))
        with _made(into):
            found = self._ask("examine", {"kind": kind, "name": name}, source, into)
            stored, stored_size = _sha256(into)
        original, original_size = _sha256(source)
        return Examined(
            name=name,
            kind=kind,
            media_type=kinds.MEDIA_TYPES[kind],
            size=stored_size,
            sha256=stored,
            original_size=original_size,
            original_sha256=original,
            fingerprint=_fingerprint(found.get("fingerprint")),
            facts=_facts(found.get("facts")),
            removed=_removed(found.get("removed")),
        )

    def picture(self, source: Path, *, kind: str, page: int, width: int, into: Path) -> int:
        """Draw a page (from 1) of a kept document, at most ``width`` pixels wide; return the bytes written.

        What it is, ``kinds.PREVIEW_TYPES`` says. Raise Invalid for documents that can only be downloaded, NotFound
        for a page that is not there, and otherwise as ``examine`` does.
        """
        if Kind(kind) not in kinds.PREVIEW_TYPES:
            raise Invalid("Word documents can only be downloaded.")
        if not SMALLEST_WIDTH <= width <= LARGEST_WIDTH:
            raise Invalid(
                f"A page is drawn {SMALLEST_WIDTH} to {LARGEST_WIDTH:,} pixels wide, not {width:,}."
            )
        if page < 1:
            raise NotFound(f"There is no page {page}: pages are counted from 1.")
        args = {"kind": kind, "name": "The document", "page": page, "width": width}
        with _made(into):
            self._ask("picture", args, source, into)
            return into.stat().st_size

    def close(self) -> None:
        """End the reader; what is being read is broken off, and nothing can be asked any more."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, task: str, args: Mapping[str, Any], source: Path, into: Path) -> dict[str, Any]:
        if not self._places.acquire(timeout=self._longest_wait):
            raise _not_now("Too many documents are being read.")
        try:
            request = {"task": task, "args": args, "limits": asdict(self._limits)}
            for _ in range(2):  # a reader that dies reads nothing itself: the document is not to blame
                try:
                    return self._once(request, source, into)
                except Gone:
                    logger.warning("The process that reads documents ended, and is started again.")
            raise _not_now("Documents cannot be read at the moment.")
        finally:
            self._places.release()

    def _once(self, request: Mapping[str, Any], source: Path, into: Path) -> dict[str, Any]:
        name = request["args"]["name"]
        said = self._reader.ask(request, source, into, seconds=self._limits.clock)
        ended = said[-1]
        if ended.get("was_stopped"):
            raise Invalid(f"{name} took too long to read.", fix=_SIMPLER)
        if ended.get("ended") is None:
            logger.warning("The process that reads documents cannot start another: %s", ended.get("reason"))
            raise _not_now("Documents cannot be read at the moment.")
        return _found(name, ended["ended"], said[0] if len(said) > 1 else {})


def _found(name: str, status: int, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a child found, or raise what it came to instead: never more than a sentence about the document."""
    if status == 0 and isinstance(found := answer.get("found"), dict):
        return found
    if status == 0 and answer.get("refused") in _REFUSALS:
        fix = answer.get("fix")
        raise _REFUSALS[answer["refused"]](str(answer.get("detail")), fix=str(fix) if fix else None)
    if status in {TOO_MUCH_MEMORY, -signal.SIGKILL}:  # the system kills what takes more than it has
        raise Invalid(f"{name} needs too much memory to be read.", fix=_SIMPLER)
    if status in {-signal.SIGXCPU, -signal.SIGALRM}:
        raise Invalid(f"{name} took too long to read.", fix=_SIMPLER)
    logger.warning(
        "A document could not be read: status %s, %s %s",
        status,
        words(str(answer.get("broken", ""))),
        answer.get("place", ""),
    )
    raise Invalid(f"{name} cannot be read: it is damaged, or made in an unusual way.", fix=_SIMPLER)


def _not_now(detail: str) -> Unavailable:
    return Unavailable(detail, fix="Send it again in a moment.", retry_after=_COME_BACK)


@contextmanager
def _made(into: Path) -> Iterator[None]:
    """Make the file for what is written, readable by its owner only; take it away again when that fails."""
    os.close(os.open(into, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600))
    try:
        yield
    except BaseException:
        into.unlink(missing_ok=True)
        raise


def _sha256(path: Path) -> tuple[str, int]:
    with path.open("rb") as body:
        return hashlib.file_digest(body, "sha256").hexdigest(), body.tell()


def _fingerprint(value: object) -> int | None:
    """Return a child's answer if it is a signed number of 64 bits; a child that was taken over may say anything."""
    return value if isinstance(value, int) and -(2**63) <= value < 2**63 else None


def _facts(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    plain = {
        name: words(fact) if isinstance(fact, str) else fact for name, fact in value.items() if name in _FACTS
    }
    return {name: fact for name, fact in plain.items() if isinstance(fact, (str, int, bool))}


def _removed(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(words(what) for what in value[:_MOST_REMOVED] if isinstance(what, str))

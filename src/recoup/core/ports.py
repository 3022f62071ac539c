"""What Recoup asks of the outside world, as Protocols; adapters implement them, tests may stand in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Protocol

# ---------------------------------------------------------------- stored bytes


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """What a store says of one object: key, size in bytes, last change (UTC), ETag (another content, another ETag)."""

    key: str
    size: int
    etag: str
    modified: datetime


class BlobStore(Protocol):
    """Bytes under keys, in a folder or in S3. Keys use ``/`` and never start with it.

    Every method raises Unavailable when the store does not answer (after the adapter's own bounded retries),
    Misconfigured when it refuses our credentials or the bucket is not there, and NotFound for a missing key.
    """

    name: str
    """How a person would name it: ``s3://bucket`` or the folder."""

    def list(self, prefix: str, *, start_after: str = "") -> Iterator[BlobInfo]:
        """Yield every object whose key starts with ``prefix``, page by page; the order is not promised.

        A failure in the middle raises: a list that ended is complete.
        """
        ...

    def head(self, key: str) -> BlobInfo:
        """Return what is known of one object."""
        ...

    def open(self, key: str, *, if_match: str | None = None) -> AbstractContextManager[BinaryIO]:
        """Open one object for streaming reads; ``if_match`` raises Changed when its ETag is another.

        A body that ends early raises Unavailable on the read that notices.
        """
        ...

    def put(self, key: str, body: BinaryIO, *, media_type: str) -> BlobInfo:
        """Write an object whole or not at all, replacing what was there."""
        ...

    def put_if_absent(self, key: str, body: BinaryIO, *, media_type: str) -> BlobInfo:
        """Write an object whole or not at all; raise Conflict when the key is taken."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is fine."""
        ...

    def link(self, key: str, *, name: str, expires: timedelta) -> str | None:
        """Return an address that downloads the object as ``name``, or None where we serve it ourselves."""
        ...


OpenStore = Callable[[str], BlobStore]
"""Opens a store by address, ``s3://bucket[?endpoint=…&region=…]`` or a folder; picklable for child processes."""

# ---------------------------------------------------------------- effects on the outside world


@dataclass(frozen=True, slots=True)
class Parcel:
    """What the outbox hands to a channel: its key, the frozen payload, and how often it was handed before."""

    key: str
    payload: bytes
    headers: Mapping[str, str]
    handings: int
    """How many hand-overs were begun before this one (0 the first time)."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The far side took it: ``reference`` is its name for it, ``answer`` what it said, kept as evidence."""

    reference: str
    answer: dict[str, Any] = field(default_factory=dict)


class Refused(Exception):
    """The far side said no, and nothing happened there.

    ``permanent``: asking again unchanged would be refused again.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool,
        retry_after: timedelta | None = None,
        answer: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.retry_after = retry_after
        self.answer = answer or {}


class ChannelDown(Exception):
    """Our credentials or settings fail for every parcel alike: the channel stops until a person mends it."""


class Unknown(Exception):
    """Bytes went out on which the far side could act, and no answer that we can read came back."""

    def __init__(self, reason: str, *, answer: dict[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer or {}


class Handover(Protocol):
    """A parcel on the doorstep: everything is ready and nothing has happened yet."""

    def send(self) -> Receipt:
        """Send the byte that the far side can act on, and wait for its answer.

        Raise Refused, ChannelDown or Unknown; any other exception is taken as Unknown.
        """
        ...


class Channel(Protocol):
    """One way out of the house."""

    name: str

    @property
    def dedupes(self) -> bool:
        """Say whether the far side tells a second copy of a parcel from a new one.

        Then one of which nobody knows what became may be handed again.
        """
        ...

    def prepare(self, parcel: Parcel) -> AbstractContextManager[Handover]:
        """Connect, sign in, announce: everything before the byte that counts.

        Raise Refused or ChannelDown; any other exception means that nothing was sent, and is retried.
        """
        ...


# ---------------------------------------------------------------- reports of rights claims


@dataclass(frozen=True, slots=True)
class ReportJob:
    """What makes reports of one type for a content owner, day after day. ``expires`` where it will stop."""

    id: str
    report_type: str
    """Such as ``content_owner_active_claims_a3``."""
    created: datetime
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report that can be fetched: of the day from ``starts_at`` (inclusive) to ``ends_at``, made at ``made_at``.

    A second one of the same day, made later, replaces the first.
    """

    id: str
    job_id: str
    starts_at: datetime
    ends_at: datetime
    made_at: datetime
    address: str


@dataclass(frozen=True, slots=True)
class ClaimNow:
    """One rights claim as the platform has it now, and what happened to it there, oldest first."""

    claim: Mapping[str, Any]
    """As the platform answers it."""
    events: tuple[Mapping[str, Any], ...]


class ReportSource(Protocol):
    """The platform's reports about the rights claims of content owners, named by their external ids.

    Every method raises NeedsReauthorisation when a person has to sign in again, Unavailable when the platform does
    not answer or is busy (after the adapter's own bounded retries; ``retry_after`` where it named a time), NotFound
    for a job, report or claim that is not there, and Misconfigured for settings that cannot work. One source serves
    any number of threads.
    """

    def jobs(self, owner: str) -> list[ReportJob]:
        """Return the owner's jobs, those that the platform manages included."""
        ...

    def reports(self, owner: str, job_id: str, *, made_after: datetime | None) -> list[ReportFile]:
        """Return every report that can be fetched and was made after an instant, oldest made first."""
        ...

    def body(self, owner: str, report: ReportFile) -> AbstractContextManager[Iterator[bytes]]:
        """Open a report's bytes: a gzip file or plain text, whatever the headers said; transport packing is undone.

        A body that breaks off, or ends before the length that was announced, raises Unavailable on the read that
        notices; a page instead of a file does not get that far.
        """
        ...

    def claim(self, owner: str, claim_id: str) -> ClaimNow:
        """Ask for one claim as it is now. Raise Forbidden where the account may not use that part of the platform."""
        ...


class Consent(Protocol):
    """A person's consent that is being asked for: the address to open, and what its answer is exchanged for."""

    @property
    def address(self) -> str:
        """Return the address that the person opens in a browser."""
        ...

    def finish(self, answer: str, *, now: Callable[[], datetime]) -> dict[str, Any]:
        """Exchange the address that the browser was sent to, or its query alone, for credentials.

        Raise Invalid for an answer that does not belong to this consent, Forbidden when the person said no, and
        otherwise as ReportSource does.
        """
        ...


class ConsentListener(Protocol):
    """Waits on loopback for the one redirect that ends a consent."""

    @property
    def redirect_uri(self) -> str:
        """Return the address that it waits at."""
        ...

    def wait(self, timeout: timedelta) -> str:
        """Return the address that the browser came with; raise Unavailable when none came in time."""
        ...


class SignIn(Protocol):
    """Signing a person in at the platform that reports rights claims."""

    def begin(self, client: Mapping[str, Any], *, redirect_uri: str) -> Consent:
        """Begin with what a client secret file holds; raise Misconfigured where it cannot be used."""
        ...

    def listen(self, *, port: int) -> AbstractContextManager[ConsentListener]:
        """Open the listener, on a free port where ``port`` is 0; raise Conflict when the port is taken."""
        ...


# ---------------------------------------------------------------- documents that strangers send


class Examined(Protocol):
    """A document after it was read and rewritten: what it is now, and what it came as.

    ``fingerprint`` is a picture's 64-bit difference hash as a signed number; ``facts`` is what its metadata said;
    ``removed`` names in words what was taken out. Sizes are in bytes, hashes are sha256 in hexadecimal.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - see the class
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def media_type(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102
    @property
    def original_size(self) -> int: ...  # noqa: D102
    @property
    def original_sha256(self) -> str: ...  # noqa: D102
    @property
    def fingerprint(self) -> int | None: ...  # noqa: D102
    @property
    def facts(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def removed(self) -> tuple[str, ...]: ...  # noqa: D102


class DocumentExaminer(Protocol):
    """Reads what strangers send, where it can do no harm, and writes it anew."""

    def examine(self, source: Path, *, name: str, declared: str, into: Path) -> Examined:
        """Read a document strictly and write a clean one to ``into``.

        Raise Unsupported for a kind that is not taken, Invalid for what cannot be read or is not harmless, TooLarge,
        and Unavailable when too many wait.
        """
        ...

    def picture(self, source: Path, *, kind: str, page: int, width: int, into: Path) -> int:
        """Draw a page (from 1) of a stored document, ``width`` pixels wide, to ``into``; return the bytes written."""
        ...


class Scanner(Protocol):
    """A virus scanner."""

    def ping(self) -> None:
        """Return when it answers; raise Unavailable when it does not."""
        ...

    def scan(self, body: BinaryIO) -> str | None:
        """Return the name of what was found in the bytes, or None; raise Unavailable when it does not answer."""
        ...

"""What reading a file of usage records gives: plain values that travel between processes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class FileRef:
    """One stored file as the listing named it: the version with this ETag, ``size`` bytes as stored."""

    key: str
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How large things may be, in bytes (``parts`` and ``details``: how many)."""

    chunk: int = 1 << 16
    """Read and decoded at a time."""
    record: int = 1 << 20
    """One record with the white space around it."""
    text: int = 4 << 30
    """One file after decompression."""
    parts: int = 50_000
    """Different contracts, subscriptions, dimensions and prices in one file."""
    details: int = 1_000
    """Quarantined records per file that are kept one by one; more are counted and summed."""
    held: int = 56 << 20
    """Memory for the measurements in which repeats are looked for, about; more of them go to a temporary file."""


@dataclass(frozen=True, slots=True)
class Who:
    """The customer behind records that name no contract, as the first such record has it ("" where it does not)."""

    organization_id: str = ""
    organization_name: str = ""
    customer_email: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What one file says of one contract, subscription and dimension.

    ``contract`` is None where the records name no payer: usage that cannot be billed yet, with ``who`` it is.
    ``subscription`` is "" where the records name none. ``quantity`` and ``records`` leave the repeats out, which are in
    ``folded_records`` and ``folded_quantity``. ``amount`` is the sum of value times price over the records with a
    usable price; ``unpriced`` is the quantity of the others.
    """

    contract: str | None
    subscription: str
    dimension: str
    quantity: Decimal
    records: int
    amount: Decimal
    unpriced: Decimal
    folded_records: int
    folded_quantity: Decimal
    who: Who | None = None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that cannot be used.

    ``index`` counts the file's records from 0, ``line`` its lines from 1; ``start`` and ``end`` are bytes of the
    decompressed text. ``value`` is the record's value where that much could be read.
    """

    key: str
    index: int
    line: int
    start: int
    end: int
    reason: str
    excerpt: str
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class FileReading:
    """All that one file says.

    ``sha256`` is of the stored bytes. ``records`` counts every record: those of the parts, the folded and the
    quarantined. ``quarantined`` holds the first of them; ``quarantined_records`` counts them all,
    ``quarantined_quantity`` sums the values that could be read, ``quarantined_unread`` counts the others.
    ``unit`` names the files it was read together with, itself among them.
    """

    key: str
    etag: str
    size: int
    sha256: str
    records: int
    parts: tuple[Part, ...]
    subscriptions: frozenset[str]
    quarantined: tuple[Quarantined, ...]
    quarantined_records: int
    quarantined_quantity: Decimal
    quarantined_unread: int
    notes: tuple[str, ...]
    unit: tuple[str, ...]

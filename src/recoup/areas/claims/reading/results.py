"""What a reading comes to: proposals, each with its place, which a person takes over or not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recoup.areas.claims.reading.words import Box

MOST_OF_A_FIELD = 3
MOST_PAGES = 5
"""First pages that are read: what a document is about stands there."""
LONGEST_VALUE = 120


class Field(StrEnum):
    """What is looked for."""

    DATE = "date"
    AMOUNT = "amount"
    CURRENCY = "currency"
    SUPPLIER = "supplier"


@dataclass(frozen=True, slots=True)
class Proposed:
    """One value that a field may have, on a page (from 1), in a box in thousandths of the page.

    ``value`` is an ISO day, a decimal number with a point, an ISO 4217 code, or a name. ``confidence`` is from 0 to
    1000: how much speaks for it, not how often it is right.
    """

    field: Field
    value: str
    page: int
    box: Box
    confidence: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a document says, by which engine, from its first ``pages`` pages; best first within each field."""

    engine: str
    pages: int
    proposals: tuple[Proposed, ...]

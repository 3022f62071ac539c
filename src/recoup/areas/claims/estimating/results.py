"""What a training comes to: numbers and a sentence. Nothing else of it is kept, so nothing is ever loaded back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recoup.core.errors import Invalid


@dataclass(frozen=True, slots=True)
class Expected:
    """What claims like one came to, in minor units: eight of ten between ``low`` and ``high``, from 0 to the claimed.

    ``similar`` is how many cases of its type and currency claimed between half and one and a half times as much.
    """

    low_minor: int
    expected_minor: int
    high_minor: int
    similar: int

    def __post_init__(self) -> None:
        if not 0 <= self.low_minor <= self.expected_minor <= self.high_minor or self.similar < 1:
            raise Invalid("An estimate has its range in order, and cases that it comes from.")


@dataclass(frozen=True, slots=True)
class Card:
    """How the estimates of one currency did on the newest cases, which they had not seen.

    ``error`` and ``median_error`` are mean absolute errors in minor units, of the estimates and of the plain median of
    each type; both are 0 where there were too few cases to try. ``note`` is a sentence for people.
    """

    currency: str
    rows: int
    data_sha256: str
    error: int
    median_error: int
    is_used: bool
    note: str


@dataclass(frozen=True, slots=True)
class Training:
    """A card for each currency that there are cases in, in their order, and estimates by the numbers asked about."""

    cards: tuple[Card, ...]
    estimates: Mapping[int, Expected]

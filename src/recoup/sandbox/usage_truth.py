"""What a set of hour files must come to, added up from the generator's own numbers and not from the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Self

from recoup.sandbox.usage_numbers import to_decimal

Window = tuple[str, datetime]
"""A stream, as Service:ENVIRONMENT:plan, and the start of an hour."""
Entry = tuple[str, datetime, str, str]
"""A stream, an hour, a contract and a dimension; for what nobody pays for, the subscription instead."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the generator put into one file. ``peaks`` and ``sums`` are millionths by dimension.

    ``peaks`` adds up the largest value of each measurement, ``sums`` adds up its repeats too.
    """

    stream: str
    hour: datetime
    subscription: str
    payer: str | None
    peaks: Mapping[str, int]
    sums: Mapping[str, int]
    records: int
    repeats: int
    bad: int


@dataclass(frozen=True, slots=True)
class Truth:
    """Exact totals of a set of files: of those that can be read, and the keys of those that cannot.

    ``records`` counts every element of the readable files: the good ones that are kept, those that fold into a
    larger value of the same measurement, and the bad ones. ``folded_away`` is the quantity that folding removed.
    """

    billed: dict[Entry, Decimal] = field(default_factory=dict)
    unbilled: dict[Entry, Decimal] = field(default_factory=dict)
    folded_away: dict[Entry, Decimal] = field(default_factory=dict)
    records: Counter[Window] = field(default_factory=Counter)
    folded: Counter[Window] = field(default_factory=Counter)
    quarantined: Counter[Window] = field(default_factory=Counter)
    broken: frozenset[str] = frozenset()

    @classmethod
    def of(cls, files: Iterable[tuple[str, Facts | None]], *, fold: bool = True) -> Self:
        """Add up files, given by key with their facts; None is a file that cannot be read.

        Without ``fold`` every repeat of a measurement counts.
        """
        paid: Counter[Entry] = Counter()
        unpaid: Counter[Entry] = Counter()
        away: Counter[Entry] = Counter()
        broken: set[str] = set()
        truth = cls()
        for key, facts in files:
            if facts is None:
                broken.add(key)
                continue
            window = (facts.stream, facts.hour)
            truth.records[window] += facts.records
            truth.quarantined[window] += facts.bad
            truth.folded[window] += facts.repeats if fold else 0
            totals = paid if facts.payer else unpaid
            for dimension, peak in facts.peaks.items():
                entry = (*window, facts.payer or facts.subscription, dimension)
                totals[entry] += peak if fold else facts.sums[dimension]
                if fold and (lost := facts.sums[dimension] - peak):
                    away[entry] += lost
        for exact, counted in ((truth.billed, paid), (truth.unbilled, unpaid), (truth.folded_away, away)):
            exact.update((entry, to_decimal(millionths)) for entry, millionths in counted.items())
        return replace(truth, broken=frozenset(broken))

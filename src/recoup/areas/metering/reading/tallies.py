"""Tallies: the measurements of one file that share contract, subscription, dimension and price."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from recoup.areas.metering.reading.records import Identity, PartKey, price_of
from recoup.areas.metering.reading.results import Part, Who
from recoup.areas.metering.reading.sums import number as number_of
from recoup.core.quantity import ZERO

UNSEEN = object()
"""No name equals it."""


class Tally:
    """The measurements of one file that share contract, subscription, dimension and price.

    What counts is held as it was written, and so are the repeats that were left out (``folded``), until they are
    settled: added up in ``total`` and ``folded_quantity``, counted in ``records`` and ``folded_records``. It is held
    by identity in ``values`` where repeats are folded, else just ``noted``.

    ``number`` is its place in the sheet, ``after`` the place of the tally that the record after its last one went to.
    ``subscription``, ``payer`` and ``dimension`` are its names as the records write them.
    """

    __slots__ = (
        "_count",
        "_gathered",
        "after",
        "dimension",
        "folded",
        "folded_quantity",
        "folded_records",
        "key",
        "noted",
        "number",
        "payer",
        "price",
        "price_problem",
        "price_text",
        "records",
        "run",
        "subscription",
        "total",
        "values",
        "who",
    )

    def __init__(self, key: PartKey, price_text: msgspec.Raw, *, number: int) -> None:
        self.key = key
        self.number = self.after = number
        self.subscription: object = UNSEEN
        self.payer: object = UNSEEN
        self.dimension: object = UNSEEN
        self.price_text = price_text
        self.price, self.price_problem = price_of(bytes(price_text))
        self.noted: list[msgspec.Raw] = []
        self.values: dict[Identity, msgspec.Raw] = {}
        self.folded: list[msgspec.Raw] = []
        self.run: Identity | None = None
        self.total = ZERO
        self.records = 0
        self.folded_records = 0
        self.folded_quantity = ZERO
        self.who: Who | None = None
        self._gathered: list[bytes] = []
        self._count = 0

    def fold(self, identity: Identity, kept: msgspec.Raw, value: msgspec.Raw) -> None:
        """Let the larger of two repeats count."""
        if value != kept and number_of(value) > number_of(kept):
            self.values[identity] = value
            value = kept
        self.folded.append(value)

    def gather(self) -> None:
        """Copy what was noted together, and let go of the text that it stands in."""
        if self.noted:
            self._gathered.append(b",".join(self.noted))
            self._count += len(self.noted)
            self.noted.clear()

    def settle(self, add: Callable[[bytes, int], Decimal]) -> None:
        """Add up what is held, in the EXACT context; ``values`` stay, to be compared with other tallies'."""
        self.noted.extend(self.values.values())
        self.gather()
        self.total += add(b",".join(self._gathered), self._count)
        self.records += self._count
        self._gathered, self._count = [], 0
        self.folded_quantity += add(b",".join(self.folded), len(self.folded))
        self.folded_records += len(self.folded)
        self.folded.clear()

    def drop(self, value: Decimal) -> None:
        """Take back a settled value that another tally has as well."""
        self.total -= value
        self.records -= 1
        self.folded_records += 1
        self.folded_quantity += value


def part_of(key: PartKey, tallies: Iterable[Tally]) -> Part:
    """Put the tallies of one contract, subscription and dimension together."""
    quantity = amount = unpriced = folded_quantity = ZERO
    records = folded_records = 0
    who = None
    for tally in tallies:
        quantity += tally.total
        records += tally.records
        folded_records += tally.folded_records
        folded_quantity += tally.folded_quantity
        who = who or tally.who
        if tally.price is None:
            unpriced += tally.total
        else:
            amount += tally.total * tally.price
    contract, subscription, dimension = key
    return Part(
        contract=contract,
        subscription=subscription,
        dimension=dimension,
        quantity=quantity,
        records=records,
        amount=amount,
        unpriced=unpriced,
        folded_records=folded_records,
        folded_quantity=folded_quantity,
        who=who,
    )


def price_note(tally: Tally) -> str:
    """Say what is odd about a tally's price."""
    contract, _, dimension = tally.key
    written = bytes(tally.price_text)[:40].decode(errors="replace")
    return (
        f"In {tally.records + tally.folded_records} record(s) of {contract or 'no contract'}, {dimension}, the"
        f" pricePerUnit {tally.price_problem}: {written}. They count, without a price."
    )

"""The sums of one file: a tally for each contract, subscription, dimension and price, repeats folded as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from enum import Enum

import msgspec

from recoup.areas.metering.reading.files import MalformedFile
from recoup.areas.metering.reading.records import (
    NO_PRICE,
    Identity,
    Measurement,
    Odd,
    PartKey,
    Record,
    contract_of,
    name_problem,
    price_of,
    who_is,
)
from recoup.areas.metering.reading.results import FileRef, Limits, Part, Who
from recoup.areas.metering.reading.sums import exact_sum, number, plain_sum
from recoup.core.quantity import ZERO

_NOTES = 20
_MOST_RUNS = 100_000
_WORTH_GATHERING = 64


class Way(Enum):
    """How repeats are met."""

    COUNT = "every record counts"
    WATCH = "every record counts, and the first that may be a repeat raises Repeated"
    FOLD = "of repeats the largest counts"


class Repeated(Odd):
    """A measurement may be there twice: the file is to be read in the way that folds."""


class Tally:
    """The measurements of one file that share contract, subscription, dimension and price.

    What counts is held as it was written, and so are the repeats that were left out (``folded``), until they are
    settled: added up in ``total`` and ``folded_quantity``, counted in ``records`` and ``folded_records``. It is held
    by identity in ``values`` where repeats are folded, else just ``noted``.
    """

    __slots__ = (
        "_count",
        "_gathered",
        "folded",
        "folded_quantity",
        "folded_records",
        "key",
        "noted",
        "price",
        "price_problem",
        "price_text",
        "records",
        "run",
        "total",
        "values",
        "who",
    )

    def __init__(self, key: PartKey, price_text: msgspec.Raw) -> None:
        self.key = key
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
        if value != kept and number(value) > number(kept):
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


class Sheet:
    """The tallies of one file."""

    def __init__(self, file: FileRef, limits: Limits, way: Way) -> None:
        self.file = file
        self.tallies: list[Tally] = []
        self.strangers: list[Tally] = []
        """Tallies without a contract whose customer is still to be looked up."""
        self._limits = limits
        self._way = way
        self._run: Identity | None = None
        self._runs: set[Identity] = set()
        self._lanes: dict[str | None, dict[str | None, dict[str, Tally]]] = {}
        """By subscription, payer and dimension, as they are written: the tally of the price that came first."""
        self._tallies: dict[tuple[PartKey, bytes], Tally] = {}

    def count(self, records: Sequence[Record]) -> None:  # noqa: C901, PLR0912 - one loop, because calls cost most
        """Add decoded records, the fast way; raise Odd on one that has to be looked at.

        This loop is what reading costs: every line of it was measured. What is checked once per name or per tally
        is not checked here. Records of one pod tend to stand together, in a run: they share one identity, and where
        repeats are only watched for, it is enough that each run is the first of its identity, and that each tally
        gets one record of it.
        """
        watch, fold = self._way is Way.WATCH, self._way is Way.FOLD
        payer: object = _UNSEEN
        subscription: object = _UNSEEN
        lanes: dict[str | None, dict[str, Tally]] = {}
        lane: dict[str, Tally] = {}
        run = self._run or (None, None, None)
        instance, pod, host = self._run or (_UNSEEN, _UNSEEN, _UNSEEN)
        for record in records:
            if record.subscription_id != subscription:
                subscription, payer = record.subscription_id, _UNSEEN
                lanes = self._lanes_of(record.subscription_id)
            if record.external_payer_id != payer:
                payer = record.external_payer_id
                try:
                    lane = lanes[record.external_payer_id]
                except KeyError:
                    lane = self._new_lane(lanes, record.external_payer_id)
            if record.pod_name != pod or record.instance_id != instance or record.host_name != host:
                run = instance, pod, host = record.instance_id, record.pod_name, record.host_name
                if watch:
                    self._watch(run)
            try:
                tally = lane[record.dimension]
            except KeyError:
                tally = self._open(record, lane)
            price = record.price_per_unit
            if price is not tally.price_text and price != tally.price_text:
                tally = self._priced(tally.key, price)
                if watch:  # perhaps the same measurement at two prices
                    raise Repeated
            value = record.value
            if fold:
                # One look-up both finds a repeat and stores what is new.
                kept = tally.values.setdefault(run, value)
                if kept is not value:
                    tally.fold(run, kept, value)
                continue
            tally.noted.append(value)
            if watch:
                if tally.run is run:
                    raise Repeated
                tally.run = run
        self._run = run if records else self._run
        if len(self.tallies) < len(records) // 4:
            for tally in self.tallies:
                if len(tally.noted) >= _WORTH_GATHERING:
                    tally.gather()

    def add(self, measurement: Measurement, text: bytes) -> None:
        """Add one record that was judged to be usable."""
        tally = self._priced(measurement.key, msgspec.Raw(measurement.price))
        identity, value = measurement.identity, measurement.value
        if self._way is Way.FOLD:
            kept = tally.values.setdefault(identity, value)
            if kept is not value:
                tally.fold(identity, kept, value)
        else:
            tally.noted.append(value)
        if self.strangers:
            self.introduce(measurement, text)

    def introduce(self, measurement: Measurement, text: bytes) -> None:
        """Note whose usage it is, if that is still to be found out."""
        for tally in self.strangers:
            if tally.key == measurement.key and bytes(tally.price_text) == measurement.price:
                tally.who = who_is(text)
                self.strangers.remove(tally)
                break

    def settle(self, *, checked: bool) -> None:
        """Add up what is held; raise Odd when a value is no usable quantity, unless each was checked before."""
        for tally in self.tallies:
            tally.settle(plain_sum if checked else exact_sum)

    def parts(self) -> tuple[Part, ...]:
        """Return the sums, one part for each contract, subscription and dimension."""
        grouped: dict[PartKey, list[Tally]] = {}
        for tally in self.tallies:
            grouped.setdefault(tally.key, []).append(tally)
        return tuple(_part(key, tallies) for key, tallies in grouped.items())

    def notes(self) -> tuple[str, ...]:
        """Return what is odd about prices; it keeps no usage from being counted."""
        wrong = [tally for tally in self.tallies if tally.price_problem]
        return tuple(_price_note(tally) for tally in wrong[:_NOTES])

    def _watch(self, run: Identity) -> None:
        # So many runs mean an unusual order, or more than memory should hold.
        if run in self._runs or len(self._runs) == _MOST_RUNS:
            raise Repeated
        self._runs.add(run)

    def _lanes_of(self, subscription: str | None) -> dict[str | None, dict[str, Tally]]:
        if subscription not in self._lanes:
            if name_problem(subscription or ""):
                raise Odd
            self._lanes[subscription] = {}
        return self._lanes[subscription]

    def _new_lane(self, lanes: dict[str | None, dict[str, Tally]], payer: str | None) -> dict[str, Tally]:
        if name_problem(payer or ""):
            raise Odd
        return lanes.setdefault(payer, {})

    def _open(self, record: Record, lane: dict[str, Tally]) -> Tally:
        if not record.dimension or name_problem(record.dimension):
            raise Odd
        key = (contract_of(record.external_payer_id), record.subscription_id or "", record.dimension)
        tally = lane[record.dimension] = self._priced(key, record.price_per_unit)
        return tally

    def _priced(self, key: PartKey, price: msgspec.Raw) -> Tally:
        text = bytes(price)
        tally = self._tallies.get((key, text))
        if tally is None:
            if len(self.tallies) == self._limits.parts:
                raise MalformedFile(
                    self.file.key,
                    1,
                    1,
                    0,
                    f"it has more than {self._limits.parts} different parts and prices",
                )
            tally = self._tallies[key, text] = Tally(key, price.copy() if text else NO_PRICE)
            self.tallies.append(tally)
            if key[0] is None:
                self.strangers.append(tally)
        return tally


_UNSEEN = object()


def _part(key: PartKey, tallies: Iterable[Tally]) -> Part:
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


def _price_note(tally: Tally) -> str:
    contract, _, dimension = tally.key
    written = bytes(tally.price_text)[:40].decode(errors="replace")
    return (
        f"In {tally.records + tally.folded_records} record(s) of {contract or 'no contract'}, {dimension}, the"
        f" pricePerUnit {tally.price_problem}: {written}. They count, without a price."
    )

"""The sums of one file: a tally for each contract, subscription, dimension and price, repeats folded as they come."""

from __future__ import annotations

from collections.abc import Sequence
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
    who_is,
)
from recoup.areas.metering.reading.results import FileRef, Limits, Part
from recoup.areas.metering.reading.sums import exact_sum, plain_sum
from recoup.areas.metering.reading.tallies import UNSEEN, Tally, part_of, price_note

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
        self._last: Tally | None = None
        self._lanes: dict[str | None, dict[str | None, dict[str, Tally]]] = {}
        """By subscription, payer and dimension, as they are written: the tally of the price that came first."""
        self._tallies: dict[tuple[PartKey, bytes], Tally] = {}

    def count(self, records: Sequence[Record]) -> None:
        """Add decoded records, the fast way; raise Odd on one that has to be looked at."""
        if not records:
            return
        if self._way is Way.WATCH:
            self._count_watching(records)
        else:
            self._count_keeping(records)
        if len(self.tallies) < len(records) // 4:
            for tally in self.tallies:
                if len(tally.noted) >= _WORTH_GATHERING:
                    tally.gather()

    # The two loops below are what reading costs: every line of them was measured, and they are two, because a call
    # for each record would cost most. What is checked once per name or per tally is not checked in them.
    #
    # Which tally a record belongs to is guessed: the one that followed last time, too, since records come in some
    # order. To look at the guess is cheaper than to look the names up, which takes their hashes.
    #
    # Records of one pod tend to stand together, in a run: they share one identity.

    def _count_watching(self, records: Sequence[Record]) -> None:
        """Add records as long as none can be a repeat.

        For that it is enough that each run is the first of its identity, and that each tally gets one record of it.
        """
        tallies, runs = self.tallies, self._runs
        subscription, lanes = (
            records[0].subscription_id,
            self._lanes.setdefault(records[0].subscription_id, {}),
        )
        tally = self._last or self._open(records[0])
        run = self._run
        instance, pod, host = run or (UNSEEN, UNSEEN, UNSEEN)
        for record in records:
            guess = tallies[tally.after]
            if (
                record.external_payer_id != guess.payer
                or record.dimension != guess.dimension
                or record.subscription_id != guess.subscription
            ):
                if record.subscription_id != subscription:
                    subscription = record.subscription_id
                    lanes = self._lanes.setdefault(subscription, {})
                try:
                    guess = lanes[record.external_payer_id][record.dimension]
                except KeyError:
                    guess = self._open(record)
                tally.after = guess.number
            tally = guess
            if (
                record.pod_name != pod
                or record.instance_id != instance
                or (record.host_name is not host and record.host_name != host)
            ):
                run = instance, pod, host = record.instance_id, record.pod_name, record.host_name
                if run in runs:
                    raise Repeated
                runs.add(run)
            if tally.run is run:
                raise Repeated
            tally.run = run
            price = record.price_per_unit
            if price is not tally.price_text and price != tally.price_text:
                raise Repeated  # perhaps the same measurement at two prices
            tally.noted.append(record.value)
        if len(runs) > _MOST_RUNS:
            raise Repeated  # so many mean an unusual order, or more than memory should hold
        self._last, self._run = tally, run

    def _count_keeping(self, records: Sequence[Record]) -> None:
        """Add records, and fold those that are repeats, if they are to be folded."""
        tallies, fold = self.tallies, self._way is Way.FOLD
        subscription, lanes = (
            records[0].subscription_id,
            self._lanes.setdefault(records[0].subscription_id, {}),
        )
        tally = self._last or self._open(records[0])
        run = instance, pod, host = self._run or (None, None, None)
        for record in records:
            guess = tallies[tally.after]
            if (
                record.external_payer_id != guess.payer
                or record.dimension != guess.dimension
                or record.subscription_id != guess.subscription
            ):
                if record.subscription_id != subscription:
                    subscription = record.subscription_id
                    lanes = self._lanes.setdefault(subscription, {})
                try:
                    guess = lanes[record.external_payer_id][record.dimension]
                except KeyError:
                    guess = self._open(record)
                tally.after = guess.number
            tally = guess
            price = record.price_per_unit
            if price is not tally.price_text and price != tally.price_text:
                tally = self._priced(tally.key, price)
            if not fold:
                tally.noted.append(record.value)
                continue
            if (
                record.pod_name != pod
                or record.instance_id != instance
                or (record.host_name is not host and record.host_name != host)
            ):
                run = instance, pod, host = record.instance_id, record.pod_name, record.host_name
            value = record.value
            # One look-up both finds a repeat and stores what is new.
            kept = tally.values.setdefault(run, value)
            if kept is not value:
                tally.fold(run, kept, value)
        self._last, self._run = tally, run

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
        return tuple(part_of(key, tallies) for key, tallies in grouped.items())

    def notes(self) -> tuple[str, ...]:
        """Return what is odd about prices; it keeps no usage from being counted."""
        wrong = [tally for tally in self.tallies if tally.price_problem]
        return tuple(price_note(tally) for tally in wrong[:_NOTES])

    def _open(self, record: Record) -> Tally:
        """Find the tally for names that occur for the first time, if they are names that can be kept."""
        subscription, payer, dimension = record.subscription_id, record.external_payer_id, record.dimension
        if not dimension or any(name_problem(name or "") for name in (subscription, payer, dimension)):
            raise Odd
        tally = self._priced((contract_of(payer), subscription or "", dimension), record.price_per_unit)
        tally.subscription, tally.payer, tally.dimension = subscription, payer, dimension
        self._lanes.setdefault(subscription, {}).setdefault(payer, {})[dimension] = tally
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
            tally = Tally(key, price.copy() if text else NO_PRICE, number=len(self.tallies))
            self._tallies[key, text] = tally
            self.tallies.append(tally)
            if key[0] is None:
                self.strangers.append(tally)
        return tally

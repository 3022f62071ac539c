"""The sums of one file: a tally for each contract, subscription, dimension and price, repeats folded as they come."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from decimal import Decimal
from itertools import count
from typing import Any

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
from recoup.core.quantity import FRACTION_DIGITS, INTEGER_DIGITS, ZERO

Number = Decimal | int

_TOO_LARGE = Decimal(10) ** INTEGER_DIGITS
_NOTES = 20


class Tally:
    """The measurements of one file that share contract, subscription, dimension and price.

    ``values`` holds them by identity until they are settled into ``total`` and ``records``; what was left out
    as a repeat is in ``folded_records`` and ``folded_quantity``. To be used in the EXACT context.
    """

    __slots__ = (
        "folded_quantity",
        "folded_records",
        "key",
        "price",
        "price_problem",
        "price_text",
        "records",
        "total",
        "values",
        "who",
        "whole_numbers",
    )

    def __init__(self, key: PartKey, price_text: msgspec.Raw) -> None:
        self.key = key
        self.price_text = price_text
        self.price, self.price_problem = price_of(bytes(price_text))
        self.values: dict[Any, Number] = {}
        self.whole_numbers = False
        self.total = ZERO
        self.records = 0
        self.folded_records = 0
        self.folded_quantity = ZERO
        self.who: Who | None = None

    @property
    def rank(self) -> Decimal:
        """Of equal repeats the one with the higher price counts: so it does not matter which came first."""
        return Decimal(-1) if self.price is None else self.price

    def fold(self, identity: Hashable, kept: Number, value: Number) -> None:
        """Let the larger of two repeats count."""
        if value > kept:
            self.values[identity] = value
            value = kept
        if value < 0:
            raise Odd
        self.folded_records += 1
        self.folded_quantity += value

    def settle(self) -> None:
        """Add the held values up; raise Odd when one of them was no usable quantity."""
        values = self.values.values()
        signed = (value < 0 for value in values) if self.whole_numbers else map(Decimal.is_signed, values)  # type: ignore[arg-type]
        negative = True in signed
        self.settle_checked()
        if negative or _beyond(self.total) or _beyond(self.folded_quantity):
            raise Odd

    def settle_checked(self) -> None:
        """Add the held values up, each of which was judged before."""
        self.total += sum(self.values.values())
        self.records += len(self.values)

    def drop(self, value: Number) -> None:
        """Take back a settled value that another tally has as well."""
        self.total -= value
        self.records -= 1
        self.folded_records += 1
        self.folded_quantity += value


class Sheet:
    """The tallies of one file, filled the fast or the careful way."""

    def __init__(self, file: FileRef, limits: Limits, *, fold: bool) -> None:
        self.file = file
        self.tallies: list[Tally] = []
        self.strangers: list[Tally] = []
        """Tallies without a contract whose customer is still to be looked up."""
        self._limits = limits
        self._fold = fold
        self._numbers = count()
        self._lanes: dict[tuple[str | None, str], dict[str, Tally]] = {}
        self._others: dict[tuple[PartKey, bytes], Tally] = {}

    def count(self, records: list[Record]) -> None:
        """Add decoded records, the fast way; raise Odd on one that has to be looked at.

        This loop is what reading costs: every line of it was measured. What is checked once per name or per tally
        is not checked here.
        """
        payer: object = _UNSEEN
        subscription: object = _UNSEEN
        lane: dict[str, Tally] = {}
        instance: str | None = None
        pod: str | None = None
        host: str | None = None
        identity: Identity | int = (None, None, None)
        for record in records:
            if record.external_payer_id != payer or record.subscription_id != subscription:
                payer, subscription = record.external_payer_id, record.subscription_id
                lane = self._lane(record.external_payer_id, record.subscription_id)
            if not self._fold:
                identity = next(self._numbers)
            elif record.pod_name != pod or record.instance_id != instance or record.host_name != host:
                # Records of one pod tend to stand together: they share one key, which is time and memory.
                identity = instance, pod, host = record.instance_id, record.pod_name, record.host_name
            try:
                tally = lane[record.dimension]
            except KeyError:
                tally = self._open(record, lane)
            price = record.price_per_unit
            if price is not tally.price_text and price != tally.price_text:
                tally = self._priced(tally.key, price)
            value = record.value
            if value.__class__ is Decimal:
                # One look-up both finds a repeat and stores a new one.
                kept = tally.values.setdefault(identity, value)
                if kept is not value:
                    tally.fold(identity, kept, value)
            elif value.__class__ is int and value >= 0:
                tally.whole_numbers = True
                if identity in tally.values:  # small integers are shared: ``is`` would not tell a repeat
                    tally.fold(identity, tally.values[identity], value)
                else:
                    tally.values[identity] = value
            else:
                raise Odd

    def add(self, measurement: Measurement, text: bytes) -> None:
        """Add one record that was judged to be usable."""
        tally = self._priced(measurement.key, msgspec.Raw(measurement.price))
        identity = measurement.identity if self._fold else next(self._numbers)
        if identity in tally.values:
            tally.fold(identity, tally.values[identity], measurement.value)
        else:
            tally.values[identity] = measurement.value
        if self.strangers:
            self.introduce(measurement, text)

    def introduce(self, measurement: Measurement, text: bytes) -> None:
        """Note whose usage it is, if that is still to be found out."""
        for tally in self.strangers:
            if tally.key == measurement.key and bytes(tally.price_text) == measurement.price:
                tally.who = who_is(text)
                self.strangers.remove(tally)
                break

    def settle(self) -> None:
        """Add up what is held; raise Odd when one of the values was no usable quantity."""
        for tally in self.tallies:
            tally.settle()

    def settle_checked(self) -> None:
        """Add up what is held, each of which was judged before."""
        for tally in self.tallies:
            tally.settle_checked()

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

    def _lane(self, payer: str | None, subscription: str | None) -> dict[str, Tally]:
        if name_problem(payer or "") or name_problem(subscription or ""):
            raise Odd
        return self._lanes.setdefault((contract_of(payer), subscription or ""), {})

    def _open(self, record: Record, lane: dict[str, Tally]) -> Tally:
        if not record.dimension or name_problem(record.dimension):
            raise Odd
        key = (contract_of(record.external_payer_id), record.subscription_id or "", record.dimension)
        tally = lane[record.dimension] = self._priced(key, record.price_per_unit)
        return tally

    def _priced(self, key: PartKey, price: msgspec.Raw) -> Tally:
        text = bytes(price)
        tally = self._others.get((key, text))
        if tally is None:
            if len(self.tallies) == self._limits.parts:
                raise MalformedFile(
                    self.file.key,
                    1,
                    1,
                    0,
                    f"it has more than {self._limits.parts} different parts and prices",
                )
            tally = self._others[key, text] = Tally(key, price.copy() if text else NO_PRICE)
            self.tallies.append(tally)
            if key[0] is None:
                self.strangers.append(tally)
        return tally


_UNSEEN = object()


def _beyond(total: Decimal) -> bool:
    # None of the values was negative, and adding them in the EXACT context keeps every digit of each: so one that
    # is too large, or has too many digits after the point, shows in their sum.
    exponent = total.as_tuple().exponent
    return not total < _TOO_LARGE or not isinstance(exponent, int) or exponent < -FRACTION_DIGITS


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
        f"{tally.records + tally.folded_records} records of {contract or 'no contract'}, {dimension}, have a"
        f" pricePerUnit that {tally.price_problem}: {written}. They count, without a price."
    )

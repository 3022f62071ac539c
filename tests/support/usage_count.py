"""What hour files come to, by the standard library alone: the second opinion that tests of metering compare with."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact, localcontext
from typing import Any

WIDE = Context(prec=400, traps=[Inexact])
ZERO = Decimal(0)
Names = tuple[str, str]


class NotWhole(Exception):
    """A file that is not whole, valid JSON: nobody may count it."""


@dataclass
class Count:
    """The figures of one hour.

    ``measured`` and ``amounts`` are by (contract, dimension), ``unbilled`` by (subscription, dimension); an amount
    is there only where some measurement has a price.
    """

    records: int = 0
    bad: int = 0
    bad_quantity: Decimal = ZERO
    folded: int = 0
    folded_quantity: Decimal = ZERO
    unbilled_records: int = 0
    measured: dict[Names, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    amounts: dict[Names, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    unbilled: dict[Names, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))

    def total(self) -> Decimal:
        """Every value that can be read, wherever it went."""
        with localcontext(WIDE):
            kept = sum(self.measured.values(), ZERO) + sum(self.unbilled.values(), ZERO)
            return kept + self.bad_quantity + self.folded_quantity


def count(files: Mapping[str, bytes], *, fold: bool = True) -> Count:
    """Count the files of one hour, given by key; raise NotWhole when one of them cannot be read."""
    with localcontext(WIDE):
        found = Count()
        best: dict[object, tuple[Decimal, Decimal, dict[str, Any]]] = {}
        for number, record in enumerate(_records(files)):
            found.records += 1
            value = _usable(record)
            if value is None:
                found.bad += 1
                found.bad_quantity += _readable(record) or ZERO
                continue
            who = (_payer(record), record.get("subscriptionId") or "", record["dimension"])
            what = tuple(record.get(name) for name in ("instanceId", "podName", "hostName"))
            ranked = (value, _price(record, Decimal(-1)), record)
            key: object = (who, what) if fold else number
            if key in best:
                found.folded += 1
                found.folded_quantity += min(best[key][0], value)
            if key not in best or ranked[:2] > best[key][:2]:
                best[key] = ranked
        for value, price, record in best.values():
            _keep(found, record, value, price)
        return found


def _keep(found: Count, record: dict[str, Any], value: Decimal, price: Decimal) -> None:
    payer = _payer(record)
    if payer is None:
        found.unbilled_records += 1
        found.unbilled[record.get("subscriptionId") or "", record["dimension"]] += value
        return
    found.measured[payer, record["dimension"]] += value
    if price >= 0 and value:
        found.amounts[payer, record["dimension"]] += value * price


def _records(files: Mapping[str, bytes]) -> Iterator[Any]:
    for key in sorted(files):
        try:
            body = files[key]
            text = (gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body).decode()
            if text.lstrip().startswith("["):
                yield from _load(text)
            elif not text.strip() and ".json" in key:
                raise NotWhole(key)
            else:
                yield from (_load(line) for line in text.splitlines() if line.strip())
        except (ValueError, EOFError, OSError) as error:
            raise NotWhole(f"{key}: {error}") from None


def _load(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _payer(record: dict[str, Any]) -> str | None:
    payer = record.get("externalPayerId")
    return payer if payer and payer.strip() else None


def _price(record: dict[str, Any], default: Decimal) -> Decimal:
    price = record.get("pricePerUnit")
    return price if isinstance(price, Decimal) and price >= 0 else default


def _usable(record: Any) -> Decimal | None:
    value = _readable(record)
    if value is None or value < 0 or not (isinstance(record.get("dimension"), str) and record["dimension"]):
        return None
    return value


def _readable(record: Any) -> Decimal | None:
    value = record.get("value") if isinstance(record, dict) else None
    if not isinstance(value, Decimal) or not value.is_finite() or abs(value) >= Decimal(10) ** 30:
        return None
    return value if value == 0 or value.normalize().as_tuple().exponent >= -18 else None

"""Real invoices and receipts: how many values are right. Floors, a little under what was measured (decision 14)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from recoup.areas.claims.reading import reader
from recoup.areas.claims.reading.days import folded
from recoup.areas.claims.reading.results import Field, Reading
from support.shared_data import shared_data

RECEIPT = "lidl_30042020_08_01958"
"""Shop, day, items, cents; one of the 23 that were measured, as each takes seconds."""


def plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", folded(name))


def is_right(field: Field, value: str, truth: Any) -> bool:
    if field is Field.AMOUNT:
        return Decimal(value) == Decimal(str(truth))
    if field is Field.SUPPLIER:
        return any(plain(name) in plain(value) or plain(value) in plain(name) for name in truth)
    return bool(value == truth)


def scores(
    read: Sequence[tuple[Reading, dict[Field, Any]]],
) -> tuple[Counter[Field], Counter[Field], Counter[Field]]:
    """How many values are known, right at the first place, and right at any."""
    known, first, any_place = Counter[Field](), Counter[Field](), Counter[Field]()
    for reading, truth in read:
        for field, value in truth.items():
            said = [is_right(field, one.value, value) for one in reading.proposals if one.field is field]
            known[field] += 1
            first[field] += bool(said and said[0])
            any_place[field] += any(said)
    return known, first, any_place


def invoices(folder: Path) -> Iterator[tuple[Path, dict[Field, Any]]]:
    for source in sorted(folder.glob("*.pdf")):
        if source.with_suffix(".json").exists():
            [said] = json.loads(source.with_suffix(".json").read_text())
            truth: dict[Field, Any] = {
                Field.DATE: said.get("date"),
                Field.AMOUNT: said.get("amount"),
                Field.CURRENCY: said.get("currency"),
                Field.SUPPLIER: [said[name] for name in ("issuer", "partner_name") if said.get(name)],
            }
            yield source, {field: value for field, value in truth.items() if value}


def test_most_of_what_real_invoices_say_is_found_in_their_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader.recognising, "is_installed", lambda: False)
    read = [
        (reader.propose(source, kind="pdf"), truth)
        for source, truth in invoices(shared_data("documents/invoices"))
    ]
    known, first, any_place = scores(read)
    assert known[Field.AMOUNT] >= 7
    for field in (Field.DATE, Field.AMOUNT, Field.CURRENCY):
        assert first[field] >= 0.8 * known[field], field
        assert any_place[field] >= 0.8 * known[field], field
    assert any_place[Field.SUPPLIER] >= 0.75 * known[Field.SUPPLIER]


@pytest.mark.skipif(not reader.available(), reason="the extra ocr is not installed")
def test_what_a_real_receipt_says_is_recognised() -> None:
    folder = shared_data("documents/receipts") / "A"
    shop, day, _, cents = RECEIPT.split("_")
    truth = {
        Field.DATE: f"{day[4:]}-{day[2:4]}-{day[:2]}",
        Field.AMOUNT: Decimal(cents) / 100,
        Field.CURRENCY: "EUR",
        Field.SUPPLIER: [shop],
    }
    reading = reader.propose(folder / f"{RECEIPT}.jpg", kind="jpeg")
    known, first, _ = scores([(reading, truth)])
    assert first == known

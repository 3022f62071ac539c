"""The demo's proof would notice: each check fails when what it compares is made different."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from recoup.core.clock import HOUR
from recoup.entry.demo_figures import Books, StreamFigures, checks
from recoup.sandbox.clazar_ledger import Accepted
from recoup.sandbox.usage import Service, UsageWorld, hours_before

NOW = datetime(2025, 7, 24, 16, 30, tzinfo=UTC)
SERVICE = Service(name="Search", plan_id="pt-9sYdWq4LbN", cloud="gcp", contracts=1)
WORLD = UsageWorld(5, [SERVICE])
FILES = [
    file.mended() if file.broken else file
    for hour in hours_before(NOW, 2)
    for file in WORLD.hour(SERVICE, hour)
]


def ledger() -> list[Accepted]:
    return [
        Accepted("1", "gcp", contract, dimension, hour, hour + HOUR, str(quantity), {}, NOW)
        for (_, hour, contract, dimension), quantity in WORLD.truth(FILES).billed.items()
    ]


def books() -> Books:
    truth = WORLD.truth(FILES)
    unbilled: dict[tuple[str, str], Decimal] = {}
    for (_, _, whose, dimension), quantity in truth.unbilled.items():
        unbilled[whose, dimension] = unbilled.get((whose, dimension), Decimal(0)) + quantity
    counts = [counted.total() for counted in (truth.records, truth.folded, truth.quarantined)]
    zeros = dict.fromkeys(StreamFigures.__slots__, 0) | {"stream": SERVICE.stream, "cloud": "gcp"}
    figures = StreamFigures(**zeros | dict(zip(("records", "folded", "quarantined"), counts, strict=True)))
    return Books([figures], {row.key: Decimal(row.quantity) for row in ledger()}, {}, {}, unbilled)


def verdicts(tmp_path: Path, ours: Books, theirs: list[Accepted]) -> list[bool]:
    file = tmp_path / "ledger"
    file.write_bytes(b"".join(row.to_line() for row in theirs))
    return [check.ok for check in checks(ours, file, FILES, late=[])]


def test_what_adds_up_passes(tmp_path: Path) -> None:
    assert verdicts(tmp_path, books(), ledger()) == [True] * 5


def lose_a_line(_ours: Books, theirs: list[Accepted]) -> None:
    theirs.pop()


def bill_twice(_ours: Books, theirs: list[Accepted]) -> None:
    theirs.append(theirs[0])


def bill_less(ours: Books, _theirs: list[Accepted]) -> None:
    key = min(ours.accepted)
    ours.accepted[key] -= Decimal("0.000001")


def carry_too_much(ours: Books, _theirs: list[Accepted]) -> None:
    contract, dimension, _ = min(ours.accepted)
    ours.carried[contract, dimension] = Decimal("0.000001")


def forget_whom_nobody_bills(ours: Books, _theirs: list[Accepted]) -> None:
    ours.unbilled.pop(min(ours.unbilled))


def skip_a_record(ours: Books, _theirs: list[Accepted]) -> None:
    (one,) = ours.figures
    fields = {name: getattr(one, name) for name in StreamFigures.__slots__}
    ours.figures[0] = StreamFigures(**fields | {"records": one.records - 1})


@pytest.mark.parametrize(
    ("spoil", "failing"),
    [
        (lose_a_line, {0, 1, 2}),
        (bill_twice, {0}),
        (bill_less, {1}),
        (carry_too_much, {2}),
        (skip_a_record, {3}),
        (forget_whom_nobody_bills, {4}),
    ],
)
def test_what_does_not_add_up_is_found(
    tmp_path: Path, spoil: Callable[[Books, list[Accepted]], None], failing: set[int]
) -> None:
    ours, theirs = books(), ledger()
    spoil(ours, theirs)
    assert {index for index, ok in enumerate(verdicts(tmp_path, ours, theirs)) if not ok} == failing

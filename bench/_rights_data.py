"""Snapshots for bench/rights.py: claims in 49 columns, some 580 bytes a row, as files that were seen have them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recoup.sandbox.claim_reports import CLAIM_COLUMNS

PER = 1_000
LABELS = "catalogue|remastered|priority 2026"
TITLE = "Official performance at the harbour festival"
WRITERS = "Ada Lovelace|Grace Hopper|Mary Somerville"


@dataclass(frozen=True, slots=True)
class Pace:
    """What differs in the second snapshot, per thousand claims."""

    changed: int = 10
    added: int = 5
    gone: int = 5


def write(path: Path, claims: int, *, pace: Pace | None = None) -> None:
    """Write a snapshot; with a pace it is the one that comes after the snapshot without."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(CLAIM_COLUMNS) + "\n")
        for number in range(claims):
            if pace is None or (number * 7) % PER >= pace.gone:
                file.write(_row(number, 1 if pace else 0, _differs(number, pace)))
        for number in range(claims, claims + (claims * pace.added // PER if pace else 0)):
            file.write(_row(number, 1, differs=False))


def _differs(number: int, pace: Pace | None) -> bool:
    return pace is not None and (number * 7 - pace.gone) % PER < pace.changed


def _row(number: int, day: int, differs: bool) -> str:  # noqa: FBT001 - called two million times
    mixed = (number * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    views = mixed % 90_000 + day * (mixed % 41)
    asset, policy = number // 6, "US|CA|MX|BR" if differs else "DE|AT|CH|LI|LU|NL|BE"
    return (
        f"C{mixed:016x},ACTIVE,NONE,AUDIO_MATCH,AUDIO,A{asset * 31:016x},v{mixed % 10**10:010d},,"
        f"UC{mixed % 10**18:022d},The channel of number {mixed % 5_003},{TITLE} no. {number % 977},{views},"
        f"{mixed % 500},{mixed % 400},UGC,r{asset % 10**10:010d},r{asset % 10**12:012d},P{mixed % 97},P{asset % 89},"
        f"{policy},,,DE|AT|CH|LI|LU|NL|BE,US|CA,,2026-0{mixed % 9 + 1}-11,2025-0{mixed % 9 + 1}-02,"
        f'catalogue-number-{asset},{mixed % 900},"{TITLE}, part {asset % 31}",{LABELS},,,,,,2019-05-17,,'
        f"DEA{asset % 10**9:09d},,Die Brücke und die Kapelle,Am Hafen (Deluxe),Kettenbrücke Records,"
        f"{asset % 10**12:012d},T-034.524.680-{asset % 10},{WRITERS},{views * 3 // 4},{mixed % 500},no\n"
    )

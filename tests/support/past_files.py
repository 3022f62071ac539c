"""Files of claims that were decided elsewhere, in our own columns."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from recoup.areas.claims.rules.past import OWN

OWN_HEADER = tuple(OWN.columns.spellings)
OWN_LINE = {
    "source_id": "A-1",
    "claim_type": "Medical Expense",
    "incident_date": "2024-03-01",
    "claimed_amount": "1,200.50",
    "approved_amount": "1000",
    "currency": "EUR",
    "status": "paid",
    "filed_at": "2024-03-04",
    "decided_at": "2024-03-20",
    "policy_number": "H-9",
    "claimant": "Ada",
    "description": "Broken arm",
    "notes": "",
    "reason_code": "deductible",
    "cause": "",
    "loss_location": "Berlin",
}


def written(
    path: Path, *lines: dict[str, str], header: Sequence[str] = OWN_HEADER, base: dict[str, str] | None = None
) -> Path:
    """Write a CSV file; each line is a whole one, changed in what is given."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(header)
        rows.writerows([{**(base or OWN_LINE), **line}.get(name, "") for name in header] for line in lines)
    return path

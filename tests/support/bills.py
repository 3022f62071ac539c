"""Bills that a draft's documents are: what they say is known, so what is offered of them can be told."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from support.invoices import TONGUES, Invoice

DAY = date(2025, 7, 22)


def bill(net: str = "1000.00", *, tongue: str = "de", day: date = DAY) -> Invoice:
    """Return a bill over ``net`` in two lines and a fifth of tax, written as a country does."""
    half = Decimal(net) / 2
    return Invoice(TONGUES[tongue], "beside", day, day + timedelta(days=14), day, (half, half))

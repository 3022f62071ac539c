"""What an administrator may set about rights while Recoup runs."""

from __future__ import annotations

from decimal import Decimal

from recoup.areas.rights.rules import layouts
from recoup.office.controls.rules import Control

FOLDED = Control(
    "rights.folded",
    list[str],
    list(layouts.FOLDED),
    "Columns that are kept but not compared: counters that move every day, and what belongs to one of an asset's rows.",
)
COUNTER_DIGITS = Control(
    "rights.counter_digits",
    int,
    1,
    "Significant digits of views that are kept beside each claim (50,000 for 57,312); a counter that moves by less is "
    "not written down. More digits cost more writing, every day.",
    minimum=1,
    maximum=18,
)
FEWEST_PERCENT = Control(
    "rights.fewest_percent",
    int,
    50,
    "A report with fewer claims or assets than this part of the snapshot before waits for a person.",
    minimum=0,
    maximum=100,
)
STALE_DAYS = Control(
    "rights.stale_days",
    int,
    6,
    "After so many days without a new data day somebody is told; reports usually come two to three days late.",
    minimum=1,
    maximum=60,
)
TOP = Control(
    "rights.top_changes",
    int,
    20,
    "How many changes a mail lists, the heaviest first.",
    minimum=1,
    maximum=200,
)
MOST_ATTACHED = Control(
    "rights.most_attached_kb",
    int,
    4_000,
    "A workbook larger than this is linked in the mail instead of attached (most servers refuse 10 MB).",
    minimum=0,
    maximum=20_000,
)
PRICE = Control(
    "rights.price_per_thousand",
    Decimal,
    Decimal(0),
    "What a thousand views are worth, for estimates; 0 where no price is known, and views are the weight.",
    minimum=Decimal(0),
    maximum=Decimal(1_000_000),
)
CURRENCY = Control(
    "rights.currency", str, "USD", "The currency of rights.price_per_thousand (ISO 4217).", longest=3
)
CONTROLS = (FOLDED, COUNTER_DIGITS, FEWEST_PERCENT, STALE_DAYS, TOP, MOST_ATTACHED, PRICE, CURRENCY)

"""What an administrator may set about claims while Recoup runs."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from recoup.areas.claims.rules import authority
from recoup.areas.claims.rules.statuses import ServiceLevels
from recoup.core.errors import Invalid
from recoup.core.money import Money
from recoup.office.controls import service as house
from recoup.office.controls.rules import Control
from recoup.office.controls.service import Held


def _colour(typed: str) -> None:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", typed):
        raise Invalid(f"{typed!r} is not a colour.", fix="Write it like #4F46E5.")


MOST_DOCUMENTS = Control(
    "claims.most_documents", int, 10, "How many documents a claim may have.", minimum=1, maximum=100
)
MOST_MB = Control(
    "claims.most_mb_per_person",
    int,
    100,
    "How many megabytes of documents one person may have on claims that are not decided, and in drafts.",
    minimum=10,
    maximum=100_000,
)
LINK_MINUTES = Control(
    "claims.link_minutes",
    int,
    15,
    "How long a link to a document works; a new one is made on demand. At most 7 days.",
    minimum=1,
    maximum=7 * 24 * 60,
)
AUTHORITY = Control(
    "claims.authority",
    Decimal,
    Decimal(5_000),
    "What a reviewer may approve alone, in whole units of the claim's currency; above it a second person decides, too.",
    minimum=Decimal(0),
    maximum=Decimal(10**12),
)
AUTHORITIES = Control(
    "claims.authorities",
    list[str],
    [],
    "Reviewers with another limit, such as: ada@example.com 20000",
    check=authority.read,
)
PENDING_DAYS = Control(
    "claims.pending_days",
    int,
    2,
    "After how many days a new claim should be under review.",
    minimum=1,
    maximum=365,
)
REVIEW_DAYS = Control(
    "claims.review_days",
    int,
    5,
    "After how many days under review a claim should be decided.",
    minimum=1,
    maximum=365,
)
PAYMENT_DAYS = Control(
    "claims.payment_days",
    int,
    14,
    "After how many days an approved amount should be paid.",
    minimum=1,
    maximum=365,
)
APPEAL_DAYS = Control(
    "claims.appeal_days",
    int,
    30,
    "For how many days a claimant may appeal against a rejection.",
    minimum=1,
    maximum=3650,
)
LARGE = Control(
    "claims.large_amount",
    Decimal,
    Decimal(10_000),
    "Claims above this amount, in whole units of their currency, are flagged.",
    minimum=Decimal(1),
    maximum=Decimal(10**12),
)
VELOCITY = Control(
    "claims.many_in_90_days",
    int,
    3,
    "A person's claims within 90 days from which each further one is flagged.",
    minimum=1,
    maximum=1_000,
)
BRAND = Control("claims.brand", str, "Recoup", "The name at the head of mails to claimants.", longest=60)
COLOUR = Control(
    "claims.colour", str, "#4F46E5", "The colour of mails to claimants.", longest=7, check=_colour
)
CURRENCY = Control(
    "claims.currency",
    str,
    "EUR",
    "The currency of imported policies that name none (ISO 4217).",
    longest=3,
    check=lambda typed: Money(0, typed),
)
CONTROLS = (
    MOST_DOCUMENTS,
    MOST_MB,
    LINK_MINUTES,
    AUTHORITY,
    AUTHORITIES,
    PENDING_DAYS,
    REVIEW_DAYS,
    PAYMENT_DAYS,
    APPEAL_DAYS,
    LARGE,
    VELOCITY,
    BRAND,
    COLOUR,
    CURRENCY,
)


SERVICE_LEVELS = (PENDING_DAYS, REVIEW_DAYS, PAYMENT_DAYS, APPEAL_DAYS)


def service_levels(db: Session) -> ServiceLevels:
    """Return how long a claim may stand in each status."""
    return levels_of(house.values(db, *SERVICE_LEVELS))


def levels_of(held: Held) -> ServiceLevels:
    """Return the same of controls that were read already."""
    return ServiceLevels(*(timedelta(days=held.value(one)) for one in SERVICE_LEVELS))

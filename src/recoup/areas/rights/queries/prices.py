"""The price of views, as an administrator set it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from recoup.areas.rights import controls
from recoup.areas.rights.rules.pricing import Price
from recoup.office.controls import service as house


def price(db: Session) -> Price:
    """Return what a thousand views are worth."""
    return Price(house.value(db, controls.PRICE), house.value(db, controls.CURRENCY))

"""What the lists and the search of the desk find claims by: whose they are, and how a text begins."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from recoup.areas.claims.models import Claim
from recoup.core.errors import Invalid
from recoup.office.people.models import Person

MOST_PEOPLE = 100
SHORTEST_NAME = 3
LAST_CHARACTER = "\U0010ffff"


def is_of(db: Session, typed: str) -> ColumnElement[bool]:
    """Return the condition that a claimant is meant by ``typed``: their name begins so, or holds it, or their address.

    Raise Invalid where that is too short, or is what very many are called.
    """
    if len(typed) < SHORTEST_NAME:
        raise Invalid(f"{typed!r} is in too many names.", fix=f"Write at least {SHORTEST_NAME} characters.")
    wanted = typed.lower()
    meant = or_(
        Person.address.contains(wanted, autoescape=True), Person.name.icontains(wanted, autoescape=True)
    )
    people = db.scalars(select(Person.id).where(meant).limit(MOST_PEOPLE + 1)).all()
    if len(people) > MOST_PEOPLE:
        raise Invalid(
            f"More than {MOST_PEOPLE} people are called like {typed!r}.",
            fix="Write more of the name or address.",
        )
    return or_(Claim.person_id.in_(people), *(begins(Claim.person_name, one) for one in spellings(typed)))


def spellings(typed: str) -> list[str]:
    """Return how a name may be written that somebody types in small letters."""
    return list(dict.fromkeys((typed, typed.title(), typed.capitalize(), typed.upper())))


def begins(column: InstrumentedAttribute[str], start: str) -> ColumnElement[bool]:
    """Return the condition that a text begins so, in words that an index may answer under row security."""
    return and_(column.op("~>=~")(start), column.op("~<~")(start + LAST_CHARACTER))

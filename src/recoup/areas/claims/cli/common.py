"""What the commands of claims share: who types, which claim is meant, how one is shown."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from sqlalchemy.orm import Session

from recoup.areas.claims.models import Claim
from recoup.areas.claims.queries import claim_rows
from recoup.areas.claims.service.moves import By, House
from recoup.core.errors import NotFound
from recoup.core.money import Money
from recoup.core.system import System
from recoup.web import output

ClaimName = Annotated[
    str, Parameter(help="Its number, such as CLM-20260205-7F3A21C9, or its id from `recoup claims list`.")
]
Version = Annotated[
    int | None,
    Parameter(validator=Number(gte=1), help="The version that you saw; refused where it is another now."),
]


def by() -> By:
    """Return who types: an account of this machine, and no person of ours."""
    actor = output.actor()
    return By(actor=actor, person=None, name=actor)


def house_of(system: System) -> House:
    """Return what mails need to know of this server."""
    return House.of(system.settings)


def claim_of(db: Session, name: str) -> Claim:
    """Return the claim of that number or id; raise NotFound."""
    bare = name.strip()
    is_id = bare.isascii() and bare.isdecimal() and len(bare) < 20  # noqa: PLR2004 - digits of the largest id
    claim = claim_rows.by_id(db, int(bare)) if is_id else claim_rows.by_number(db, bare.upper())
    if claim is None:
        raise NotFound(f"There is no claim {bare[:40]}.", fix="See `recoup claims list`.")
    return claim


def claimed(claim: Claim) -> str:
    """Write what is claimed."""
    return str(Money(claim.claim_minor, claim.currency))


def approved(claim: Claim) -> str:
    """Write what was approved; nothing where nothing was."""
    return "" if claim.approved_minor is None else str(Money(claim.approved_minor, claim.currency))

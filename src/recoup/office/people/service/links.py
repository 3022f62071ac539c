"""Use cases of links that sign somebody in once: printed by the command line, or mailed as an invitation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from recoup.core.errors import Conflict, Unauthorised
from recoup.core.ids import new_id
from recoup.core.sealing import Sealer
from recoup.office.journal import service as journal
from recoup.office.messages import service as messages
from recoup.office.people import queries
from recoup.office.people.models import Factor, Link, Person
from recoup.office.people.rules import secrets
from recoup.office.people.rules.limits import Client
from recoup.office.people.rules.sessions import LINK_LASTS
from recoup.office.people.service.house import as_house
from recoup.office.people.service.sessions import Opened, end_links, open_session

PATH = "/desk/welcome/"


@dataclass(frozen=True, slots=True)
class Printed:
    """A link as it is shown once: the path below this server's address, and until when it works."""

    path: str = field(repr=False)
    expires_at: datetime


def print_link(db: Session, person: Person, *, counts_as_factor: bool, actor: str, now: datetime) -> Printed:
    """Make a link that signs a person in once within a day; it takes the place of their earlier ones.

    ``counts_as_factor``: only for what the command line prints, where a shell on this server is the stronger proof.
    """
    if person.state != "active":
        raise Conflict(f"{person.address} is disabled.", fix="Let them in first: `recoup people enable`.")
    end_links(db, person.id, now=now)
    token = secrets.new_token()
    row = Link(
        id=new_id(),
        person_id=person.id,
        token_hash=secrets.token_hash(token),
        counts_as_factor=counts_as_factor,
        created_at=now,
        created_by=actor,
        expires_at=now + LINK_LASTS,
    )
    with as_house(db):
        db.add(row)
    journal.record(
        db,
        "people.link_made",
        f"people/person/{person.id}",
        actor=actor,
        now=now,
        address=person.address,
        counts_as_factor=counts_as_factor,
    )
    return Printed(f"{PATH}{token}", row.expires_at)


def mail_link(
    db: Session, person: Person, *, portal: str, sealer: Sealer, sender: str, actor: str, now: datetime
) -> UUID:
    """Mail somebody a link; return the delivery's id. ``portal`` is this server's address as people type it.

    The link stands in the mail only: what the outbox shows has dots in its place.
    """
    printed = print_link(db, person, counts_as_factor=False, actor=actor, now=now)
    return messages.send(
        db,
        key=f"people.welcome:{person.id}:{printed.expires_at:%Y%m%dT%H%M%S%f}",
        to=person.address,
        template="welcome",
        context={"name": person.name, "role": person.role, "until": printed.expires_at, "portal": portal},
        hidden=messages.Hidden({"link": f"{portal}{printed.path}"}, sealer),
        sender=sender,
        now=now,
    )


def redeem_welcome(db: Session, token: str, *, client: Client, now: datetime) -> Opened:
    """Open a browser's session for who holds the link; it works once. Raise Unauthorised for any other.

    The page behind the link asks for a click first: mail scanners open every link they see.
    """
    taken = (
        update(Link)
        .where(
            Link.token_hash == secrets.token_hash(token),
            Link.used_at.is_(None),
            Link.ended_at.is_(None),
            Link.expires_at > now,
        )
        .values(used_at=now)
        .returning(Link.person_id, Link.counts_as_factor)
    )
    found = db.execute(taken).one_or_none()
    person = queries.by_id(db, found.person_id) if found else None
    if found is None or person is None or person.state != "active":
        raise Unauthorised(
            "This link does not work, or no longer.", fix="Each works once, for a day. Ask for another."
        )
    factor = Factor.CONSOLE if found.counts_as_factor else Factor.NONE
    return open_session(
        db, person, kind="browser", client=client, now=now, factor=factor, how=f"link ({factor})"
    )

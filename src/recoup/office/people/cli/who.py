"""Commands about who may come in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from cyclopts import Parameter
from sqlalchemy.orm import Session

from recoup.core.clock import to_text
from recoup.core.ids import parse_id
from recoup.office.people import queries
from recoup.office.people.here import portal_of
from recoup.office.people.models import Person
from recoup.office.people.permissions import Role
from recoup.office.people.rules import addresses
from recoup.office.people.schemas import PersonShown
from recoup.office.people.service import links, people
from recoup.office.people.service.links import Printed
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Before, Json, Limit
from recoup.web.wire import found, page_of

Address = Annotated[str, Parameter(help="Their mail address.")]
RoleName = Literal["customer", "analyst", "reviewer", "administrator"]


def person_at(db: Session, address: str) -> Person:
    """Return the person with an address; raise NotFound."""
    spelled = addresses.normalise(address)
    return found(queries.by_address(db, spelled), f"person {spelled}", see="people list")


class Who:
    """Commands about who may come in."""

    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def listed(
        self,
        *,
        text: Annotated[str | None, Parameter(help="Only where this stands in the address or name.")] = None,
        role: Annotated[RoleName | None, Parameter(help="Only these.")] = None,
        state: Annotated[Literal["active", "disabled"] | None, Parameter(help="Only these.")] = None,
        before: Before = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """List who may come in, newest first."""
        start = parse_id(before) if before else None
        with self._opened() as system, system.sessions.begin() as db:
            rows = queries.listed(db, text=text, role=role, state=state, before=start, limit=limit + 1)
            page = page_of(PersonShown, rows, limit=limit)
        columns = {
            "ADDRESS": lambda one: one.address,
            "NAME": lambda one: one.name,
            "ROLE": lambda one: one.role,
            "STATE": lambda one: one.state,
            "LAST SEEN": lambda one: one.last_seen_at,
            "ID": lambda one: one.id,
        }
        output.listing(page, columns, as_json=json, empty="Nobody yet: `recoup people add ADDRESS`.")

    def add(
        self,
        address: Address,
        *,
        role: Annotated[RoleName, Parameter(help="What they are here.")] = "analyst",
        name: Annotated[str, Parameter(help="What they are called.")] = "",
        json: Json = False,
    ) -> None:
        """Add somebody, and print a link that signs them in once.

        The link works for a day. Since it was printed by this server itself, it stands for their second factor, too.
        """
        with self._opened() as system, system.sessions.begin() as db:
            actor, now = output.actor(), system.clock()
            person = people.add(db, address=address, role=Role(role), name=name, actor=actor, now=now)
            printed = links.print_link(db, person, counts_as_factor=True, actor=actor, now=now)
            shown, portal = PersonShown.model_validate(person), portal_of(system.settings)
        _say(shown, printed, portal=portal, as_json=json)

    def link(self, address: Address, *, json: Json = False) -> None:
        """Print another link that signs somebody in once; earlier ones no longer work."""
        with self._opened() as system, system.sessions.begin() as db:
            person = person_at(db, address)
            printed = links.print_link(
                db, person, counts_as_factor=True, actor=output.actor(), now=system.clock()
            )
            shown, portal = PersonShown.model_validate(person), portal_of(system.settings)
        _say(shown, printed, portal=portal, as_json=json)

    def role(
        self,
        address: Address,
        role: Annotated[RoleName, Parameter(help="From now on.")],
        *,
        json: Json = False,
    ) -> None:
        """Make somebody something else; their sessions, tokens and keys end at once."""

        def change(db: Session, person_id: UUID, *, actor: str, now: datetime) -> Person:
            return people.change_role(db, person_id, Role(role), actor=actor, now=now)

        self._changed(address, change, said=f"is {role} now", as_json=json)

    def disable(self, address: Address, *, json: Json = False) -> None:
        """Keep somebody out; their sessions, tokens and keys end at once."""
        self._changed(address, people.disable, said="may not come in any more", as_json=json)

    def enable(self, address: Address, *, json: Json = False) -> None:
        """Let somebody in again."""
        self._changed(address, people.enable, said="may come in", as_json=json)

    def _changed(self, address: str, change: Callable[..., Person], *, said: str, as_json: bool) -> None:
        with self._opened() as system, system.sessions.begin() as db:
            person = change(db, person_at(db, address).id, actor=output.actor(), now=system.clock())
            shown = PersonShown.model_validate(person)
        if as_json:
            output.document(shown)
        else:
            output.say(f"{shown.address} {said}.")


def _say(person: PersonShown, printed: Printed, *, portal: str, as_json: bool) -> None:
    link = f"{portal}{printed.path}"
    if as_json:
        more = {"link": link, "link_expires_at": to_text(printed.expires_at)}
        output.document(person.model_dump(mode="json") | more)
        return
    output.say(f"{person.address} may come in as {person.role}.")
    output.note(f"This link signs them in, once, until {output.shown(printed.expires_at)}:")
    output.say(link)

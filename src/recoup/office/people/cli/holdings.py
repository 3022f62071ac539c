"""Commands about what people hold and did: sessions, keys, second factors, the access log."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from recoup.core.ids import parse_id
from recoup.office.people import queries
from recoup.office.people.cli.who import Address, person_at
from recoup.office.people.rules.limits import Client
from recoup.office.people.schemas import AccessShown, KeyShown, SessionShown
from recoup.office.people.service import factors, keys, people
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Before, Json, Limit
from recoup.web.wire import page_of

HERE = Client("this server's command line")


class Holdings:
    """Commands about what people hold and did."""

    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def sessions(self, address: Address, *, json: Json = False) -> None:
        """List where somebody is signed in."""
        with self._opened() as system, system.sessions.begin() as db:
            page = page_of(SessionShown, queries.sessions_of(db, person_at(db, address).id))
        columns = {
            "ID": lambda one: one.id,
            "KIND": lambda one: one.kind,
            "SINCE": lambda one: one.created_at,
            "LAST SEEN": lambda one: one.last_seen_at,
            "FROM": lambda one: one.address,
            "WITH": lambda one: one.agent,
            "FACTOR": lambda one: one.factor,
        }
        output.listing(page, columns, as_json=json, empty="They are signed in nowhere.")

    def end_sessions(self, address: Address, *, json: Json = False) -> None:
        """Sign somebody out everywhere; their keys stay."""
        with self._opened() as system, system.sessions.begin() as db:
            person = person_at(db, address)
            ended = people.end_all(db, person.id, actor=output.actor(), now=system.clock())
        if json:
            output.document({"address": person.address, "ended": ended})
        else:
            output.say(f"{ended:,} sessions of {person.address} were ended.")

    def keys(
        self,
        address: Address,
        *,
        revoke: Annotated[str | None, Parameter(help="Revoke the key with this id.")] = None,
        json: Json = False,
    ) -> None:
        """List somebody's keys for programs, or revoke one."""
        with self._opened() as system, system.sessions.begin() as db:
            person = person_at(db, address)
            if revoke is not None:
                wanted = parse_id(revoke)
                keys.revoke_key(db, wanted, of=person.id, actor=output.actor(), now=system.clock())
                db.flush()
            page = page_of(KeyShown, queries.keys_of(db, person.id))
        columns = {
            "ID": lambda one: one.id,
            "NAME": lambda one: one.name,
            "BEGINS": lambda one: one.prefix,
            "SCOPE": lambda one: one.scope,
            "MADE": lambda one: one.created_at,
            "ENDS": lambda one: one.expires_at,
            "LAST USED": lambda one: one.last_used_at,
        }
        output.listing(page, columns, as_json=json, empty="They have no keys.")

    def reset(self, address: Address, *, json: Json = False) -> None:
        """Take all of somebody's second factors away, because they lost them; they are told by mail."""
        with self._opened() as system, system.sessions.begin() as db:
            person = person_at(db, address)
            factors.reset(
                db,
                person.id,
                actor=output.actor(),
                sender=system.settings.mail.sender,
                client=HERE,
                now=system.clock(),
            )
        if json:
            output.document({"address": person.address, "factors": 0})
        else:
            output.say(f"{person.address} has no second factor any more, and is signed out everywhere.")

    def access(
        self,
        *,
        of: Annotated[str | None, Parameter(help="Only what this person did.")] = None,
        action: Annotated[
            Literal["opened", "downloaded", "changed", "signed in", "signed out", "refused"] | None,
            Parameter(help="Only this."),
        ] = None,
        before: Before = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """List who opened, downloaded or changed what, newest first."""
        start = parse_id(before) if before else None
        with self._opened() as system, system.sessions.begin() as db:
            person = person_at(db, of).id if of else None
            rows = queries.access(db, person=person, action=action, before=start, limit=limit + 1)
            page = page_of(AccessShown, rows, limit=limit)
        columns = {
            "AT": lambda one: one.at,
            "WHO": lambda one: one.name,
            "DID": lambda one: one.action,
            "WHAT": lambda one: one.subject,
            "FROM": lambda one: one.address,
            "STATUS": lambda one: one.status,
            "DETAIL": lambda one: one.detail,
        }
        output.listing(page, columns, as_json=json, empty="Nothing was written down yet.")

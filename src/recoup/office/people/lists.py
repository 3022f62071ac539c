"""The lists of people: who may come in, and what they did here."""

from __future__ import annotations

from recoup.office.people import queries_pages, shown
from recoup.office.people.models import Access
from recoup.office.people.permissions import Role
from recoup.office.people.queries_pages import Listed
from recoup.office.people.rules import addresses
from recoup.web.lists import Choices, Column, Filter, Listing, Order, read_day

ACTIONS = ("opened", "downloaded", "changed", "signed in", "signed out", "refused")


def _same(*values: str) -> Choices:
    return tuple((value, value) for value in values)


PEOPLE: Listing[Listed] = Listing(
    name="people",
    title="People",
    may="people.look",
    columns=(
        Column("address", "Address", lambda one: one.person.address),
        Column("name", "Name", lambda one: one.person.name),
        Column("role", "Role", lambda one: one.person.role),
        Column("state", "State", lambda one: one.person.state, "state"),
        Column("factor", "Second factor", lambda one: one.has_factor, "yes"),
        Column("last_seen_at", "Last seen", lambda one: one.person.last_seen_at, "instant"),
        Column("created_at", "Added", lambda one: one.person.created_at, "instant"),
        Column("created_by", "Added by", lambda one: one.person.created_by, on_page=False),
        Column("zone", "Time zone", lambda one: one.person.zone, on_page=False),
        Column("id", "Id", lambda one: one.person.id, "id", on_page=False),
    ),
    orders=(
        Order("newest", "newest first", "created_at"),
        Order("oldest", "oldest first", "created_at", descending=False),
        Order("address", "by address", "address", descending=False),
    ),
    filters=(
        Filter("text", "Name or address", placeholder="ada"),
        Filter("role", "Role", _same(*Role)),
        Filter("state", "State", _same("active", "disabled")),
    ),
    rows=queries_pages.people_page,
    href=lambda one: f"/desk/people/{one.person.id}",
    empty="Nobody was added yet.",
    todo="Invite the first person: they get a mail with a link that signs them in.",
)

ACCESS: Listing[Access] = Listing(
    name="access-log",
    title="Access log",
    may="access.look",
    columns=(
        Column("at", "When", lambda one: one.at, "instant"),
        Column(
            "name",
            "Who",
            lambda one: one.name or "somebody",
            link=lambda one: f"/desk/people/{one.person_id}" if one.person_id else None,
        ),
        Column("action", "Did", lambda one: one.action, "state"),
        Column("subject", "What", lambda one: one.subject, "code"),
        Column("detail", "Which", lambda one: one.detail, "wide"),
        Column("address", "From", lambda one: one.address),
        Column("device", "With", lambda one: shown.device(one.agent)),
        Column("how", "By", lambda one: one.how, on_page=False),
        Column("status", "Answer", lambda one: one.status, on_page=False),
        Column("method", "Method", lambda one: one.method, on_page=False),
        Column("agent", "Program", lambda one: one.agent, on_page=False),
        Column("person_id", "Person", lambda one: one.person_id, "id", on_page=False),
        Column("id", "Id", lambda one: one.id, "id", on_page=False),
    ),
    orders=(
        Order("newest", "newest first", "at"),
        Order("oldest", "oldest first", "at", descending=False),
    ),
    filters=(
        Filter("person", "Person", placeholder="ada@example.com", read=addresses.normalise),
        Filter("action", "Did", _same(*ACTIONS)),
        Filter("address", "IP address", placeholder="192.0.2.7"),
        Filter("from", "First day", kind="day", read=read_day),
        Filter("to", "Last day", kind="day", read=read_day),
    ),
    rows=queries_pages.access_page,
    empty="Nothing was written down yet.",
    todo="Every page that somebody opens, every download, change, sign-in and refusal becomes a line here.",
)

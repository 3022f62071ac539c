"""The list of the outbox: deliveries, as pages show and exports write them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from recoup.office.outbox import queries, rules
from recoup.office.outbox.models import Delivery, State
from recoup.web.lists import Choices, Column, Filter, Listing, Order


def about(delivery: Delivery) -> str:
    """Say what a delivery is about."""
    return rules.in_words(delivery.subject, delivery.headers)


def next_attempt(delivery: Delivery) -> datetime | None:
    """Return when it is tried next, where it is."""
    return delivery.next_attempt_at if rules.moves(delivery.state) else None


def _channels(db: Session) -> Choices:
    return tuple((name, name) for name in queries.names(db, Delivery.channel))


def _kinds(db: Session) -> Choices:
    return tuple((name, name) for name in queries.names(db, Delivery.kind))


DELIVERIES: Listing[Delivery] = Listing(
    name="deliveries",
    title="Outbox",
    may="outbox.look",
    columns=(
        Column("about", "About", about, "wide"),
        Column("state", "State", lambda one: one.state, "state"),
        Column("through", "Channel, kind", lambda one: f"{one.channel}, {one.kind}"),
        Column("attempt", "Tries", lambda one: one.attempt, "whole"),
        Column("next", "Next attempt", next_attempt, "instant"),
        Column("created_at", "Planned", lambda one: one.created_at, "instant"),
        Column("reason", "Reason", lambda one: one.reason),
        Column("id", "Id", lambda one: one.id, "id", on_page=False),
        Column("channel", "Channel", lambda one: one.channel, on_page=False),
        Column("kind", "Kind", lambda one: one.kind, on_page=False),
        Column("key", "Key", lambda one: one.key, on_page=False),
        Column("handings", "Handed over", lambda one: one.handings, "whole", on_page=False),
        Column("updated_at", "Last changed", lambda one: one.updated_at, "instant", on_page=False),
    ),
    orders=(
        Order("newest", "newest first", "created_at"),
        Order("oldest", "oldest first", "created_at", descending=False),
    ),
    filters=(
        Filter("state", "State", tuple((str(state), str(state)) for state in State)),
        Filter("channel", "Channel", _channels),
        Filter("kind", "Kind", _kinds),
        Filter("key", "Key begins with", placeholder="run:0198…"),
    ),
    rows=queries.deliveries_page,
    href=lambda one: f"/desk/outbox/{one.id}",
    empty="Nothing was planned yet.",
    todo="Mails, and what is sent to marketplaces, stand here before they leave and for good afterwards.",
)

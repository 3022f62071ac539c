"""What each role may do: the one table. Doors name a permission; row security follows the same roles."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """What somebody is here. Customers see their own things only; the others work here."""

    CUSTOMER = "customer"
    ANALYST = "analyst"
    REVIEWER = "reviewer"
    ADMINISTRATOR = "administrator"


_ALL = frozenset(Role)
_STAFF = _ALL - {Role.CUSTOMER}
_DECIDES = frozenset({Role.REVIEWER, Role.ADMINISTRATOR})
_RUNS = frozenset({Role.ADMINISTRATOR})

MAY: Mapping[str, frozenset[Role]] = {
    # their own things: profile, sessions, keys, second factors
    "account.look": _ALL,
    "account.change": _ALL,
    "claims.own": _ALL - {Role.ADMINISTRATOR},
    # what everybody who works here reads
    "overview.look": _STAFF,
    "jobs.look": _STAFF,
    "files.look": _STAFF,
    "lists.export": _STAFF,
    "owed.look": _STAFF,
    "rights.look": _STAFF,
    "metering.look": _STAFF,
    "claims.look": _STAFF,
    "health.look": _STAFF,
    # what decides about money, or starts something
    "jobs.run": _DECIDES,
    "journal.look": _DECIDES,
    "outbox.look": _DECIDES,
    "outbox.settle": _DECIDES,
    "messages.look": _DECIDES,
    "rights.settle": _DECIDES,
    "metering.export": _DECIDES,
    "metering.settle": _DECIDES,
    "claims.decide": _DECIDES,
    # what changes how the house works
    "jobs.change": _RUNS,
    "messages.change": _RUNS,
    "controls.look": _RUNS,
    "controls.change": _RUNS,
    "people.look": _RUNS,
    "people.change": _RUNS,
    "claims.import": _RUNS,
    "access.look": _RUNS,
}
"""Permission to roles, in the order of how much it moves."""

EVERYTHING = frozenset(MAY)
NEEDS_SECOND_FACTOR = _DECIDES
"""The roles that must show a second factor."""
WITHOUT_SECOND_FACTOR = frozenset({"account.look"})
"""What one who must show a second factor, and has not yet, may do."""


def of(role: Role) -> frozenset[str]:
    """Return what a role may do."""
    return frozenset(permission for permission, roles in MAY.items() if role in roles)

"""What of a policy would change: each column with what stands and what it would be, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from recoup.areas.claims.rules.policies import Rejected
from recoup.core.money import Money

NOTHING = ""


class Beside(Protocol):
    """A policy as it would stand, beside the one that stands; see ``queries/import_rows.Change``."""

    @property
    def line(self) -> int: ...  # noqa: D102
    @property
    def policy_number(self) -> str: ...  # noqa: D102
    @property
    def currency(self) -> str: ...  # noqa: D102
    @property
    def was_currency(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Difference:
    """One column, as it stands and as it would be."""

    column: str
    title: str
    before: str
    after: str


_COLUMNS = (
    ("holder_email", "Holder", "holder"),
    ("type", "Type", "kind"),
    ("start_date", "First day", "start_date"),
    ("end_date", "Last day", "end_date"),
    ("premium", "Premium", "premium_minor"),
    ("sum_insured", "Sum insured", "sum_insured_minor"),
    ("status", "Status", "status"),
    ("auto_renew", "Renews itself", "auto_renew"),
)


def differences(change: Beside, *, write: Callable[[Money], str] = str) -> Sequence[Difference]:
    """Return what differs, in the order of the columns. An amount is written with its currency, as ``write`` does."""
    found = []
    for column, title, name in _COLUMNS:
        before = _written(getattr(change, f"was_{name}"), name, change.was_currency, write)
        after = _written(getattr(change, name), name, change.currency, write)
        if before != after:
            found.append(Difference(column, title, before, after))
    return found


def _written(value: Any, name: str, currency: str | None, write: Callable[[Money], str]) -> str:
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case date():
            return value.isoformat()
    return write(Money(value, currency or "")) if name.endswith("_minor") else str(value)


def refusal(change: Beside) -> Rejected:
    """Say why a policy cannot change as its line says: amounts in another currency are other amounts."""
    reason = (
        f"{change.policy_number} is kept in {change.was_currency}, and this line has {change.currency}. That cannot "
        "change while the policy has claims, or while its sum insured stays as it is."
    )
    return Rejected(change.line, reason, ())

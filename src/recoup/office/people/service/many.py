"""Many people at once, as lists from elsewhere bring them in: set by set, with one event for them all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from recoup.core.db import copy_rows
from recoup.core.ids import new_id
from recoup.office.journal import service as journal
from recoup.office.people.permissions import Role

_COMING = "people_coming_in"


def add_missing(
    db: Session, people: Iterable[tuple[str, str]], *, role: Role, because: str, actor: str, now: datetime
) -> int:
    """Add whoever is not known yet, by ``(address, name)``; return how many they were. Those who are stay as they are.

    Addresses are normalised and come once each, names are clean (``rules/addresses``). ``because`` is the subject of
    what brought them in, and of the event.
    """
    db.execute(text(f"create temporary table {_COMING} (id uuid, address text, name text) on commit drop"))
    copy_rows(db, _COMING, ("id", "address", "name"), ((new_id(), *one) for one in people))
    added: int = db.execute(
        text(
            "insert into people (id, address, name, role, zone, state, factor_policy, created_at, created_by) "
            f"select id, address, name, :role, 'UTC', 'active', 'role', :now, :actor from {_COMING} "
            "on conflict (address) do nothing"
        ),
        {"role": str(role), "now": now, "actor": actor},
    ).rowcount  # type: ignore[attr-defined]
    db.execute(text(f"drop table {_COMING}"))
    if added:
        journal.record(
            db, "people.added_together", because, actor=actor, now=now, people=added, role=str(role)
        )
    return added

"""Every SELECT of the list of runs, and of the latest run of each kind: one index carries both."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, Select, inspect, select, true, tuple_
from sqlalchemy.orm import Session, aliased

from recoup.core.keyset import Slice, behind
from recoup.office.jobs.models import Run
from recoup.web.lists import Wanted

KIND = ("job", "state", "trigger", "needs_person")
"""What makes a kind of runs: the first columns of the index that carries every filter of their list."""
_UNSEEN = {"params", "counts"}
"""JSON that takes as long to read as all the rest, and that no list shows."""
_SEEN: list[Any] = [
    column for name, column in inspect(Run).all_orm_descriptors.items() if name not in _UNSEEN
]
_RUNS = select(*_SEEN)


def runs_page(db: Session, wanted: Wanted) -> Slice[Run]:
    """Return a page of the list of runs, as its filters narrow it: rows that have what a run has, to be read only."""
    asked = {
        name: (value == "yes" if name == "needs_person" else value)
        for name, value in wanted.filters.items()
        if name in KIND
    }
    statement: Select[*tuple[Any, ...]] = _RUNS
    if asked:
        statement = statement.where(Run.id.in_(_of_kinds(asked, wanted)))
    else:
        statement = statement.where(*_within(Run, wanted))
    return wanted.page_of(db, statement, key=[Run.queued_at, Run.id], named=True)


def latest_by_kind(db: Session) -> Sequence[Run]:
    """Return the latest run of every kind of run that there is: a few per job, however many runs there were."""
    return db.scalars(_latest_by_kind()).all()


@functools.cache
def _latest_by_kind() -> Select[Run]:
    """Return the statement: putting it together takes as long as asking it."""
    kinds, one = _kinds(), aliased(Run)
    latest = (
        select(one.id)
        .where(*(getattr(one, name) == kinds.c[name] for name in KIND))
        .order_by(one.queued_at.desc(), one.id.desc())
        .limit(1)
        .lateral()
    )
    ids = select(latest.c.id).select_from(kinds.join(latest, true()))
    return select(Run).where(Run.id.in_(ids)).order_by(Run.queued_at.desc(), Run.id.desc())


def _within(run: type[Run], wanted: Wanted) -> list[ColumnElement[bool]]:
    since, until = wanted.since("from"), wanted.until("to")
    found: list[ColumnElement[bool]] = []
    if since is not None:
        found.append(run.queued_at >= since)
    if until is not None:
        found.append(run.queued_at < until)
    return found


def _of_kinds(asked: Mapping[str, Any], wanted: Wanted) -> Select[UUID]:
    """Return the ids of the page's runs: the first of each kind that was asked for, then the first of them all.

    However few runs fit, and however many there are, this reads a page's worth per kind.
    """
    kinds, one = _kinds(), aliased(Run)
    down, key = wanted.order.descending, [one.queued_at, one.id]
    of_kind = select(*key).where(
        *(getattr(one, name) == kinds.c[name] for name in KIND), *_within(one, wanted)
    )
    if wanted.after is not None:
        of_kind = of_kind.where(behind(key, wanted.after, descending=down))
    ordered = of_kind.order_by(*(part.desc() if down else part.asc() for part in key))
    first = ordered.limit(wanted.limit + 1).lateral()
    page = select(first.c.id).select_from(kinds.join(first, true()))
    page = page.where(*(kinds.c[name] == value for name, value in asked.items()))
    place = [first.c.queued_at, first.c.id]
    return page.order_by(*(part.desc() if down else part.asc() for part in place)).limit(wanted.limit + 1)


def _kinds() -> CTE:
    """Return which kinds of runs there are, by jumping through the index from each to the next."""
    first, one = aliased(Run), aliased(Run)
    columns = [getattr(first, name) for name in KIND]
    start = select(*columns).order_by(*columns).limit(1).subquery()
    kinds = select(start).cte("kinds", recursive=True)
    place = [getattr(one, name) for name in KIND]
    following = select(*place).where(tuple_(*place) > tuple_(*(kinds.c[name] for name in KIND)))
    next_one = following.order_by(*place).limit(1).lateral()
    return kinds.union_all(select(next_one).select_from(kinds.join(next_one, true())))

"""Search over everything: every part looks for what has an id or a name, within bounds of time and number."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from recoup.core.db import sqlstate
from recoup.core.system import System
from recoup.web.area import Area, Hit

SHORTEST, LONGEST = 2, 200
MOST_PER_KIND = 6
MOST_HITS = 40
SECONDS = 0.2
LEAST_MILLISECONDS = 5
QUERY_CANCELED = "57014"


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, by kind in the order of the parts; ``unfinished`` parts ran out of time."""

    groups: Sequence[tuple[str, Sequence[Hit]]]
    unfinished: Sequence[str]


def readable(typed: str) -> str:
    """Return what was typed without what nobody can see, at most 200 characters of it."""
    return "".join(char for char in typed if char.isprintable()).strip()[:LONGEST]


def search(db: Session, system: System, parts: Iterable[Area], wanted: str) -> Found:
    """Ask every part; together they have 200 milliseconds, so that typing never waits for a slow one."""
    ends = time.monotonic() + SECONDS
    groups: dict[str, list[Hit]] = {}
    unfinished = []
    point = db.begin_nested()
    for area in parts:
        hits: list[Hit] = list(area.finds(system, wanted)) if area.finds is not None else []
        if area.search is not None:
            try:
                _allow(db, ends - time.monotonic())
                hits += area.search(db, wanted)
            except DBAPIError as error:
                if sqlstate(error) != QUERY_CANCELED:
                    raise
                unfinished.append(area.name)
                point.rollback()  # the others keep their transaction
                point = db.begin_nested()
        for hit in hits:
            groups.setdefault(hit.kind, []).append(hit)
    point.commit()
    return Found(_within(groups), unfinished)


def _allow(db: Session, left: float) -> None:
    """Give the next part half of the time that is left, so that a slow one leaves some for those behind it."""
    milliseconds = max(int(left * 1_000 / 2), LEAST_MILLISECONDS)
    db.execute(text(f"set local statement_timeout = {milliseconds}"))


def _within(groups: Mapping[str, Sequence[Hit]]) -> list[tuple[str, Sequence[Hit]]]:
    """Return so many hits as a page takes, a few of each kind."""
    shown: list[tuple[str, Sequence[Hit]]] = []
    room = MOST_HITS
    for kind, found in groups.items():
        some = found[: min(MOST_PER_KIND, room)]
        room -= len(some)
        if some:
            shown.append((kind, some))
    return shown

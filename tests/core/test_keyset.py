"""Lists a page at a time: every row once, whatever happens meanwhile, and cursors that nobody can break."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from recoup.core.errors import Invalid
from recoup.core.ids import new_id
from recoup.core.keyset import Slice, slice_of
from recoup.office.journal.models import Event

NOON = datetime(2025, 7, 24, 12, tzinfo=UTC)


@pytest.fixture
def db(sessions: sessionmaker[Session]) -> Iterator[Session]:
    with sessions.begin() as db:
        for number in range(25):  # five instants, so that the id decides within each
            event = Event(
                id=new_id(),
                at=NOON + timedelta(minutes=number // 5),
                actor="a",
                kind="k",
                subject=f"s{number}",
                detail={},
            )
            db.add(event)
        db.flush()
        yield db


def page(db: Session, after: str | None = None, *, limit: int = 4, descending: bool = True) -> Slice[Event]:
    return slice_of(
        db, select(Event), key=[Event.at, Event.id], descending=descending, after=after, limit=limit
    )


def everything(db: Session, **how: Any) -> list[str]:
    found, after = [], None
    while True:
        part = page(db, after, **how)
        found += [event.subject for event in part.rows]
        if part.next is None:
            return found
        after = part.next


@pytest.mark.parametrize("limit", [1, 4, 5, 24, 25, 100])
def test_every_row_comes_once_in_order(db: Session, limit: int) -> None:
    expected = [f"s{number}" for number in range(25)]
    assert everything(db, limit=limit, descending=False) == expected
    assert everything(db, limit=limit) == expected[::-1]


def test_rows_that_come_meanwhile_shift_nothing(db: Session) -> None:
    first = page(db)
    db.add(Event(id=new_id(), at=NOON + timedelta(days=1), actor="a", kind="k", subject="newer", detail={}))
    db.flush()
    second = page(db, first.next)
    assert [event.subject for event in [*first.rows, *second.rows]] == [
        f"s{number}" for number in range(24, 16, -1)
    ]


def test_several_columns_come_as_tuples(db: Session) -> None:
    part = slice_of(db, select(Event.subject, Event.kind), key=[Event.id], after=None, limit=2)
    assert part.rows == [("s24", "k"), ("s23", "k")]


def cursor(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "made_up",
    [
        "x",
        "%",
        "é",
        cursor(),
        cursor(["t", NOON.isoformat()]),  # too few
        cursor(
            ["u", UUID(int=1).hex], ["t", NOON.isoformat()]
        ),  # another list's: the kinds stand the other way round
        cursor(["s", "a"], ["s", "b"]),
        cursor(["i", "1"], ["i", "2"]),
        cursor(["t", "2025-07-24T12:00:00"], ["u", UUID(int=1).hex]),  # no zone
        cursor(["t", NOON.isoformat()], ["u", "no id"]),
        cursor(["t", NOON.isoformat()], ["x", "1"]),
        cursor({"t": 1}, 2),
        base64.urlsafe_b64encode(b"[" * 700).decode(),
        "a" * 100_000,
    ],
)
def test_a_made_up_cursor_is_refused(db: Session, made_up: str) -> None:
    with pytest.raises(Invalid, match="cannot be found"):
        page(db, made_up)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_cursor_holds_only_text_that_the_database_takes(db: Session, text: str) -> None:
    with pytest.raises(Invalid):
        slice_of(db, select(Event), key=[Event.subject], after=cursor(["s", text]), limit=2)

"""Queuing work: in the caller's transaction or not at all, folded where asked, and sooner where somebody needs it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from recoup.core.tasks import defer


def waiting(sessions: sessionmaker[Session]) -> list[tuple[str, str | None, datetime | None]]:
    statement = text("select task_name, queueing_lock, scheduled_at from procrastinate_jobs order by id")
    with sessions.begin() as db:
        return [tuple(row) for row in db.execute(statement)]  # type: ignore[misc]


def test_it_is_there_after_the_commit_and_not_before(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as db:
        defer(db, "part.work", thing="1")
        assert waiting(sessions) == []
    assert waiting(sessions) == [("part.work", None, None)]


def test_a_rollback_takes_it_back(sessions: sessionmaker[Session]) -> None:
    def defer_and_fail() -> None:
        with sessions.begin() as db:
            defer(db, "part.work")
            defer(db, "part.work", once="one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        defer_and_fail()
    assert waiting(sessions) == []


def test_the_same_word_folds_and_leaves_the_transaction_usable(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as db:
        db.execute(text("insert into jobs values ('before', false, '[]', '[]')"))
        for _ in range(3):
            defer(db, "part.work", once="one")
        db.execute(text("insert into jobs values ('after', false, '[]', '[]')"))
    assert waiting(sessions) == [("part.work", "one", None)]
    with sessions.begin() as db:
        assert (
            db.execute(text("select count(*) from jobs where name in ('before', 'after')")).scalar_one() == 2
        )


def test_what_waits_for_later_is_brought_forward_and_never_pushed_back(
    sessions: sessionmaker[Session], now: datetime
) -> None:
    later, sooner = now + timedelta(hours=2), now + timedelta(hours=1)
    for at, expected in ((later, later), (sooner, sooner), (later, sooner), (None, None), (sooner, None)):
        with sessions.begin() as db:
            defer(db, "part.work", once="one", at=at)
        assert waiting(sessions) == [("part.work", "one", expected)]


def test_a_task_that_runs_does_not_swallow_the_next(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as db:
        defer(db, "part.work", once="one")
        db.execute(text("update procrastinate_jobs set status = 'doing'"))
        defer(db, "part.work", once="one")
    assert len(waiting(sessions)) == 2

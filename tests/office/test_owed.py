"""The book of what is owed: one item per key, which opens, closes and opens again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from recoup.core.clock import HOUR, hour_of
from recoup.core.money import Money
from recoup.office.owed import queries, service
from recoup.office.owed.models import OwedItem
from recoup.office.owed.service import Owed

Sessions = sessionmaker[Session]


def owed(key: str, **changes: object) -> Owed:
    item = Owed(
        key=key,
        area="metering",
        party="Acme",
        title="Usage of one hour",
        link="/desk/metering",
        amount=Money(900, "EUR"),
        lapses_at=None,
    )
    return replace(item, **changes)  # type: ignore[arg-type]


def stored(sessions: Sessions, key: str) -> OwedItem:
    with sessions.begin() as db:
        item = queries.by_key(db, key)
    assert item is not None
    return item


def test_putting_twice_brings_one_item_up_to_date(sessions: Sessions, now: datetime) -> None:
    lapses = now + timedelta(days=1)
    with sessions.begin() as db:
        service.put(db, owed("a"), now=now)
    first = stored(sessions, "a")
    with sessions.begin() as db:
        changed = owed("a", party="Beta", title="New", link="/x", amount=Money(5, "JPY"), lapses_at=lapses)
        service.put(db, changed, now=now + HOUR)
    second = stored(sessions, "a")
    assert (first.party, first.amount_minor, first.currency, first.lapses_at) == ("Acme", 900, "EUR", None)
    assert (second.party, second.title, second.link) == ("Beta", "New", "/x")
    assert (second.amount_minor, second.currency, second.lapses_at) == (5, "JPY", lapses)
    assert (second.id, second.opened_at, second.area) == (first.id, now, "metering")
    with sessions.begin() as db:
        assert db.scalar(select(func.count()).select_from(OwedItem)) == 1


def test_an_amount_may_become_unknown(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as db:
        service.put(db, owed("a"), now=now)
        service.put(db, owed("a", amount=None), now=now)
    item = stored(sessions, "a")
    assert (item.amount_minor, item.currency) == (None, None)


@pytest.mark.parametrize(("end", "state"), [(service.settle, "settled"), (service.lapse, "lapsed")])
def test_an_item_ends_with_a_reason_and_only_once(
    sessions: Sessions, now: datetime, end: Callable[..., None], state: str
) -> None:
    with sessions.begin() as db:
        service.put_all(db, [owed("a"), owed("b")], now=now)
        end(db, "a", "never there", reason="because", now=now + HOUR)
        service.lapse(db, "a", reason="too late", now=now + 2 * HOUR)
        service.settle(db, "a", reason="too late", now=now + 2 * HOUR)
    item = stored(sessions, "a")
    assert (item.state, item.reason, item.ended_at) == (state, "because", now + HOUR)
    assert stored(sessions, "b").state == "open"


def test_a_closed_item_that_is_owed_again_opens(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as db:
        service.put(db, owed("a"), now=now)
        service.settle(db, "a", reason="paid", now=now + HOUR)
    with sessions.begin() as db:
        service.put(db, owed("a"), now=now + 2 * HOUR)
    item = stored(sessions, "a")
    assert (item.state, item.reason, item.ended_at, item.opened_at) == ("open", None, None, now)


def test_many_are_put_and_settled_at_once(sessions: Sessions, now: datetime) -> None:
    items = [owed(f"k{i:04}") for i in range(1_100)]
    with sessions.begin() as db:
        service.put_all(db, [], now=now)
        service.put_all(db, items, now=now)
        service.put_all(db, items, now=now)
        service.settle(db, *(item.key for item in items[:1_050]), reason="paid", now=now)
    with sessions.begin() as db:
        left = queries.open_items(db, limit=1_000)
        assert sorted(item.key for item in left) == [item.key for item in items[1_050:]]


def test_what_lapses_is_listed_by_hour_and_currency_largest_first(sessions: Sessions, now: datetime) -> None:
    soon, later = hour_of(now) + HOUR, hour_of(now) + 2 * HOUR
    with sessions.begin() as db:
        service.put_all(
            db,
            [
                owed("a", amount=Money(100, "EUR"), lapses_at=soon),
                owed("b", amount=Money(250, "EUR"), lapses_at=soon + timedelta(minutes=59, seconds=59)),
                owed("c", amount=Money(900, "USD"), lapses_at=soon + timedelta(minutes=5)),
                owed("d", amount=None, lapses_at=soon),
                owed("e", amount=Money(1, "EUR"), lapses_at=later),
                owed("paid", amount=Money(7777, "EUR"), lapses_at=soon),
                owed("for ever", amount=Money(8888, "EUR")),
                owed("far", amount=Money(9999, "EUR"), lapses_at=soon + 2 * HOUR),
            ],
            now=now,
        )
        service.settle(db, "paid", reason="paid", now=now)
    with sessions.begin() as db:
        found = queries.lapsing_by_hour(db, until=soon + 2 * HOUR)
    assert [(one.hour, one.currency, one.items, one.amount_minor) for one in found] == [
        (soon, "USD", 1, 900),
        (soon, "EUR", 2, 350),
        (soon, None, 1, 0),
        (later, "EUR", 1, 1),
    ]


def test_open_items_come_in_the_order_in_which_they_lapse(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as db:
        service.put_all(
            db,
            [owed("never"), owed("second", lapses_at=now + 2 * HOUR), owed("first", lapses_at=now + HOUR)],
            now=now,
        )
        service.put(db, owed("elsewhere", area="recovery", lapses_at=now), now=now)
    with sessions.begin() as db:
        assert [item.key for item in queries.open_items(db, area="metering")] == ["first", "second", "never"]
        assert [item.key for item in queries.open_items(db, limit=2)] == ["elsewhere", "first"]


def test_the_database_keeps_the_book_whole(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as db:
        service.put(db, owed("a"), now=now)
    for broken in (
        {"amount_minor": -1},
        {"currency": None},
        {"state": "lost"},
        {"state": "settled"},
        {"ended_at": now},
    ):
        with pytest.raises(IntegrityError, match="violates check constraint"), sessions.begin() as db:
            db.execute(update(OwedItem).values(**broken))

"""Submissions as the outbox calls them: the last look, and what every sort of answer does to the entries."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from recoup.areas.metering.models import Entry, EntryState
from recoup.areas.metering.rules.submissions import MOST_SUBMISSIONS
from recoup.areas.metering.service import adjustments, submissions
from recoup.core.clock import HOUR
from recoup.core.parts import Go, Result, Stop
from recoup.office.outbox.models import Delivery
from recoup.office.owed import queries as owed
from support.books import FIRST, Books, stream_config
from support.hour_files import Usage, body

DIMENSIONS = ("cpu", "memory", "pods")


@pytest.fixture
def books(db: Session) -> Books:
    """One hour with three dimensions of one contract."""
    books = Books(db, stream_config(), hours=2)
    books.take(FIRST, {"sub-1.json": body([Usage("alice", name, "5") for name in DIMENSIONS])})
    return books


def deliveries(books: Books) -> list[Delivery]:
    return list(books.db.scalars(select(Delivery).order_by(Delivery.created_at, Delivery.key)))


def delivery_of(books: Books, dimension: str = "cpu") -> Delivery:
    entry = entry_of(books, dimension)
    return books.db.get_one(Delivery, entry.submission_id)


def entry_of(books: Books, dimension: str = "cpu") -> Entry:
    return next(entry for entry in books.entries() if entry.dimension == dimension)


def states(books: Books) -> list[str]:
    return [entry.state for entry in books.entries()]


def answer(*results: dict[str, Any]) -> Result:
    return Result("accepted", "", 1, {"status": 200, "results": list(results)})


def result(dimension: str, **fields: Any) -> dict[str, Any]:
    name = {"contract_id": "alice", "dimension": dimension, "start_time": "2025-07-24T10:00:00Z"}
    return {"id": f"id-{dimension}", **name, "status": "success", **fields}


def hand_over(
    books: Books, outcome: Result, *, dimension: str = "cpu", now: datetime | None = None
) -> Go | Stop:
    """Do what the outbox does around a hand-over, up to its end."""
    delivery = delivery_of(books, dimension)
    verdict = submissions.before(books.db, delivery, now or books.now)
    if isinstance(verdict, Go):
        submissions.after(books.db, delivery, outcome, now or books.now)
    books.db.flush()
    return verdict


DUPLICATE = {"status": None, "errors": ["The record already exists."]}


def test_a_contracts_lines_go_together_at_most_25_at_a_time(db: Session) -> None:
    books = Books(db, stream_config(), hours=2)
    records = [Usage("alice", f"d{number:02}", "5") for number in range(60)]
    taken = books.take(FIRST, {"sub-1.json": body([*records, Usage("bob", "d00", "1")])})
    assert (taken.entries, taken.submissions) == (61, 4)
    sizes = {}
    for delivery in deliveries(books):
        request = json.loads(delivery.payload)["request"]
        assert len({line["contract_id"] for line in request}) == 1
        sizes[delivery.key] = len(request)
    assert sorted(sizes.values()) == [1, 10, 25, 25]


def test_names_that_look_alike_when_joined_are_different_submissions(db: Session) -> None:
    books = Books(db, stream_config(), hours=2)
    books.take(FIRST, {"sub-1.json": body([Usage("a:b", "c", "1"), Usage("a", "b:c", "2")])})
    assert len(deliveries(books)) == 2


def test_success_is_accepted_with_its_receipt(books: Books) -> None:
    assert isinstance(hand_over(books, answer(*map(result, DIMENSIONS))), Go)
    assert states(books) == ["accepted"] * 3
    assert entry_of(books).reference == "id-cpu"
    assert entry_of(books).answer["status"] == "success"


def test_a_mixed_answer_moves_each_line_for_itself(books: Books) -> None:
    hand_over(books, answer(result("memory", status="fail"), result("pods", **DUPLICATE), result("cpu")))
    assert states(books) == ["accepted", "rejected", "duplicate"]
    assert len(deliveries(books)) == 1


def test_what_is_not_mentioned_is_sent_again_alone_and_soon(books: Books) -> None:
    hand_over(books, answer(result("memory")))
    assert states(books) == ["planned", "accepted", "planned"]
    first, *again = deliveries(books)
    assert [len(json.loads(one.payload)["request"]) for one in again] == [1, 1]
    assert {one.next_attempt_at - books.now for one in again} == {timedelta(seconds=30)}
    assert {entry_of(books).submission_id, entry_of(books, "pods").submission_id} == {one.id for one in again}
    assert first.id == entry_of(books, "memory").submission_id


def test_what_is_never_mentioned_waits_for_a_person_in_the_end(books: Books) -> None:
    pauses = []
    for _ in range(MOST_SUBMISSIONS):
        assert entry_of(books).state == EntryState.PLANNED
        pauses.append(delivery_of(books).next_attempt_at - books.now)
        hand_over(books, answer())
    assert entry_of(books).state == EntryState.UNKNOWN
    assert entry_of(books).submissions == MOST_SUBMISSIONS
    assert pauses == [
        timedelta(0),
        *(timedelta(seconds=30 * 2**number) for number in range(MOST_SUBMISSIONS - 1)),
    ]
    assert sum(pauses, timedelta(0)) > HOUR


def test_a_duplicate_after_a_hand_over_without_an_answer_is_our_own(books: Books) -> None:
    submissions.before(books.db, delivery_of(books), books.now)  # and then nothing was heard
    hand_over(books, answer(*(result(name, **DUPLICATE) for name in DIMENSIONS)))
    assert states(books) == ["accepted"] * 3
    assert "our own earlier hand-over" in entry_of(books).reason


def test_a_duplicate_stays_somebody_elses_when_it_is_sent_again(books: Books) -> None:
    duplicates = answer(*(result(name, **DUPLICATE) for name in DIMENSIONS))
    hand_over(books, duplicates)
    assert states(books) == ["duplicate"] * 3
    adjustments.retry(books.db, entry_of(books).id, how="send", note="", actor="Alice", now=books.now)
    hand_over(books, duplicates)
    assert entry_of(books).state == EntryState.DUPLICATE


def test_a_line_that_was_rejected_is_not_ours_when_it_turns_out_to_be_there(books: Books) -> None:
    hand_over(books, answer(*(result(name, status="fail") for name in DIMENSIONS)))
    adjustments.retry(books.db, entry_of(books).id, how="send", note="", actor="Alice", now=books.now)
    hand_over(books, answer(result("cpu", **DUPLICATE)))
    assert entry_of(books).state == EntryState.DUPLICATE


@pytest.mark.parametrize(
    ("outcome", "certain", "after_doubt"),
    [
        (answer(*(result(name, status="fail") for name in DIMENSIONS)), "rejected", "unknown"),
        (Result("refused", "Clazar refused the request as a whole (403).", 1), "rejected", "unknown"),
        (Result("held", "Refused 40 times.", 40), "held", "held"),
        (Result("cancelled", "A person gave it up.", 1), "held", "held"),
        (Result("unknown", "The connection was cut.", 1), "unknown", "unknown"),
    ],
    ids=["each line", "as a whole", "held", "cancelled", "unknown"],
)
def test_a_refusal_is_not_called_rejected_when_an_earlier_copy_may_have_arrived(
    books: Books, outcome: Result, certain: str, after_doubt: str
) -> None:
    savepoint = books.db.begin_nested()
    hand_over(books, outcome)
    assert states(books) == [certain] * 3
    savepoint.rollback()
    books.db.expire_all()
    submissions.before(books.db, delivery_of(books), books.now)  # and then nothing was heard
    hand_over(books, outcome)
    assert states(books) == [after_doubt] * 3


def test_what_never_left_in_time_is_expired_and_not_sent(books: Books) -> None:
    verdict = hand_over(books, answer(), now=FIRST + 24 * HOUR)
    assert isinstance(verdict, Stop)
    assert "until 2025-07-25 10:00 UTC" in verdict.reason
    assert states(books) == ["expired"] * 3
    item = owed.by_key(books.db, "metering:Postgres:PROD:pt-a:2025-07-24T10:alice")
    assert item is not None
    assert item.state == "lapsed"


def test_what_may_have_arrived_in_time_is_asked_after_even_when_it_is_late(books: Books) -> None:
    submissions.before(books.db, delivery_of(books), books.now)
    hand_over(books, answer(*(result(name, **DUPLICATE) for name in DIMENSIONS)), now=FIRST + 30 * HOUR)
    assert states(books) == ["accepted"] * 3


def test_everything_that_stayed_too_long_expires_at_once(books: Books) -> None:
    submissions.before(books.db, delivery_of(books), books.now)
    entry_of(books).handings = 0
    books.db.flush()
    assert submissions.expire_what_is_too_late(books.db, now=FIRST + 24 * HOUR - timedelta(seconds=1)) == 0
    assert submissions.expire_what_is_too_late(books.db, now=FIRST + 24 * HOUR) == 1
    assert states(books) == ["expired", "planned", "planned"]


def test_what_a_person_settled_meanwhile_is_not_sent(books: Books) -> None:
    for entry in books.entries():
        entry.state = EntryState.DISMISSED
    books.db.flush()
    assert isinstance(hand_over(books, answer()), Stop)
    assert states(books) == ["dismissed"] * 3


def test_a_price_beyond_all_bounds_does_not_keep_usage_from_being_submitted(db: Session) -> None:
    books = Books(db, stream_config(), hours=2)
    dear = Usage("alice", "cpu", "1" + "0" * 29, "999999999999")
    taken = books.take(FIRST, {"sub-1.json": body([dear, Usage("bob", "cpu", "2", "0.5")])})
    assert taken.submissions == 2
    assert [entry.amount for entry in books.entries()] == [
        Decimal(10) ** 29 * Decimal(999999999999),
        Decimal("1.0"),
    ]
    item = owed.by_key(db, "metering:Postgres:PROD:pt-a:2025-07-24T10:alice")
    assert item is not None
    assert (item.state, item.amount_minor) == ("open", None)

"""Differences found late, and entries that a person settles: nothing is sent by itself, and nothing is lost."""

from __future__ import annotations

from decimal import Decimal
from threading import Thread

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker

from recoup.areas.metering.models import Adjustment, Entry, EntryState
from recoup.areas.metering.queries import window_rows
from recoup.areas.metering.service import adjustments
from recoup.core.clock import HOUR
from recoup.core.errors import Conflict, Invalid, NotFound
from recoup.core.ids import new_id
from recoup.office.journal.models import Event
from recoup.office.outbox.models import Delivery
from recoup.office.owed import queries as owed
from support.books import FIRST, Books, stream_config
from support.hour_files import Usage, body

CPU, MEMORY = ("alice", "cpu"), ("alice", "memory")


def used(cpu: str, *, memory: str | None = None, payer: str = "alice") -> dict[str, bytes]:
    records = [Usage(payer, "cpu", cpu), *([Usage(payer, "memory", memory)] if memory else [])]
    return {"sub-1.json": body(records)}


@pytest.fixture
def books(db: Session) -> Books:
    """Whole numbers; the first hour is taken with 10.5 cpu and 3 memory."""
    books = Books(db, stream_config(), hours=3)
    books.take(FIRST, used("10.5", memory="3"))
    return books


def find(books: Books, listing: str, **quantities: str) -> int:
    window = window_rows.window_at(books.db, books.config.key, FIRST)
    assert window is not None
    found = {("alice", name): Decimal(value) for name, value in quantities.items()}
    new = adjustments.find(
        books.db,
        books.stream,
        window,
        found,
        listing=listing,
        reason="It changed.",
        actor="test",
        now=books.now,
    )
    books.db.flush()
    return new


def differences(books: Books) -> dict[tuple[str, str], list[Decimal]]:
    rows: dict[tuple[str, str], list[Decimal]] = {}
    for row in books.db.scalars(select(Adjustment).order_by(Adjustment.id)):
        rows.setdefault((row.contract, row.dimension), []).append(row.difference)
    return rows


def first(books: Books, dimension: str = "cpu") -> Entry:
    return next(entry for entry in books.entries() if entry.dimension == dimension)


def in_state(books: Books, state: EntryState, *, dimension: str = "cpu") -> Entry:
    entry = first(books, dimension)
    entry.state = state
    books.db.flush()
    return entry


def retry(books: Books, entry: Entry, how: str, *, note: str = "", later: int = 0) -> Entry:
    return adjustments.retry(
        books.db, entry.id, how=how, note=note, actor="Alice", now=books.now + later * HOUR
    )


def end(books: Books, *, carry: bool) -> Adjustment:
    row = books.db.scalars(
        select(Adjustment).where(Adjustment.state == "open").order_by(Adjustment.id)
    ).first()
    assert row is not None
    return adjustments.end(books.db, row.id, carry=carry, note="seen", actor="Alice", now=books.now)


# ---------------------------------------------------------------- found


def test_more_less_new_and_vanished_are_told_and_the_same_is_not(books: Books) -> None:
    books.take(FIRST + HOUR, used("1"))
    assert find(books, "b", cpu="12", pods="2") == 3
    assert differences(books) == {
        CPU: [Decimal("1.5")],
        MEMORY: [Decimal(-3)],
        ("alice", "pods"): [Decimal(2)],
    }
    assert find(books, "c", cpu="12", pods="2") == 0
    assert find(books, "d", cpu="10.5", memory="3") == 3
    assert differences(books)[CPU] == [Decimal("1.5"), Decimal("-1.5")]


def test_nothing_is_sent_and_the_entries_stay_what_they_were(books: Books) -> None:
    before = books.db.scalar(select(func.count()).select_from(Delivery))
    find(books, "b", cpu="99", memory="3")
    assert books.db.scalar(select(func.count()).select_from(Delivery)) == before
    assert (first(books).measured, first(books).quantity) == (Decimal("10.5"), Decimal(10))
    assert books.carried() == {CPU: Decimal("0.5")}


def test_files_that_come_and_go_are_told_each_time(books: Books) -> None:
    """An object store gives the same content the same ETag, so a listing can come back."""
    for _ in range(3):
        assert find(books, "without", cpu="10.5") == 1
        assert find(books, "with", cpu="10.5", memory="3") == 1
    assert differences(books)[MEMORY] == [Decimal(-3), Decimal(3)] * 3


def test_a_difference_is_written_into_the_journal(books: Books) -> None:
    find(books, "b", cpu="12", memory="3")
    event = books.db.scalars(select(Event).where(Event.kind == "metering.window_changed")).one()
    assert event.subject == "metering/window/Postgres:PROD:pt-a/2025-07-24T10"
    assert event.detail == {"adjustments": 1, "reason": "It changed."}


# ---------------------------------------------------------------- settled


def test_carried_on_a_difference_leaves_with_the_next_window(books: Books) -> None:
    find(books, "b", cpu="12.7", memory="3")
    row = end(books, carry=True)
    assert (row.state, row.ended_by, row.note) == ("carried", "Alice", "seen")
    assert books.carried() == {CPU: Decimal("2.7")}
    books.take(FIRST + HOUR, used("1"))
    entry = books.entries()[-1]
    assert (entry.measured, entry.carried_in) == (Decimal(1), Decimal("2.7"))
    assert (entry.quantity, entry.carried_out) == (Decimal(3), Decimal("0.7"))


def test_carried_on_it_leaves_with_the_next_window_even_of_a_customer_who_has_gone(books: Books) -> None:
    find(books, "b", cpu="12.7", memory="3")
    end(books, carry=True)
    books.take(FIRST + HOUR, used("1", payer="bob"))
    entry = next(one for one in books.entries() if one.hour == FIRST + HOUR and one.contract == "alice")
    assert (entry.measured, entry.carried_in, entry.quantity) == (Decimal(0), Decimal("2.7"), Decimal(2))
    assert entry.state == EntryState.PLANNED
    assert books.carried() == {CPU: Decimal("0.7")}


def test_a_correction_downwards_is_taken_off_what_follows(books: Books) -> None:
    find(books, "b", cpu="4", memory="3")
    end(books, carry=True)
    assert books.carried() == {CPU: Decimal(-6)}
    books.take(FIRST + HOUR, used("2.5"))
    entry = books.entries()[-1]
    assert (entry.quantity, entry.state, entry.carried_out) == (
        Decimal(0),
        EntryState.CARRIED,
        Decimal("-3.5"),
    )
    books.take(FIRST + 2 * HOUR, used("9"))
    assert books.entries()[-1].quantity == Decimal(5)
    assert books.carried() == {CPU: Decimal("0.5")}


def test_dismissed_a_difference_changes_nothing(books: Books) -> None:
    find(books, "b", cpu="12", memory="3")
    assert end(books, carry=False).state == "dismissed"
    assert books.carried() == {CPU: Decimal("0.5")}


def test_a_difference_is_settled_once(books: Books) -> None:
    find(books, "b", cpu="12", memory="3")
    row = end(books, carry=True)
    with pytest.raises(Conflict, match="carried already"):
        adjustments.end(books.db, row.id, carry=True, note="", actor="Bob", now=books.now)
    assert books.carried() == {CPU: Decimal(2)}
    with pytest.raises(NotFound, match="no adjustment"):
        adjustments.end(books.db, new_id(), carry=True, note="", actor="Bob", now=books.now)


def test_what_a_person_adds_while_a_window_is_taken_is_not_lost(sessions: sessionmaker[Session]) -> None:
    """The remainder is not there yet when the window reads it, and both write it."""
    config = stream_config()
    with sessions.begin() as db:
        stream_id = Books(db, config, hours=2).stream.id

    def take() -> None:
        with sessions.begin() as other:
            Books(other, config, hours=2).take(FIRST, used("1.25"))

    taking = Thread(target=take)
    with sessions.begin() as db:
        adjustments.carry_on(db, stream_id, "alice", "cpu", Decimal(100), now=FIRST)
        taking.start()
        _until_somebody_waits(sessions)
    taking.join()
    with sessions.begin() as db:
        assert Books(db, config, hours=2).carried() == {CPU: Decimal("100.25")}


def _until_somebody_waits(sessions: sessionmaker[Session]) -> None:
    waiting = text("select count(*) from pg_locks where not granted and pid <> pg_backend_pid()")
    with sessions() as db:
        for _ in range(1000):
            if db.execute(waiting).scalar_one():
                return
            db.rollback()
            db.execute(text("select pg_sleep(0.01)"))
    raise AssertionError("nobody waits")


# ---------------------------------------------------------------- entries


@pytest.mark.parametrize("state", ["rejected", "held", "unknown", "expired", "duplicate"])
@pytest.mark.parametrize(
    ("how", "after"), [("accept", "accepted"), ("dismiss", "dismissed"), ("restamp", "restamped")]
)
def test_a_person_may_settle_what_waits_for_one(books: Books, state: str, how: str, after: str) -> None:
    entry = retry(books, in_state(books, EntryState(state)), how, note="looked it up")
    assert (entry.state, entry.reason) == (after, "looked it up")
    events = books.db.scalars(select(Event).where(Event.kind == f"metering.entry_{how}")).all()
    assert [(event.actor, event.detail["was"], event.detail["quantity"]) for event in events] == [
        ("Alice", state, "10")
    ]
    assert books.carried() == {CPU: Decimal("10.5" if how == "restamp" else "0.5")}


@pytest.mark.parametrize("state", ["planned", "accepted", "carried", "restamped", "dismissed"])
@pytest.mark.parametrize("how", ["send", "accept", "dismiss", "restamp"])
def test_and_nothing_else(books: Books, state: str, how: str) -> None:
    with pytest.raises(Conflict, match=f"is {state}"):
        retry(books, in_state(books, EntryState(state)), how)
    assert books.carried() == {CPU: Decimal("0.5")}


def test_what_is_asked_for_must_be_known(books: Books) -> None:
    with pytest.raises(Invalid, match="'resend' is not known") as problem:
        retry(books, in_state(books, EntryState.REJECTED), "resend")
    assert "restamp" in (problem.value.fix or "")
    with pytest.raises(NotFound, match="no entry"):
        adjustments.retry(books.db, new_id(), how="send", note="", actor="Alice", now=books.now)


def test_sent_again_it_is_the_same_quantity_for_the_same_hour_in_a_new_submission(books: Books) -> None:
    entry = in_state(books, EntryState.REJECTED)
    old = books.db.get_one(Delivery, entry.submission_id)
    retry(books, entry, "send")
    books.db.flush()
    new = books.db.get_one(Delivery, entry.submission_id)
    assert (entry.state, entry.submissions) == (EntryState.PLANNED, 2)
    assert new.key != old.key
    assert b'"dimension":"cpu"' in new.payload
    assert b'"start_time":"2025-07-24T10:00:00Z"' in new.payload
    assert b'"quantity":"10"' in new.payload
    assert b"memory" not in new.payload
    assert books.carried() == {CPU: Decimal("0.5")}


def test_too_late_it_is_not_sent_again_but_may_be_restamped(books: Books) -> None:
    entry = in_state(books, EntryState.REJECTED)
    with pytest.raises(Conflict, match="until 2025-07-25 10:00 UTC") as problem:
        retry(books, entry, "send", later=24)
    assert "--restamp" in (problem.value.fix or "")
    retry(books, entry, "restamp", later=24)
    books.take(FIRST + HOUR, used("1"))
    assert books.entries()[-1].quantity == Decimal(11)


def test_what_was_never_a_quantity_can_only_be_dismissed(db: Session) -> None:
    formulas = [{"name": "units", "formula": "cpu - 100"}]
    books = Books(db, stream_config(dimensions=formulas), hours=2)
    books.take(FIRST, used("1"))
    (entry,) = books.entries()
    assert (entry.state, entry.dimension) == (EntryState.HELD, "units")
    assert "negative" in entry.reason
    for how in ("send", "restamp"):
        with pytest.raises(Conflict, match="no quantity") as problem:
            retry(books, entry, how)
        assert "dismiss" in (problem.value.fix or "")
    assert retry(books, entry, "dismiss").state == EntryState.DISMISSED


def test_a_held_formula_does_not_keep_a_remainder_from_the_books(db: Session) -> None:
    formulas = [{"name": "units", "formula": "cpu - 100"}]
    books = Books(db, stream_config(dimensions=formulas), hours=2)
    adjustments.carry_on(db, books.stream.id, "alice", "units", Decimal(7), now=books.now)
    books.take(FIRST, used("1"))
    assert [(one.state, one.quantity) for one in books.entries()] == [(EntryState.HELD, Decimal(0))]
    assert books.carried() == {("alice", "units"): Decimal(7)}


def test_what_another_stream_submits_is_held_and_cannot_be_sent(db: Session) -> None:
    one = Books(db, stream_config(), hours=2)
    two = Books(db, stream_config(service="Search"), hours=2)
    one.take(FIRST, used("1"))
    two.take(FIRST, used("2"))
    (entry,) = two.entries()
    assert entry.state == EntryState.HELD
    assert "Another stream" in entry.reason
    with pytest.raises(Conflict, match="Another stream") as problem:
        retry(two, entry, "send")
    assert "--restamp" in (problem.value.fix or "")
    retry(two, entry, "restamp")
    two.take(FIRST + HOUR, {})
    assert [(each.state, each.quantity) for each in two.entries()] == [
        (EntryState.RESTAMPED, Decimal(2)),
        (EntryState.PLANNED, Decimal(2)),
    ]


def test_two_streams_that_take_the_same_hour_at_once_do_not_stumble(sessions: sessionmaker[Session]) -> None:
    """The second waits for the first, and then sees what it took."""
    configs = [stream_config(), stream_config(service="Search")]
    for config in configs:
        with sessions.begin() as db:
            Books(db, config, hours=2)

    def take() -> None:
        with sessions.begin() as other:
            Books(other, configs[1], hours=2).take(FIRST, used("2"))

    taking = Thread(target=take)
    with sessions.begin() as db:
        Books(db, configs[0], hours=2).take(FIRST, used("1"))
        taking.start()
        _until_somebody_waits(sessions)
    taking.join()
    with sessions.begin() as db:
        states = [[one.state for one in Books(db, config, hours=2).entries()] for config in configs]
    assert states == [[EntryState.PLANNED], [EntryState.HELD]]


def test_the_book_of_what_is_owed_follows(books: Books) -> None:
    key = "metering:Postgres:PROD:pt-a:2025-07-24T10:alice"

    def state() -> str:
        item = owed.by_key(books.db, key)
        assert item is not None
        return item.state

    assert state() == "open"
    retry(books, in_state(books, EntryState.REJECTED), "dismiss")
    assert state() == "open"  # the other dimension is still under way
    retry(books, in_state(books, EntryState.UNKNOWN, dimension="memory"), "accept")
    books.db.flush()
    assert state() == "settled"
